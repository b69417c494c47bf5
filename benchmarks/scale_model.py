"""From what was measured on some thousand clips to any number of them: plain arithmetic, straight lines through what was measured.

`measured` (see `scale.py`) holds for each quantity its constants: `start`, and what comes with every clip, shard, sample or byte. Times are
seconds of one core.
"""

import math
from collections.abc import Callable

SECONDS, MEGABYTES, FILES = 600, 64_000, 100_000
"""Where a step is in the way: ten minutes of a core for what happens at every start or every change, the memory of a training machine,
the entries of one folder."""


def line(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Start and slope of the straight line of least squares through points (x, y)."""
    count = len(points)
    middle_x, middle_y = (sum(point[k] for point in points) / count for k in (0, 1))
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / spread
    return middle_y - slope * middle_x, slope


class Scale:
    """Sizes and times of a cache of `clips` clips by what was `measured`, for clips of `frames` frames and one number of clips a shard."""

    def __init__(self, measured: dict, frames: int, samples_a_clip: float):
        self.measured, self.frames, self.samples_a_clip = measured, frames, samples_a_clip

    def shard_bytes(self) -> float:
        """Bytes that one clip adds to the shards of all three kinds."""
        unit = self.measured["bytes"]
        return self.frames * (unit["frame"] + unit["map"]) + self.samples_a_clip * unit["grids_a_sample"] * unit["grid"]

    def table(self, clips: float, shards: float) -> float:
        unit = self.measured["clips"]
        return unit["start"] + unit["clip"] * clips + unit["shard"] * shards

    def dry_run(self, shards: float) -> float:
        unit = self.measured["dry_run"]
        return unit["start"] + unit["shard"] * shards

    def dry_run_megabytes(self, shards: float) -> float:
        unit = self.measured["dry_run_megabytes"]
        return unit["start"] + unit["shard"] * shards

    def first_index(self, clips: float) -> float:
        """The index of shards that were not indexed before."""
        unit = self.measured["first_index"]
        return unit["start"] + unit["clip"] * clips + self.row_costs(clips)

    def index(self, clips: float) -> float:
        """The index after a shard has changed."""
        unit = self.measured["index"]
        return unit["start"] + unit["clip"] * clips + self.row_costs(clips)

    def row_costs(self, clips: float) -> float:
        unit = self.measured["samples"]
        return (unit["remember"] + unit["columns"] + unit["csv"]) * self.rows(clips)

    def index_megabytes(self, clips: float) -> float:
        unit = self.measured["index_megabytes"]
        return unit["start"] + unit["clip"] * clips + self.measured["samples"]["write_bytes"] * self.rows(clips) / 1e6

    def opening(self, clips: float) -> float:
        unit = self.measured["open"]
        return unit["start"] + unit["clip"] * clips + self.measured["samples"]["read"] * self.rows(clips)

    def opening_megabytes(self, clips: float) -> float:
        return self.measured["samples"]["read_bytes"] * self.rows(clips) / 1e6

    def rows(self, clips: float) -> float:
        """Training samples."""
        return self.samples_a_clip * clips

    def change(self, clips: float, shards: float) -> float:
        """Adding, replacing or removing one clip: the clip table, the plan twice, the shard of each stage copied, the index."""
        copied = clips / shards * self.shard_bytes() / self.measured["bytes"]["copied_a_second"]
        return self.table(clips, shards) + 2 * self.dry_run(shards) + copied + self.index(clips)

    def best_shards(self, clips: float) -> float:
        """The number of shards at which planning and copying, together, take least at a change."""
        unit = self.measured
        copied = clips * self.shard_bytes() / unit["bytes"]["copied_a_second"]
        return math.sqrt(copied / (unit["clips"]["shard"] + 2 * unit["dry_run"]["shard"]))

    def at(self, clips: float, shards: float) -> dict[str, float]:
        """All figures of a cache."""
        unit = self.measured
        return {
            "clips": clips,
            "shards": shards,
            "clips_a_shard": clips / shards,
            "terabytes": clips * self.shard_bytes() / 1e12,
            "shard_gigabytes": clips / shards * self.shard_bytes() / 1e9,
            "index_megabytes": (clips * unit["index_bytes"] + self.rows(clips) * unit["samples"]["column_bytes"]) / 1e6,
            "samples_csv_gigabytes": self.rows(clips) * unit["samples"]["csv_bytes"] / 1e9,
            "largest_folder_entries": 3 * shards,
            "clip_table_seconds": self.table(clips, shards),
            "dry_run_seconds": self.dry_run(shards),
            "first_index_seconds": self.first_index(clips),
            "index_seconds": self.index(clips),
            "one_clip_changed_seconds": self.change(clips, shards),
            "training_opens_seconds": self.opening(clips),
            "training_opens_megabytes": self.opening_megabytes(clips),
        }

    def breaks(self, clips_a_shard: float) -> dict[str, float]:
        """Number of clips, two digits of it, at which each step is in the way; the first is what breaks first."""
        steps: dict[str, tuple[Callable[[float], float], float]] = {
            "clip table, seconds": (lambda n: self.table(n, n / clips_a_shard), SECONDS),
            "dry run, seconds": (lambda n: self.dry_run(n / clips_a_shard), SECONDS),
            "dry run, memory": (lambda n: self.dry_run_megabytes(n / clips_a_shard), MEGABYTES),
            "index, seconds": (self.index, SECONDS),
            "index, memory": (self.index_megabytes, MEGABYTES),
            "training opens the cache, seconds": (self.opening, SECONDS),
            "training opens the cache, memory": (self.opening_megabytes, MEGABYTES),
            "files in one folder": (lambda n: 3 * n / clips_a_shard, FILES),
        }
        found = {name: reached(value, limit) for name, (value, limit) in steps.items()}
        return dict(sorted(found.items(), key=lambda item: item[1]))


def reached(value: Callable[[float], float], limit: float) -> float:
    """The clips, two digits of their number, at which a growing `value` comes to `limit`."""
    low, high = 1.0, 1e12
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if value(middle) < limit else (low, middle)
    return float(f"{high:.2g}")
