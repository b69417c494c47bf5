"""All training samples of a split, in columns of small integers."""

from pathlib import Path

import h5py
import numpy as np

from .columns import smallest, write_column

CSV_ROWS = 1 << 20
"""Rows that are made into text at a time."""


class SampleTable:
    """Samples (paper, section 3.2) of a sorted list of N clips, ordered by drawn epoch, clip and first target frame.

    `counts` (epochs, N) says how many samples each clip has in each epoch, `source` and `target` (rows,) are frame numbers.
    """

    def __init__(self, counts: np.ndarray, source: np.ndarray, target: np.ndarray):
        self.counts, self.source, self.target = counts, source, target
        self._bounds = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])

    @classmethod
    def of(cls, clips: list[np.ndarray]) -> "SampleTable":
        """From the samples (n, 3) of every clip: epoch, source frame, first target frame; sorted by epoch and target."""
        samples = np.concatenate([np.zeros((0, 3), np.uint8), *clips])
        clip = np.repeat(np.arange(len(clips), dtype=np.int32), [len(rows) for rows in clips])
        epochs = [samples[:, 0] == epoch for epoch in range(int(samples[:, 0].max(initial=0)) + 1)]
        counts = np.stack([np.bincount(clip[rows], minlength=len(clips)) for rows in epochs])
        source, target = (np.concatenate([samples[rows, column] for rows in epochs]) for column in (1, 2))
        return cls(smallest(counts), smallest(source), smallest(target))

    @classmethod
    def read(cls, group: h5py.Group, clips: int) -> "SampleTable":
        """The table that `write` put into a group, of `clips` clips."""
        return cls(group["count"][:].reshape(-1, clips), group["source"][:], group["target"][:])

    def write(self, group: h5py.Group):
        """Write the columns `count` (epoch by epoch, one for each clip), `source` and `target`."""
        for name, values in {"count": self.counts.ravel(), "source": self.source, "target": self.target}.items():
            write_column(group, name, values)

    def __len__(self) -> int:
        return len(self.source)

    @property
    def epochs(self) -> list[range]:
        """The rows of each drawn epoch."""
        epochs, clips = self.counts.shape
        bounds = self._bounds[::clips].tolist()
        return [range(*bounds[epoch : epoch + 2]) for epoch in range(epochs)]

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Epoch, number of the clip, source frame and first target frame of each of `rows` (n,)."""
        place = np.searchsorted(self._bounds, rows, side="right") - 1
        return *np.divmod(place, self.counts.shape[1]), self.source[rows], self.target[rows]

    def write_csv(self, path: Path, clips: list[str]):
        """Write the rows as CSV with the columns clip, epoch, source, target; `clips` are the names."""
        names = np.array([f"{name}," for name in clips], "S")
        numbers = range(max([len(self.counts), *(int(column.max(initial=0)) + 1 for column in (self.source, self.target))]))
        inner, last = (np.array([f"{number}{end}" for number in numbers], "S") for end in (",", "\n"))
        kinds = [("clip", names.dtype), ("epoch", inner.dtype), ("source", inner.dtype), ("target", last.dtype)]
        with path.open("wb") as file:
            file.write(b"clip,epoch,source,target\n")
            for start in range(0, len(self), CSV_ROWS):
                epoch, clip, source, target = self.take(np.arange(start, min(start + CSV_ROWS, len(self))))
                lines = np.empty(len(clip), kinds)
                lines["clip"], lines["epoch"], lines["source"], lines["target"] = names[clip], inner[epoch], inner[source], last[target]
                text = lines.view(np.uint8)
                file.write(text[text > 0].tobytes())
