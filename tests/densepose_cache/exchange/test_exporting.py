import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from coded_video import write_coded
from people import SIZE
from PIL import Image
from small_cache import PRECOMPUTED, SHARDS, small_cache

from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.shard import bucket, shard_name
from densepose_cache.cache.stack import Stack
from densepose_cache.cli.main import SUBCOMMANDS, SUMMARY
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.config import FILE_FORMATS, FramesSource, VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backends.precomputed import PngFolder
from densepose_cache.exchange.exporting import export_iuv
from densepose_cache.exchange.importing import import_iuv
from densepose_cache.iuv import read_iuv_png, write_iuv_png
from densepose_cache.iuv.side_file import write_side_file
from densepose_cache.stages.clips import build_clip_table
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A built cache and the maps that it was made of."""
    folder = tmp_path_factory.mktemp("cache")
    _, maps = small_cache(folder)
    return folder, maps


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("order", ["VUI", "IUV"])
def test_pictures_of_an_index(cache, tmp_path, order):
    folder, maps = cache
    found = export_iuv(folder / "train.h5", tmp_path / "out", order=order)
    assert [clip.name for clip in found] == ["anna", "ben", "carl"]
    for name in ("anna", "ben", "carl"):
        pictures = PngFolder(tmp_path / "out" / name, order)
        assert np.array_equal(np.stack([pictures.read(k) for k in range(len(pictures))]), maps[name])
    assert files(tmp_path / "out/anna")[:2] == ["frame000000_IUV.png", "frame000001_IUV.png"]


def test_opencv_reads_i_u_v(cache, tmp_path):
    cv2 = pytest.importorskip("cv2")
    folder, maps = cache
    export_iuv(folder / "test.h5", tmp_path)
    assert np.array_equal(cv2.imread(str(tmp_path / "dora/frame000002_IUV.png")), maps["dora"][2])


def test_pictures_of_a_shard_come_back_through_import(cache, tmp_path):
    folder, maps = cache
    shard = folder / "iuv" / f"{shard_name(bucket('ben', SHARDS))}.h5"
    export_iuv(shard, tmp_path / "out", "densepose-png", clips=["ben"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ben"]
    with Image.open(tmp_path / "out/ben/frame000003_INDS.png") as picture:
        assert np.array_equal(np.asarray(picture), maps["ben"][3, ..., 0] > 0)
    frames = tmp_path / "frames"
    shutil.copytree(folder / "data/ben/target", frames)
    report = import_iuv(tmp_path / "out/ben", frames, tmp_path / "ben.iuv.h5")
    assert report.format == "densepose-png"
    export_iuv(tmp_path / "ben.iuv.h5", tmp_path / "again", "iuv-png")
    again = [read_iuv_png(tmp_path / "again/ben" / name) for name in files(tmp_path / "again/ben")]
    assert np.array_equal(np.stack(again), maps["ben"])


def test_the_official_layout_comes_back_bit_for_bit(cache, tmp_path):
    """Maps, frames, splits and rates, through the source of kind frames, `decode` and `densepose`."""
    folder, _ = cache
    for split in ("train", "test"):
        export_iuv(folder / f"{split}.h5", tmp_path / "out", "dwnet")
    table = pd.read_csv(tmp_path / "out/clips.csv")
    assert table["clip"].tolist() == ["anna", "ben", "carl", "dora"] and table["split"].tolist() == ["train"] * 3 + ["test"]
    assert files(tmp_path / "out/dora")[8:10] == ["dp_target/frame000008_IUV.png", "dp_target/frame000009_IUV.png"]
    source = FramesSource(kind="frames", path=str(tmp_path / "out"), table=str(tmp_path / "out/clips.csv"))
    build_clip_table(source, tmp_path, tmp_path / "new/clips.csv", 1)
    decode_shard(tmp_path / "new/clips/000.csv", tmp_path / "new/frames.h5", VideoSettings(size=SIZE))
    densepose_shard(tmp_path / "new/clips/000.csv", tmp_path / "new/frames.h5", tmp_path / "new/iuv.h5", PRECOMPUTED)
    with h5py.File(tmp_path / "new/frames.h5") as frames, h5py.File(tmp_path / "new/iuv.h5") as iuv:
        for split, names in (("train", ["anna", "ben", "carl"]), ("test", ["dora"])):
            with SplitReader(folder / f"{split}.h5") as reader:
                for name in names:
                    assert np.array_equal(Stack(iuv[name]["iuv"])[:], reader.iuv(name, slice(None)))
                    assert np.array_equal(Stack(frames[name]["rgb"])[:], reader.frames(name, slice(None)))
                    assert frames[name].attrs["split"] == split and frames[name].attrs["fps"] == reader.fps(name)


@pytest.fixture
def side(cache, tmp_path):
    """A side file of 9 maps."""
    maps = cache[1]["anna"]
    write_side_file(tmp_path / "walk.iuv.h5", maps, maps.shape[:3])
    return tmp_path / "walk.iuv.h5"


def test_the_official_layout_of_a_side_file_takes_the_video_beside_it(side, tmp_path):
    with pytest.raises(InputError, match=r"walk\.iuv\.h5: no video or folder walk lies beside it"):
        export_iuv(side, tmp_path / "out", "dwnet")
    assert files(tmp_path) == ["walk.iuv.h5"]
    write_coded(tmp_path / "walk.mp4", 9, width=SIZE, height=SIZE)
    export_iuv(side, tmp_path / "out", "dwnet")
    maps, frames = (
        [f"walk/{place}/frame00000{k}{end}" for k in range(9)] for place, end in (("dp_target", "_IUV.png"), ("target", ".png"))
    )
    assert files(tmp_path / "out") == maps + frames, "no table: nothing is known of its split"


def test_a_folder_of_frames_beside_a_side_file_must_fit(side, tmp_path):
    for count in (1, 10):
        for time in range(count):
            write_iuv_png(tmp_path / f"walk/frame{time}.png", np.zeros((SIZE, SIZE, 3), np.uint8))
        with pytest.raises(InputError, match=rf"clip walk has 9 maps but {1 if count == 1 else 'more'} frames; import its maps again"):
            export_iuv(side, tmp_path / "out", "dwnet")
        assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_not_lost_by_mistake(cache, tmp_path):
    folder, _ = cache
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna/mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"anna: exists; give --replace"):
        export_iuv(folder / "train.h5", tmp_path)
    assert files(tmp_path) == ["anna/mine.txt"]
    export_iuv(folder / "train.h5", tmp_path, replace=True)
    assert "anna/mine.txt" not in files(tmp_path) and len(list(tmp_path.iterdir())) == 3


def test_nothing_half_written_stays(cache, tmp_path):
    """The frames' shard is damaged in its second half: clips before it are whole, the one with the damage is not there at all."""
    folder, _ = cache
    shutil.copytree(folder, tmp_path / "c")
    name = f"{shard_name(bucket('dora', SHARDS))}.h5"
    with h5py.File(tmp_path / "c/iuv" / name) as file:
        dataset = file["dora/iuv"].id
        chunk = dataset.get_chunk_info(dataset.get_num_chunks() - 1)
    with (tmp_path / "c/iuv" / name).open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    with pytest.raises(InputError, match="frame 11 is damaged"):
        export_iuv(tmp_path / "c/test.h5", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_is_named(cache, tmp_path):
    folder, maps = cache
    shard = f"{shard_name(bucket('anna', SHARDS))}.h5"
    for source, options, reason in (
        (tmp_path / "none.h5", {}, r"none\.h5: no such index, shard or side file"),
        (folder / "clips.csv", {}, r"clips\.csv: cannot be read as HDF5"),
        (folder / "warps" / shard, {}, r"is a shard of the stage warp, which holds no maps"),
        (folder / "train.h5", {"clips": ["zoe"]}, r"train\.h5: holds no clip zoe; it has anna, ben, carl"),
        (folder / "train.h5", {"format": "x"}, "format 'x' is unknown; allowed: iuv-png, densepose-png, dwnet"),
        (folder / "train.h5", {"order": "UVI"}, "order of IUV channels is 'UVI'"),
    ):
        with pytest.raises(InputError, match=reason):
            export_iuv(source, tmp_path / "out", **options)
    shutil.copytree(folder / "iuv", tmp_path / "iuv")
    with pytest.raises(InputError, match=r"frames/.*: the frames of clip .* are not there"):
        export_iuv(tmp_path / "iuv" / shard, tmp_path / "out", "dwnet")
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file.attrs.update(stage="densepose", format=FILE_FORMATS["densepose"])
        file["../iuv"] = maps["anna"]
        file[".."].attrs["split"] = "test"
    with pytest.raises(InputError, match=r"odd\.h5: '\.\.' is no clip name"):
        export_iuv(tmp_path / "odd.h5", tmp_path / "out")
    with pytest.raises(InputError, match=r"odd\.h5: cannot be written to \(not a directory\)"):
        export_iuv(folder / "train.h5", tmp_path / "odd.h5")
    assert not [path for path in tmp_path.rglob("*.png")]


def test_the_subcommand(cache, tmp_path, capsys):
    folder, _ = cache
    arguments = ["export-iuv", str(folder / "test.h5"), str(tmp_path / "out"), "--format", "dwnet", "--clip", "dora"]
    assert run_subcommands(SUMMARY, SUBCOMMANDS, arguments) == 0
    assert "out: 12 maps of 1 clips" in capsys.readouterr().err
    assert run_subcommands(SUMMARY, SUBCOMMANDS, arguments) == 2
    assert run_subcommands(SUMMARY, SUBCOMMANDS, [*arguments, "--replace"]) == 0
    capsys.readouterr()
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["export-iuv", "--help"]) == 0
    assert "Example: densepose-cache export-iuv" in capsys.readouterr().out
