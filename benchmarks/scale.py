"""What a cache of many clips costs beside its frames: clip table, workflow plan, index, opening; and which of them breaks first.

Usage: python benchmarks/scale.py [--clips 10000] [--shards 625] [--dry-runs 38 210 625 2500] [--frames 350] [--like CACHE] [--folder DIR]

A cache of that many tiny rendered clips is built in DIR (or a temporary folder; about 120 KB a clip) and indexed, and a tenth of it by
itself: from nothing, and again after one shard has changed. Plans are made for each number of shards. A clip is added, one replaced, one
removed, each with a real run of the workflow. Samples of as many clips of `--frames` frames (at most 4 million rows) are taken through
the index. `--like CACHE` takes bytes a frame, IUV map and grid from the shards of a cache of real clips. `scale_model.py` carries what was
measured to larger numbers, for clips of `--frames` frames.

Prints one JSON line. Times are seconds of one core, in user and system mode together, unless a name says `wall`: other work on the machine
then disturbs them less. Memory is the largest resident set of a process. Takes some eight minutes of one core.
"""

import argparse
import datetime
import itertools
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from scale_model import Scale, line

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
MOST_ROWS = 4_000_000
EPOCHS = 2
RANDOM_SAMPLES = 2000
CLIPS_A_SHARD = 16
WATCHER = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024], open(sys.argv[1], "w"))
sys.exit(code)
"""
"""A small process between this one and the measured one: a child's memory counts from that of the process that it was forked from."""


@dataclass
class Used:
    """What a process and its children took: seconds of cores, seconds, the largest resident set in MB."""

    cpu: float
    wall: float
    megabytes: float


def run(*command, cwd: Path) -> tuple[Used, str]:
    """Run a command in the folder `cwd`; what it took and what it printed. Ends this program if it fails."""
    figures = Path(cwd) / ".used.json"
    start = time.perf_counter()
    watched = [sys.executable, "-c", WATCHER, figures.resolve(), *command]
    done = subprocess.run([str(part) for part in watched], cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wall = time.perf_counter() - start
    if done.returncode:
        sys.exit(done.stdout)
    cpu, megabytes = json.loads(figures.read_text())
    return Used(round(cpu, 2), round(wall, 2), round(megabytes)), done.stdout


def apart(function, *arguments):
    """The result of a function in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


class Project:
    """A folder that the workflow runs in: videos in data/many, the cache in cache/many."""

    def __init__(self, folder: Path, shards: int):
        from synthetic_cache import SETTINGS

        self.folder, self.shards, self.cache = folder, shards, folder / "cache/many"
        self.folder.mkdir(parents=True, exist_ok=True)
        sections = {"video": "decode", "densepose": "densepose", "warp": "warp"}
        dataset = {key: SETTINGS[stage].model_dump(mode="json") for key, stage in sections.items()}
        dataset |= {"source": {"kind": "videos", "path": "data/many"}, "shards": shards}
        (folder / "config.yaml").write_text(json.dumps({"datasets": {"many": dataset}}))

    def snakemake(self, *arguments: str) -> tuple[Used, str]:
        options = ["--snakefile", ROOT / "Snakefile", "--cores", "2", "--workflow-profile", "none"]
        return run(BIN / "snakemake", *options, *arguments, cwd=self.folder)

    def clips(self) -> Used:
        source = json.dumps({"kind": "videos", "path": "data/many"})
        subcommand = [BIN / "densepose-cache", "clips", "--source", source, "--shards", self.shards, "--out", "cache/many/clips.csv"]
        return run(*subcommand, cwd=self.folder)[0]

    def index(self, clips_csv: str = "cache/many/clips.csv") -> Used:
        return run(BIN / "densepose-cache", "index", "--clips", clips_csv, "--shards", self.shards, cwd=self.folder)[0]


def build(project: Project, clips: int):
    """Videos, clip table (by the workflow, which remembers what it made it from) and shards of a project."""
    people = project.folder / "people"
    apart(_render, people, project.folder / "data/many", clips)
    project.snakemake("cache/many/clips.csv")
    apart(_write, people, project.cache, project.shards)


def _render(people: Path, data: Path, clips: int):
    from synthetic_cache import link_videos, render_people

    render_people(people)
    link_videos(people, data, clips)


def _write(people: Path, cache: Path, shards: int):
    from synthetic_cache import write_shards

    from densepose_cache.clips import read_table

    write_shards(people, read_table(cache / "clips.csv"), cache, shards)


def plans(project: Project, numbers: list[int]) -> list[dict]:
    """Clip tables, and plans of all that is to be made of them, for each number of shards."""
    found = []
    for shards in numbers:
        other = Project(project.folder / f"plan-{shards}", shards)
        (other.folder / "data").symlink_to("../data")
        other.cache.mkdir(parents=True)
        shutil.copy(project.cache / ".digests.json", other.cache)
        table = other.clips()
        used, text = other.snakemake("-n", "cache/many/train.h5")
        jobs = int(re.search(r"^total +(\d+)", text, re.M)[1])
        found.append({"shards": shards, "jobs": jobs, "dry_run": asdict(used), "clip_table": asdict(table)})
    return found


def indices(project: Project, clips: int) -> list[dict]:
    """Index from nothing, index after a shard has changed, and opening, of the first tenth of the shards and of all."""
    tenth = project.folder / "cache/tenth"
    tenth.mkdir()
    for kind in ("frames", "iuv", "warps"):
        (tenth / kind).symlink_to(f"../many/{kind}")
    fewer = apart(_first_shards, project.cache / "clips.csv", tenth / "clips.csv", project.shards)
    found = []
    for cache, count in ((tenth, fewer), (project.cache, clips)):
        table = cache.relative_to(project.folder) / "clips.csv"
        first = project.index(table)
        os.utime(cache / "warps/000.h5")
        again = project.index(table)
        made = {name: (cache / name).stat().st_size for name in ("train.h5", "test.h5", "samples.csv", ".index.h5")}
        found.append({"clips": count, "first": asdict(first), "again": asdict(again), "bytes": made, "open": apart(open_cache, cache)})
    return found


def _first_shards(clips_csv: Path, out: Path, shards: int) -> int:
    from densepose_cache.cache.shard import bucket
    from densepose_cache.clips import read_table, write_table

    table = read_table(clips_csv)
    table = table[table["clip"].map(lambda clip: bucket(clip, shards) < max(shards // 10, 1))].reset_index(drop=True)
    write_table(out, table)
    return len(table)


def open_cache(cache: Path) -> dict[str, float]:
    """Open a cache as training does: reader, samples, first sample, then samples at random."""
    import numpy as np

    from densepose_cache.cache.reader import SplitReader
    from dwnet.training.data import SampleDataset

    before, clock = memory("VmRSS"), [time.process_time()]
    reader = SplitReader(cache / "train.h5")
    clock.append(time.process_time())
    reader.frames(reader.clips[0], 0)
    clock.append(time.process_time())
    data = SampleDataset(cache / "train.h5", 3)
    clock.append(time.process_time())
    sample = {name: np.empty(shape, kind) for name, (shape, kind) in data.layout(1).items()}
    data.read([0], sample)
    clock.append(time.process_time())
    opened = memory("VmRSS")
    for row in np.random.default_rng(0).integers(0, len(data), RANDOM_SAMPLES):
        data.read([int(row)], sample)
    clock.append(time.process_time())
    names = ("reader", "first_frame", "data_set", "first_sample", "random_sample")
    seconds = {name: end - start for name, start, end in zip(names, clock, clock[1:], strict=False)}
    seconds["random_sample"] /= RANDOM_SAMPLES
    result = {name: round(value, 5) for name, value in seconds.items()}
    result |= {"clips": len(reader.clips), "samples": len(data), "open_files": len(os.listdir("/proc/self/fd"))}  # noqa: PTH208
    return result | {"megabytes": round(opened - before), "megabytes_after_samples": round(memory("VmRSS") - opened)}


def memory(name: str) -> float:
    """`VmRSS` (resident now) or `VmHWM` (the most so far) of this process in MB."""
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) / 1024


def sample_costs(folder: Path, clips: int, frames: int) -> dict[str, float]:
    """What samples of `clips` clips of `frames` frames, sources at random, cost a row: to be remembered and recalled, put in order, written
    as columns and as text by the index, and read by training. Times, bytes of files, bytes of memory."""
    import h5py
    import numpy as np

    from densepose_cache.cache.index_memo import NAME, ShardFacts, recall, remember
    from densepose_cache.cache.samples import SampleTable

    a_clip = EPOCHS * (frames - 2)
    clips = min(clips, MOST_ROWS // a_clip)
    rng = np.random.default_rng(0)
    targets = np.tile(np.arange(frames - 2, dtype=np.uint16), EPOCHS)
    epochs = np.repeat(np.arange(EPOCHS, dtype=np.uint16), frames - 2)
    names = [f"train-{clip:07d}" for clip in range(clips)]
    drawn = [np.column_stack([epochs, rng.integers(0, frames, a_clip, dtype=np.uint16), targets]) for _ in names]
    remember(folder, {"000": ShardFacts("", samples=dict(zip(names, drawn, strict=True)))})
    del drawn
    before, clock = memory("VmHWM"), [time.process_time()]
    facts = recall(folder)
    remember(folder, facts)
    clock.append(time.process_time())
    table = SampleTable.of(list(facts["000"].samples.values()))
    with h5py.File(folder / "samples.h5", "w") as file:
        table.write(file)
    clock.append(time.process_time())
    table.write_csv(folder / "samples.csv", names)
    clock.append(time.process_time())
    rows, grown = len(table), memory("VmHWM") - before
    read, read_bytes = apart(_read_samples, folder / "samples.h5", clips)
    costs = dict(zip(("remember", "columns", "csv"), (end - start for start, end in itertools.pairwise(clock)), strict=True))
    costs |= {"read": read, "read_bytes": read_bytes, "write_bytes": 1e6 * grown}
    costs |= {
        f"{name}_bytes": (folder / file).stat().st_size for name, file in (("column", "samples.h5"), ("csv", "samples.csv"), ("memo", NAME))
    }
    return {"rows": rows} | {name: value / rows for name, value in costs.items()}


def _read_samples(path: Path, clips: int) -> tuple[float, float]:
    """Seconds and the most bytes that training needs for the samples and the order of its first pass."""
    import h5py

    from densepose_cache.cache.samples import SampleTable
    from dwnet.training.data import BatchOrder

    before, start = memory("VmHWM"), time.process_time()
    with h5py.File(path) as file:
        table = SampleTable.read(file, clips)
    assert len(next(iter(BatchOrder(table.epochs, 8, 0, 0, 1)))) == 8
    return time.process_time() - start, 1e6 * (memory("VmHWM") - before)


def changes(project: Project) -> dict[str, dict]:
    """Runs of the workflow after a clip came, was replaced, went; and a plan where nothing has changed."""
    from synthetic_cache import link_video

    people, train = project.folder / "people", project.folder / "data/many/train"
    found = {"nothing_dry_run": asdict(project.snakemake("-n", "cache/many/train.h5")[0])}
    link_video(people, 1, train / "1")
    found["added"] = _changed(project)
    link_video(people, 2, train / "1")
    found["replaced"] = _changed(project)
    for suffix in (".mp4", ".iuv.h5"):
        (train / f"1{suffix}").unlink()
    found["removed"] = _changed(project)
    return found


def _changed(project: Project) -> dict:
    used, text = project.snakemake("cache/many/train.h5")
    rules = re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", text, re.M)
    return asdict(used) | {"jobs": {rule: rules.count(rule) for rule in dict.fromkeys(rules)}}


def entries(project: Project) -> dict[str, int]:
    """Files in each folder of the cache."""
    return {name: sum(1 for _ in (project.cache / name).iterdir()) for name in ("clips", "frames", "iuv", "warps")}


def shard_sizes(cache: Path, scratch: Path) -> dict[str, float]:
    """Bytes of a frame, an IUV map, a grid; grids of a sample; and how fast a writer takes clips over, bytes a second."""
    from densepose_cache.cache.shard import ShardWriter, open_shard

    result, taken, drawn, seconds = {}, 0, [0, 0], 0.0
    stages = (("frame", "frames", "decode", "source_frame"), ("map", "iuv", "densepose", "held"), ("grid", "warps", "warp", "pairs"))
    for key, kind, stage, counted in stages:
        stored = count = 0
        for path in sorted((cache / kind).glob("*.h5"))[:20]:
            digests = {}
            with open_shard(path, stage) as shard:
                for name in shard:
                    clip = shard[name]
                    stored += sum(clip[data].id.get_storage_size() for data in clip)
                    count += len(clip[counted])
                    digests[name] = clip.attrs["digest"]
                    if kind == "warps" and len(clip["samples"]):
                        drawn = [drawn[0] + len(clip["samples"]), drawn[1] + len(clip["pairs"])]
            new = scratch / kind / path.name
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, new.with_name(f".{path.name}.kept"))
            start = time.process_time()
            with ShardWriter(new, stage, {}) as writer:
                assert all([writer.keep(name, value) for name, value in digests.items()])
            seconds += time.process_time() - start
            taken += new.stat().st_size
        result[key] = stored / count
    return result | {"grids_a_sample": drawn[1] / drawn[0], "copied_a_second": taken / seconds}


def constants(project: Project, plan: list[dict], index: list[dict], samples: dict, sizes: dict, clips: int) -> dict:
    """What `Scale` needs, of all that was measured."""
    table = line([(item["shards"], item["clip_table"]["cpu"]) for item in plan])
    subcommand = run(BIN / "densepose-cache", "clips", "--help", cwd=project.folder)[0].cpu
    dry, dry_memory = (line([(item["shards"], item["dry_run"][key]) for item in plan]) for key in ("cpu", "megabytes"))
    first, again = (line([(item["clips"], item[when]["cpu"]) for item in index]) for when in ("first", "again"))
    again_memory = line([(item["clips"], item["again"]["megabytes"]) for item in index])
    opened = line([(item["open"]["clips"], item["open"]["data_set"]) for item in index])
    whole = index[-1]
    return {
        "clips": {"start": subcommand, "clip": (table[0] - subcommand) / clips, "shard": table[1]},
        "dry_run": dict(zip(("start", "shard"), dry, strict=True)),
        "dry_run_megabytes": dict(zip(("start", "shard"), dry_memory, strict=True)),
        "first_index": dict(zip(("start", "clip"), first, strict=True)),
        "index": dict(zip(("start", "clip"), again, strict=True)),
        "index_megabytes": dict(zip(("start", "clip"), again_memory, strict=True)),
        "index_bytes": (whole["bytes"]["train.h5"] + whole["bytes"]["test.h5"]) / whole["clips"],
        "open": dict(zip(("start", "clip"), opened, strict=True)),
        "samples": samples,
        "bytes": sizes,
    }


def model(measured: dict, frames: int) -> dict:
    """Figures of ten thousand, a hundred thousand and a million clips, and what breaks first."""
    scale = Scale(measured, frames, EPOCHS * (frames - 2))
    sizes = [(clips, shards) for clips in (10**4, 10**5, 10**6) for shards in (clips / CLIPS_A_SHARD, scale.best_shards(clips))]
    figures = [scale.at(clips, round(shards)) for clips, shards in sizes]
    rounded = [{key: float(f"{value:.3g}") for key, value in item.items()} for item in figures]
    return {"at": rounded, "breaks_at": scale.breaks(CLIPS_A_SHARD)}


def main():
    parser = argparse.ArgumentParser(description="Measure what a cache of many clips costs, and work out what a million would.")
    parser.add_argument("--clips", type=int, default=10_000, help="tiny clips in the cache")
    parser.add_argument("--shards", type=int, default=625, help="shards of the cache")
    parser.add_argument("--dry-runs", type=int, nargs="+", default=[38, 210, 625, 2500], help="numbers of shards to plan the workflow with")
    parser.add_argument("--frames", type=int, default=350, help="frames of a clip in the model")
    parser.add_argument("--like", type=Path, help="cache of real clips whose bytes the model takes")
    parser.add_argument("--folder", type=Path, help="folder to build in, new; it is kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        project = Project(options.folder or Path(scratch) / "many", options.shards)
        build(project, options.clips)
        plan, index = plans(project, options.dry_runs), indices(project, options.clips)
        samples = apart(sample_costs, Path(scratch), options.clips, options.frames)
        changed = changes(project)
        sizes = apart(shard_sizes, options.like or project.cache, Path(scratch) / "copies")
        measured = constants(project, plan, index, samples, sizes, options.clips)
        processor = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        result = {
            "benchmark": "scale",
            "clips": options.clips,
            "shards": options.shards,
            "plans": plan,
            "indices": index,
            "changes": changed,
            "entries": entries(project),
            "constants": measured,
            "model": model(measured, options.frames),
            "cpu": processor[1] if processor else "unknown",
            "date": datetime.date.today().isoformat(),
        }
        print(json.dumps(result))


if __name__ == "__main__":
    main()
