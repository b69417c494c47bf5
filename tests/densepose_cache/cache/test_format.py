"""Shards as anybody reads them, and shards of the format before."""

import re
import shutil
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pandas as pd
import pytest
from small_cache import PRECOMPUTED, WARP, body_maps, small_cache

import densepose_cache.cache
from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.shard import COMPRESSION, ShardWriter, open_shard
from densepose_cache.cache.stack import Stack
from densepose_cache.cache.verify import verify
from densepose_cache.cli.main import SUBCOMMANDS, SUMMARY
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.clips import write_table
from densepose_cache.config import VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard
from densepose_cache.stages.index import build_index
from densepose_cache.stages.warp import warp_shard
from densepose_cache.storage.checksum import damage, seal
from densepose_cache.storage.reuse import kept

FORMAT3 = Path(__file__).parent / "format3"
"""Shards of the clips anna (train) and ben (test), 4 frames of 32x32 pixels each, that the last version wrote that had the filter."""
SIZE, CLIPS = 32, {"anna": "train", "ben": "test"}
MAPS = {name: body_maps(seed, 4, SIZE) for seed, name in enumerate(CLIPS)}
FRAMES = {name: np.where(maps[..., :1] > 0, maps * 7, 200).astype(np.uint8) for name, maps in MAPS.items()}


def test_the_recipe_of_the_format(tmp_path, monkeypatch):
    text = (Path(densepose_cache.cache.__file__).parent / "FORMAT.md").read_text()
    [recipe] = re.findall(r"```python\n(.*?)```", text, re.S)
    small_cache(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(recipe, found)
    clip = found["clip"]
    with SplitReader(Path("test.h5" if clip == "dora" else "train.h5")) as reader:
        assert np.array_equal(found["frames"], reader.frames(clip, slice(None))) and np.array_equal(found["last"], reader.iuv(clip, -1))


@pytest.fixture
def cache(tmp_path):
    """A cache with the two shards of format 3 in it, as the writers keep them. The videos of their clips are gone, the maps are empty."""
    table = pd.DataFrame({"clip": CLIPS.keys(), "split": CLIPS.values(), "video": "gone", "iuv": str(tmp_path / "maps.iuv.h5")})
    table["sha256"], table["iuv_sha256"] = [f"frames of {name}" for name in CLIPS], [f"maps of {name}" for name in CLIPS]
    write_table(tmp_path / "clips.csv", table)
    (tmp_path / "maps.iuv.h5").touch()
    for kind in ("frames", "iuv"):
        (tmp_path / kind).mkdir()
        shutil.copy(FORMAT3 / f"{kind}.h5", tmp_path / kind / "000.h5")
        kept(tmp_path / kind / "000.h5").hardlink_to(tmp_path / kind / "000.h5")
    return tmp_path


def run(cache: Path):
    """Run the stages on all clips of the table."""
    table, frames, iuv, warps = (cache / name for name in ("clips.csv", "frames/000.h5", "iuv/000.h5", "warps/000.h5"))
    decode_shard(table, frames, VideoSettings(size=SIZE))
    densepose_shard(table, frames, iuv, PRECOMPUTED)
    warp_shard(table, iuv, warps, WARP)


def check(cache: Path, clips=CLIPS):
    """The shards hold the frames and maps of `clips`, undamaged, with the digests of format 3."""
    for kind, stage, name, wanted in (("frames", "decode", "rgb", FRAMES), ("iuv", "densepose", "iuv", MAPS)):
        assert verify(cache / kind / "000.h5", stage) == len(clips)
        with h5py.File(cache / kind / "000.h5") as file, h5py.File(FORMAT3 / f"{kind}.h5") as before:
            assert set(file) == set(clips)
            for clip in clips:
                assert np.array_equal(Stack(file[clip][name])[:], wanted[clip])
                assert file[clip].attrs["digest"] == before[clip].attrs["digest"]


def test_shards_of_format_3_are_read_and_stay_where_nothing_changed(cache, capsys):
    inodes = [(cache / kind / "000.h5").stat().st_ino for kind in ("frames", "iuv")]
    run(cache)
    assert [(cache / kind / "000.h5").stat().st_ino for kind in ("frames", "iuv")] == inodes
    check(cache)
    build_index(cache / "clips.csv", cache / "frames", cache / "iuv", cache / "warps", 1, cache)
    for clip, split in CLIPS.items():
        with SplitReader(cache / f"{split}.h5") as reader:
            for which in (slice(None), 2, [3, 1]):
                assert np.array_equal(reader.frames(clip, which), FRAMES[clip][which])
                assert np.array_equal(reader.iuv(clip, which), MAPS[clip][which])
            assert all(reader.grid(clip, *pair).shape == (SIZE, SIZE) for pair in reader.pairs(clip))
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["inspect", str(cache / "frames/000.h5")]) == 0
    assert "format 3" in (told := capsys.readouterr().out) and told.endswith("undamaged: 2 clips\n")
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["inspect", str(cache / "train.h5"), "--png", str(cache / "anna.png")]) == 0


def test_clips_of_format_3_are_taken_over_into_files_that_anybody_reads(cache):
    table = pd.read_csv(cache / "clips.csv", dtype=str, keep_default_na=False)
    write_table(cache / "clips.csv", table[table["clip"] == "anna"])
    run(cache)
    check(cache, ["anna"])
    for kind, name in (("frames", "rgb"), ("iuv", "iuv")):
        with h5py.File(cache / kind / "000.h5") as file, h5py.File(FORMAT3 / f"{kind}.h5") as before:
            new, old = file["anna"][name], before["anna"][name]
            creation = new.id.get_create_plist()
            filters = [creation.get_filter(number)[0] for number in range(creation.get_nfilters())]
            assert file.attrs["format"] == 4 and filters == [hdf5plugin.BLOSC_ID, h5py.h5z.FILTER_FLETCHER32]
            assert set(file["anna"]) == set(before["anna"]) and dict(file["anna"].attrs) == dict(before["anna"].attrs)
            for number in range(4):
                chunks = [data.id.read_direct_chunk((number, 0, 0, 0)) for data in (new, old)]
                assert chunks[0] == chunks[1], "compressed bytes are copied"
            assert np.array_equal(np.cumsum(new[:], axis=-3, dtype=np.uint8), (FRAMES if kind == "frames" else MAPS)["anna"])


def test_damage_in_format_3_is_found(cache):
    run(cache)
    build_index(cache / "clips.csv", cache / "frames", cache / "iuv", cache / "warps", 1, cache)
    path = cache / "frames/000.h5"
    with h5py.File(path) as file:
        chunk = file["anna/rgb"].id.get_chunk_info(2)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 4
    path.write_bytes(content)
    with SplitReader(cache / "train.h5") as reader, pytest.raises(InputError, match=rf"{path}: clip anna cannot be read"):
        reader.frames("anna", 2)
    with pytest.raises(InputError, match=rf"{path}: damaged are clip anna"):
        verify(path, "decode")


def test_stacks_in_zstandard_are_read_and_taken_over(tmp_path):
    """So the first clips of format 3 lie."""
    path, frames = tmp_path / "000.h5", np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    with h5py.File(kept(path), "w") as file:
        file.attrs.update(stage="decode", format=3, settings="{}", versions="{}")
        file.create_group("a").attrs["digest"] = "1"
        file["a"].create_dataset("rgb", data=frames, chunks=(1, 4, 4, 3), compression=COMPRESSION, fletcher32=True)
        seal(file["a"])
        seal(file)
        assert np.array_equal(Stack(file["a/rgb"])[:], frames)
    with ShardWriter(path, "decode", {}) as shard:
        for clip in "ab":
            if not shard.keep(clip, "1"):
                shard.write(shard.create(clip, "1"), "rgb", frames)
    assert (shard.kept, shard.created) == (["a"], ["b"])
    with open_shard(path, "decode") as file:
        assert not damage(file) and not damage(file["a"])
        assert all(np.array_equal(Stack(file[clip]["rgb"])[:], frames) for clip in "ab")


@pytest.mark.parametrize("stage", ["warp", "index"])
def test_no_other_files_are_read_in_format_3_but_those_that_have_it(tmp_path, stage):
    with h5py.File(tmp_path / "000.h5", "w") as file:
        file.attrs.update(stage=stage, format=4)
    with pytest.raises(InputError, match=rf"holds stage '{stage}' in format 4, but"):
        open_shard(tmp_path / "000.h5", stage)
