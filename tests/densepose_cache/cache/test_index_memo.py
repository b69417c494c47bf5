"""What the index stage reads again, and what it need not."""

import os
import shutil

import h5py
import pytest
from small_cache import SHARDS, WARP, build, small_cache

from densepose_cache.cache import index_memo
from densepose_cache.cache.shard import FOLDERS, bucket, shard_name
from densepose_cache.clips import read_table, write_table
from densepose_cache.config import FILE_FORMATS
from densepose_cache.core.errors import InputError
from densepose_cache.stages import index

OUTPUTS = ("train.h5", "test.h5", "samples.csv", "iuv_quality.csv", "quarantine.csv")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    small_cache(folder)
    return folder


@pytest.fixture
def cache(tmp_path, built):
    """A copy of the built cache, indexed where it lies now."""
    copy = shutil.copytree(built, tmp_path / "cache")
    run(copy)
    return copy


@pytest.fixture
def read(monkeypatch):
    """Numbers of the shards that the index stage has read since."""
    numbers, whole = [], index._read_shard
    monkeypatch.setattr(index, "_read_shard", lambda found, number, *rest: numbers.append(number) or whole(found, number, *rest))
    return numbers


def run(folder):
    index.build_index(folder / "clips.csv", *(folder / name for name in FOLDERS), SHARDS, folder)


def outputs(folder) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


def test_unchanged_shards_are_not_read_again_and_the_files_are_the_same(cache, read):
    before = outputs(cache)
    for name in OUTPUTS:
        (cache / name).unlink()
    run(cache)
    assert read == [] and outputs(cache) == before


@pytest.mark.parametrize("content", [None, b"", b"no HDF5"])
def test_what_is_lost_costs_nothing_but_time(cache, read, content):
    before, memory = outputs(cache), cache / index_memo.NAME
    memory.unlink()
    if content is not None:
        memory.write_bytes(content)
    run(cache)
    assert read == list(range(SHARDS)) and outputs(cache) == before


def test_damaged_memory_is_not_believed(cache, read):
    before, memory = outputs(cache), cache / index_memo.NAME
    with h5py.File(memory) as file:
        chunk = file["facts"].id.get_chunk_info(0)
    content = bytearray(memory.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    memory.write_bytes(content)
    run(cache)
    assert read == list(range(SHARDS)) and outputs(cache) == before


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_shard_is_read_again_when_one_of_its_files_is_another(cache, read, folder):
    number = bucket("anna", SHARDS)
    path = cache / folder / f"{shard_name(number)}.h5"
    os.utime(path)
    run(cache)
    assert read == [number]
    shutil.copy2(path, cache / "copy.h5")
    os.replace(cache / "copy.h5", path)
    run(cache)
    assert read == [number, number]


def test_a_changed_clip_table_reads_the_shards_that_it_changes(cache, read):
    table = read_table(cache / "clips.csv")
    write_table(cache / "clips.csv", table[table["clip"] != "anna"])
    run(cache)
    assert read == [bucket("anna", SHARDS)]


def test_other_formats_read_everything_again(cache, read, monkeypatch):
    monkeypatch.setitem(FILE_FORMATS, "warp", 0)
    with pytest.raises(InputError, match="'warp' in format 0 is needed"):
        run(cache)
    assert read == [0]


def test_a_shard_that_cannot_be_read_costs_the_others_nothing(cache, read):
    before, path = outputs(cache), cache / "warps" / f"{shard_name(SHARDS - 1)}.h5"
    (cache / index_memo.NAME).unlink()
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    with pytest.raises(InputError, match=str(path)):
        run(cache)
    path.write_bytes(whole)
    run(cache)
    assert read == [*range(SHARDS), SHARDS - 1] and outputs(cache) == before


def test_new_samples_are_the_same_as_in_an_index_from_nothing(cache):
    build(cache, warp=WARP.model_copy(update={"seed": 5}))
    remembering = outputs(cache)
    (cache / index_memo.NAME).unlink()
    run(cache)
    assert outputs(cache) == remembering
