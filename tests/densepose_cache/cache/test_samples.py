"""Samples in columns: every row of every clip, in order, back from a file and as text."""

import h5py
import numpy as np
import pandas as pd
from hypothesis import given, settings, strategies

from densepose_cache.cache.samples import SampleTable


@strategies.composite
def clips(draw) -> list[np.ndarray]:
    """Samples of up to five clips, some without any, some in more epochs than others."""
    found = []
    for _ in range(draw(strategies.integers(1, 5))):
        rng = np.random.default_rng(draw(strategies.integers(0, 99)))
        rows = rng.integers(0, [3, 400, 300], (draw(strategies.integers(0, 6)), 3))
        found.append(rows[np.lexsort([rows[:, 2], rows[:, 0]])].astype(np.int32))
    return found


def by_hand(samples: list[np.ndarray]) -> list[tuple[int, ...]]:
    """Epoch, clip, source, target; ordered by epoch and clip, and within a clip as they are."""
    rows = [(int(epoch), clip, int(source), int(target)) for clip, some in enumerate(samples) for epoch, source, target in some]
    return sorted(rows, key=lambda row: row[:2])


@settings(max_examples=60, deadline=None)
@given(clips())
def test_rows_are_ordered_by_epoch_and_clip(samples):
    table, wanted = SampleTable.of(samples), by_hand(samples)
    assert list(zip(*map(np.ndarray.tolist, table.take(np.arange(len(table)))), strict=True)) == wanted
    assert len(table) == len(wanted)
    for epoch, rows in enumerate(table.epochs):
        assert [row[0] for row in wanted[rows.start : rows.stop]] == [epoch] * len(rows)
    assert sum(map(len, table.epochs)) == len(wanted)


def test_back_from_a_file_in_the_smallest_types(tmp_path):
    samples = [np.array([[0, 300, 1], [1, 2, 7]]), np.zeros((0, 3), int), np.array([[0, 4, 5]])]
    with h5py.File(tmp_path / "table.h5", "w") as file:
        SampleTable.of(samples).write(file)
    with h5py.File(tmp_path / "table.h5") as file:
        table = SampleTable.read(file, 3)
    assert (table.counts.tolist(), table.source.dtype, table.target.dtype) == ([[1, 0, 1], [1, 0, 0]], np.uint16, np.uint8)
    assert [column.tolist() for column in table.take([2, 0])] == [[1, 0], [0, 0], [2, 300], [7, 1]]


def test_text_in_several_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("densepose_cache.cache.samples.CSV_ROWS", 3)
    samples = [np.array([[0, 0, 12], [1, 10, 3]]), np.array([[0, 345, 0], [0, 1, 2], [1, 0, 0]])]
    SampleTable.of(samples).write_csv(tmp_path / "samples.csv", ["a", "long-name.x"])
    rows = [("a", 0, 0, 12), ("long-name.x", 0, 345, 0), ("long-name.x", 0, 1, 2), ("a", 1, 10, 3), ("long-name.x", 1, 0, 0)]
    assert (tmp_path / "samples.csv").read_text() == pd.DataFrame(rows, columns=["clip", "epoch", "source", "target"]).to_csv(index=False)
