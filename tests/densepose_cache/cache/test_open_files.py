"""Which files a reader opens, how often, and how many stay open."""

from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
from small_cache import SHARDS, small_cache

from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.shard import FOLDERS


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    small_cache(folder)
    return folder


@pytest.fixture
def opened(monkeypatch):
    """How often each file has been opened since."""
    counts = Counter()

    class Counted(h5py.File):
        def __init__(self, name, *arguments, **options):
            counts[Path(name)] += 1
            super().__init__(name, *arguments, **options)

    monkeypatch.setattr(h5py, "File", Counted)
    return counts


def open_now(folder: Path) -> Counter:
    """How often each file below `folder` is open in this process, by whatever has opened it."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return Counter(path for link in links if (path := link.readlink()).is_relative_to(folder))


def read_all(reader: SplitReader) -> list[np.ndarray]:
    found = []
    for clip in [*reader.clips, *reader.clips[::-1]]:
        found += [reader.frames(clip, slice(None)), reader.iuv(clip, [2, 0]), reader.keypoints(clip)]
        found += [reader.grid(clip, *pair) for pair in reader.pairs(clip)[::5]]
    return found


def test_every_shard_is_opened_once_and_closed_at_the_end(built, opened):
    with SplitReader(built / "train.h5") as reader:
        opened.clear()
        read_all(reader)
        shards = {built / folder / f"{k:03d}.h5" for folder in FOLDERS for k in range(SHARDS)}
        assert opened == dict.fromkeys({built / "train.h5", *shards}, 1)
        assert open_now(built) == opened
    assert not open_now(built)


def test_a_bounded_number_of_shards_stays_open_and_nothing_else_changes(built, opened, monkeypatch):
    expected = read_all(SplitReader(built / "train.h5"))
    monkeypatch.setattr("densepose_cache.cache.reader.OPEN_SHARDS", 1)
    reader = SplitReader(built / "train.h5")
    opened.clear()
    found = read_all(reader)
    assert len(open_now(built)) <= 4 and max(opened.values()) > 1
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
