import h5py
import numpy as np
import pytest
from people import SIZE
from PIL import Image
from small_cache import WARP, small_cache

from densepose_cache.cache.shard import bucket, shard_name
from densepose_cache.cli.inspect import describe, picture
from densepose_cache.cli.main import SUBCOMMANDS, SUMMARY
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.core.errors import InputError
from densepose_cache.warp import coarse_warp_grid
from densepose_cache.warp.pairs import draw_samples, sample_pairs


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    return folder, small_cache(folder)[1]


def shard(folder, kind, clip):
    return folder / kind / f"{shard_name(bucket(clip, 2))}.h5"


def test_shards_and_indexes_are_described(built):
    folder, maps = built
    text = describe(shard(folder, "iuv", "ben"), "ben")
    assert "stage densepose" in text and "backend=precomputed" in text and f"iuv {maps['ben'].shape} uint8" in text
    assert "anna" not in text
    assert "geometry: width=64" in describe(shard(folder, "frames", "anna"))
    pairs = sample_pairs(draw_samples("anna", len(maps["anna"]), WARP), 3)
    assert f"pairs {pairs.shape} int32" in describe(shard(folder, "warps", "anna"), "anna")
    text = describe(folder / "train.h5")
    assert all(f"\n{clip}\n" in text for clip in ("anna", "ben", "carl")) and "frames -> frames/" in text and "(missing)" not in text


def test_lost_shards_show(built, tmp_path):
    (tmp_path / "train.h5").write_bytes((built[0] / "train.h5").read_bytes())
    assert describe(tmp_path / "train.h5").count("(missing)") == 9


def test_picture_shows_frames_maps_and_the_warped_source(built):
    folder, maps = built
    drawn = picture(folder / "test.h5", "dora")
    assert drawn.shape == (5 * SIZE, 6 * SIZE, 3)
    grid = coarse_warp_grid(maps["dora"][0], maps["dora"][0])
    assert np.array_equal(drawn[:SIZE, :SIZE][grid.visible], drawn[3 * SIZE : 4 * SIZE, :SIZE][grid.visible])
    assert np.array_equal(drawn[:SIZE, :SIZE], drawn[4 * SIZE :, :SIZE])
    assert (drawn[SIZE : 2 * SIZE, :SIZE, 1] == maps["dora"][0][..., 1]).all()


def test_the_subcommand(built, tmp_path, capsys):
    folder, _ = built
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["inspect", str(folder / "test.h5"), "--png", str(tmp_path / "a.png")]) == 0
    assert Image.open(tmp_path / "a.png").size == (6 * SIZE, 5 * SIZE)
    assert "dora" in capsys.readouterr().out
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["inspect", str(shard(folder, "iuv", "ben")), "--png", str(tmp_path / "b.png")]) == 2
    assert "needs an index" in capsys.readouterr().err
    assert not (tmp_path / "b.png").exists()
    (tmp_path / "folder.png").mkdir()
    for name, message in {"": "does not end in .png", "picture": "does not end in .png", "folder.png": "is a folder"}.items():
        assert run_subcommands(SUMMARY, SUBCOMMANDS, ["inspect", str(folder / "test.h5"), "--png", str(tmp_path / name)]) == 2
        assert f"error: {tmp_path / name}: {message}" in capsys.readouterr().err


def test_files_that_are_no_cache(tmp_path, built):
    with pytest.raises(InputError, match=r"none\.h5: no such"):
        describe(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(InputError, match=r"text\.h5: is no HDF5 file"):
        describe(tmp_path / "text.h5")
    for name, attributes, what in (
        ("x", {}, "holds stage None"),
        ("iuv", {}, "is a side file of IUV maps"),
        ("x", {"stage": "rollout"}, "holds stage 'rollout'"),
    ):
        with h5py.File(tmp_path / "foreign.h5", "w") as file:
            file[name] = 1
            file.attrs.update(attributes)
        with pytest.raises(InputError, match=rf"foreign\.h5: is no shard .* it {what}.*; give train\.h5 or test\.h5 of a cache; ") as error:
            describe(tmp_path / "foreign.h5")
        assert "rm " not in str(error.value)
    whole = shard(built[0], "iuv", "ben").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.h5: cannot be read as HDF5"):
        describe(tmp_path / "cut.h5")
    with pytest.raises(InputError, match="no clip zoe"):
        describe(built[0] / "test.h5", "zoe")
