"""Damaged files of the cache: each is told from a good one, with its name, its clip and the command that mends it."""

import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from people import SIZE
from small_cache import PRECOMPUTED, SHARDS, WARP, small_cache

from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.shard import FOLDERS, ShardWriter, bucket, open_shard, shard_name
from densepose_cache.cache.verify import verify
from densepose_cache.cli.main import SUBCOMMANDS, SUMMARY
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.config import VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard
from densepose_cache.stages.index import build_index
from densepose_cache.stages.warp import warp_shard
from densepose_cache.storage.checksum import ATTRIBUTE, damage

CLIP = "anna"
NAME = shard_name(bucket(CLIP, SHARDS))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    small_cache(folder, frames=5)
    return folder


@pytest.fixture
def cache(tmp_path, built):
    """A copy of the built cache to spoil; as there, the writers' hard links are the shards themselves."""
    copy = shutil.copytree(built, tmp_path / "cache")
    for link in copy.rglob(".*.kept"):
        link.unlink()
        link.hardlink_to(link.with_name(link.name.removeprefix(".").removesuffix(".kept")))
    return copy


def shard(cache: Path, folder: str) -> Path:
    return cache / folder / f"{NAME}.h5"


def mending(path: Path) -> str:
    """The end of every message."""
    return f"rm {path} && snakemake --cores all {path}"


def read_all(cache: Path, clips=None) -> list:
    """All that the readers of both splits give of `clips`, or of every clip."""
    found = []
    for split in ("train", "test"):
        with SplitReader(cache / f"{split}.h5") as reader:
            for clip in sorted(set(reader.clips) & set(clips or reader.clips)):
                found += [reader.frames(clip, slice(None)), reader.iuv(clip, slice(None)), reader.pairs(clip), reader.keypoints(clip)]
                found += [reader.grid(clip, *pair) for pair in reader.pairs(clip)]
                found += [reader.length(clip), reader.fps(clip), reader.digest(clip)]
    return found


def told(action, *arguments) -> str:
    """The InputError of an action, as text: an exception would keep files open, and HDF5 what it has read of them."""
    try:
        action(*arguments)
    except InputError as error:
        return str(error)
    pytest.fail(f"{action.__name__}{arguments} raised no error")


def same(one: list, other: list) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def flip(path: Path, position: int, bit: int = 0):
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1 << bit]))


def data_ranges(path: Path, clip: str) -> list[tuple[int, int]]:
    """Where the stored bytes of a clip's datasets lie: first byte, byte behind the last."""
    ranges = []
    with h5py.File(path) as file:
        for dataset in file[clip].values():
            if dataset.chunks is None:
                ranges.append((dataset.id.get_offset(), dataset.nbytes))
            else:
                chunks = [dataset.id.get_chunk_info(k) for k in range(dataset.id.get_num_chunks())]
                ranges += [(chunk.byte_offset, chunk.size) for chunk in chunks]
    return [(start, start + size) for start, size in ranges if start is not None]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("share", [0, 1e-9, 0.01, 0.3, 0.99, 1])
def test_truncated_shards(cache, folder, share):
    path = shard(cache, folder)
    whole = path.read_bytes()
    path.write_bytes(whole[: min(int(share * len(whole)) + (share > 0), len(whole) - 1)])
    assert re.match(rf"{path}: clip {CLIP} cannot be read .*{mending(path)}$", told(read_all, cache, [CLIP]))
    assert re.match(
        rf"{path}: cannot be read as HDF5 .*`{FOLDERS[folder]}` stage again: {mending(path)}$", told(verify, path, FOLDERS[folder])
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_foreign_files(cache, folder, capsys):
    path = shard(cache, folder)
    path.unlink()
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2]
    with pytest.raises(InputError, match=rf"^{path}: clip {CLIP} cannot be read .*{mending(path)}$"):
        read_all(cache, [CLIP])
    with pytest.raises(InputError, match=rf"^{path}: holds stage None.*{mending(path)}$"):
        open_shard(path, FOLDERS[folder])
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["inspect", str(path)]) == 2
    assert f"{path}: is no shard" in (told := capsys.readouterr().err) and mending(path) in told


@pytest.mark.parametrize("folder", FOLDERS)
def test_other_versions_of_the_format(cache, folder):
    path = shard(cache, folder)
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = 0
    with pytest.raises(InputError, match=rf"^{path}: holds stage '{FOLDERS[folder]}' in format 0, .*{mending(path)}$"):
        read_all(cache, [CLIP])
    with pytest.raises(InputError, match=rf"^{path}: holds stage .* in format 0, .*{mending(path)}$"):
        verify(path, FOLDERS[folder])


@pytest.mark.parametrize("folder", FOLDERS)
def test_shards_of_another_cache_with_the_same_names(cache, folder, tmp_path):
    small_cache(tmp_path / "other", frames=6)
    shutil.copy(shard(tmp_path / "other", folder), shard(cache, folder))
    with pytest.raises(InputError, match=rf"^{cache}/train.h5: clip {CLIP} is another one in .*{NAME}.h5.*{mending(cache / 'train.h5')}$"):
        read_all(cache, [CLIP])


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_flipped_bit_of_the_data_is_found_where_it_is_read(cache, folder):
    path, chance = shard(cache, folder), random.Random(folder)
    ranges = data_ranges(path, CLIP)
    assert len(ranges) > 3
    places = {place for start, stop in ranges for place in (start, stop - 1, chance.randrange(start, stop))}
    unread = data_ranges_of(path, "samples", "source_frame", "held")
    for place in sorted(places):
        bit = chance.randrange(8)
        flip(path, place, bit)
        if not any(start <= place < stop for start, stop in unread):
            assert re.match(rf"{path}: clip {CLIP} cannot be read .*{mending(path)}$", told(read_all, cache, [CLIP]))
        assert re.match(rf"{path}: damaged are clip {CLIP} .*{mending(path)}$", told(verify, path, FOLDERS[folder]))
        flip(path, place, bit)
    assert verify(path, FOLDERS[folder])


def data_ranges_of(path: Path, *names: str) -> list[tuple[int, int]]:
    """Where the only chunks of a clip's small datasets of these names lie."""
    with h5py.File(path) as file:
        chunks = [file[CLIP][name].id.get_chunk_info(0) for name in names if name in file[CLIP]]
    return [(chunk.byte_offset, chunk.byte_offset + chunk.size) for chunk in chunks]


@pytest.mark.parametrize(("folder", "name"), [("frames", "geometry"), ("iuv", "detector"), ("warps", "made_from")])
def test_changed_attributes_are_found_by_inspect_and_before_the_next_stage(cache, folder, name, capsys):
    path = shard(cache, folder)
    with h5py.File(path) as file:
        text = file[CLIP].attrs[name].encode()
    content = path.read_bytes()
    places = [found.start() + len(text) // 2 for found in re.finditer(re.escape(text), content)]
    assert 0 < len(places) <= 3
    for place in places:  # other clips may have the same text
        flip(path, place, 1)
        with h5py.File(path) as file:
            if damage(file[CLIP]):
                break
        flip(path, place, 1)
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["inspect", str(path)]) == 2
    assert f"{path}: damaged are clip {CLIP} (its content is not what its checksum says)" in (told := capsys.readouterr().err)
    assert mending(path) in told
    table = cache / "clips" / f"{NAME}.csv"
    if folder == "frames":
        with pytest.raises(InputError, match=rf"^{path}: clip {CLIP} is damaged .*{mending(path)}$"):
            densepose_shard(table, path, cache / "again/iuv.h5", PRECOMPUTED)
    if folder == "iuv":
        with pytest.raises(InputError, match=rf"^{path}: clip {CLIP} is damaged .*{mending(path)}$"):
            warp_shard(table, path, cache / "again/warps.h5", WARP)


@pytest.mark.parametrize("folder", [*FOLDERS, "index"])
def test_a_flipped_bit_anywhere_is_found_or_without_effect(cache, built, folder):
    path, chance = (cache / "train.h5" if folder == "index" else shard(cache, folder)), random.Random(folder)
    expected, found = read_all(built), 0
    for _ in range(60):
        place, bit = chance.randrange(path.stat().st_size), chance.randrange(8)
        flip(path, place, bit)
        try:
            verify(path, FOLDERS.get(folder, "index"))
        except InputError as error:
            assert str(path) in str(error)
            found += 1
        else:
            assert same(read_all(cache), expected)
        flip(path, place, bit)
    assert found


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_damaged_clip_is_made_again_and_no_other(cache, built, folder, capsys):
    path, table = shard(cache, folder), cache / "clips" / f"{NAME}.csv"
    start, stop = data_ranges(path, CLIP)[0]
    flip(path, (start + stop) // 2)
    with h5py.File(path) as file:
        others = {clip: file[clip].attrs[ATTRIBUTE] for clip in file if clip != CLIP}
    path.unlink()
    if folder == "frames":
        decode_shard(table, path, VideoSettings(size=SIZE))
    elif folder == "iuv":
        densepose_shard(table, shard(cache, "frames"), path, PRECOMPUTED)
    else:
        warp_shard(table, shard(cache, "iuv"), path, WARP)
    told = capsys.readouterr().err
    assert f"clip {CLIP} was damaged" in told and not any(f"clip {clip} was damaged" in told for clip in others)
    assert verify(path, FOLDERS[folder]) == len(others) + 1
    build_index(cache / "clips.csv", cache / "frames", cache / "iuv", cache / "warps", SHARDS, cache)
    assert same(read_all(cache), read_all(built))


def test_a_shard_whose_own_attributes_are_damaged_is_not_linked_again(cache):
    path, table = shard(cache, "frames"), cache / "clips" / f"{NAME}.csv"
    with h5py.File(path, "r+") as file:
        file.attrs["versions"] = "{}"
    with pytest.raises(InputError, match="damaged are the file itself"):
        verify(path, "decode")
    path.unlink()
    decode_shard(table, path, VideoSettings(size=SIZE))
    assert verify(path, "decode")


def test_an_undamaged_file_says_so(built, capsys):
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["inspect", str(shard(built, "warps")), "--clip", CLIP]) == 0
    assert "bytes a grid" in (told := capsys.readouterr().out) and told.endswith("undamaged: 1 clip\n")
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["inspect", str(built / "train.h5")]) == 0
    assert capsys.readouterr().out.endswith("undamaged: 3 clips\n")


def write_shards_for_ever(path: Path):
    rng = np.random.default_rng(0)
    for number in range(10**6):
        with ShardWriter(path, "decode", {}) as writer:
            for clip in ("a", "b", "c"):
                digest = str(number if clip == "c" else number // 5)
                if not writer.keep(clip, digest):
                    ShardWriter.write(writer.create(clip, digest), "rgb", rng.integers(0, 256, (20, 64, 64, 3), dtype=np.uint8))


def test_a_killed_writer_leaves_a_whole_shard_or_none(tmp_path):
    path, chance = tmp_path / "000.h5", random.Random(1)
    for _ in range(25):
        writer = os.fork()
        if writer == 0:
            try:
                write_shards_for_ever(path)
            finally:
                os._exit(1)
        while not path.exists():
            assert os.waitpid(writer, os.WNOHANG) == (0, 0), "the writer ended by itself"
            time.sleep(0.001)
        time.sleep(chance.uniform(0.005, 0.12))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        with open_shard(path, "decode") as file:
            assert sorted(file) == ["a", "b", "c"] and not damage(file) and not any(damage(file[clip]) for clip in file)
    with ShardWriter(path, "decode", {}) as shard:
        shard.create("a", "1")
    assert sorted(file.name for file in tmp_path.iterdir()) == [".000.h5.kept", "000.h5"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_index_stage_names_what_it_cannot_read(cache, folder):
    path, chance = shard(cache, folder), random.Random(folder)
    with h5py.File(path) as file:
        data = [range(*bounds) for clip in file for bounds in data_ranges(path, clip)]
    structures = [place for place in range(path.stat().st_size) if not any(place in part for part in data)]
    told_of = 0
    for _ in range(20):
        place, bit = chance.choice(structures), chance.randrange(8)
        flip(path, place, bit)
        try:
            build_index(cache / "clips.csv", cache / "frames", cache / "iuv", cache / "warps", SHARDS, cache / "again")
        except InputError as error:
            assert f"{path.parent.name}/{path.name}" in str(error)
            told_of += 1
        flip(path, place, bit)
    assert told_of
