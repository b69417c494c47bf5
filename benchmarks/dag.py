"""What Snakemake takes to plan and to start the jobs of a Tai-Chi-like data set, beside the workflow with a job per clip.

Usage: python benchmarks/dag.py [--sizes 3334x210 100000x621 100000x6250] [--folder DIR]

A size is clips x shards; the clips are windows of files that hold no video, since a plan opens none. The real workflow is planned up to the
report before anything is made, when the clip table is there, and when the cache is whole. The second of these plans is
profiled, too. The first size is also run with subcommands that do nothing but touch their output; the other sizes get the records that this
run has left, under their names.
The peer is what one would write first: the same three stages with a job per clip, planned for the clips of the first size.

Prints one JSON line. Times are seconds, `cpu` of one core in user and system mode; memory is the largest resident set of a process, in MB.
Takes some six minutes of one core.
"""

import argparse
import base64
import datetime
import json
import os
import pstats
import re
import tempfile
from dataclasses import asdict
from pathlib import Path

from scale import BIN, ROOT, Used, run

from densepose_cache.cache.shard import FOLDERS, ShardWriter
from densepose_cache.config import DensePoseSettings, VideoSettings, WarpSettings

CLIPS_A_VIDEO = 12
TEST_EVERY = 12
FRAMES = 300
REPORT, INDEX = "results/taichi/metrics.json", "cache/taichi/train.h5"
SETTINGS = {"frames": VideoSettings(), "iuv": DensePoseSettings(backend="rcnn"), "warps": WarpSettings()}
INDEX_FILES = ("train.h5", "test.h5", "samples.csv", "iuv_quality.csv", "quarantine.csv")
IDLE_SUBCOMMAND_NAME = "BASH_FUNC_densepose-cache%%"
IDLE_SUBCOMMAND = """() {
  if [ "$1" = index ]; then cd cache/taichi; touch FILES; else touch "${@: -1}"; fi
}""".replace("FILES", " ".join(INDEX_FILES))
"""A function of the shell that stands for `densepose-cache`: it touches what the subcommand would write."""
JOB_PER_CLIP = """
CLIPS = [line.split(",")[0] for line in open("clips.csv").read().splitlines()[1:]]

rule index:
    input: expand("cache/warps/{clip}.h5", clip=CLIPS)
    output: "cache/train.h5"
    shell: "densepose-cache index --clips clips.csv"

rule decode:
    input: "clips.csv"
    output: "cache/frames/{clip}.h5"
    log: "logs/decode/{clip}.log"
    shell: "densepose-cache decode --clip {wildcards.clip} --out {output} 2>&1 | tee {log}"

rule densepose:
    input: "cache/frames/{clip}.h5"
    output: "cache/iuv/{clip}.h5"
    log: "logs/densepose/{clip}.log"
    resources: gpu=1
    shell: "densepose-cache densepose --frames {input} --out {output} 2>&1 | tee {log}"

rule warp:
    input: "cache/iuv/{clip}.h5"
    output: "cache/warps/{clip}.h5"
    log: "logs/warp/{clip}.log"
    shell: "densepose-cache warp --iuv {input} --out {output} 2>&1 | tee {log}"
"""
PARTS = {
    "first plan": ("dag.py", "init"),
    "plan again, clip table known": ("dag.py", "update_checkpoint_dependencies"),
    "jobs printed one by one": ("jobs.py", "log_info"),
    "in both plans and printing: signatures of input functions": ("__init__.py", "get_function_params"),
}
"""Functions of Snakemake, by file, whose shares of a plan are told."""


class Project:
    """A folder with as many windows of videos in its table as there are clips, and the real workflow to plan in it."""

    def __init__(self, folder: Path, clips: int, shards: int):
        self.folder, self.clips, self.shards, self.cache = folder, clips, shards, folder / "cache/taichi"
        data = folder / "data/taichi"
        data.mkdir(parents=True)
        rows = ["video_id,start,end,bbox,partition"]
        for clip in range(clips):
            video, start = f"video{clip // CLIPS_A_VIDEO:05d}", clip % CLIPS_A_VIDEO * FRAMES
            rows.append(f"{video},{start},{start + FRAMES},10-20-266-276,{'train' if clip % TEST_EVERY else 'test'}")
            if not start:
                (data / f"{video}.mp4").write_text(video)
        (data / "metadata.csv").write_text("\n".join(rows) + "\n")
        source = {"kind": "videos", "path": "data/taichi", "table": "data/taichi/metadata.csv", "missing": "leave_out"}
        dataset = {"source": source, "shards": shards, "densepose": {"backend": "rcnn"}, "model": {"padding_mode": "border"}}
        (folder / "config.yaml").write_text(json.dumps({"datasets": {"taichi": dataset}}))

    def snakemake(self, *arguments: str, program: tuple = (BIN / "snakemake",)) -> tuple[Used, int]:
        """What a run took, and the number of its jobs."""
        options = ["--snakefile", ROOT / "Snakefile", "--cores", "2", "--workflow-profile", "none"]
        used, text = run(*program, *options, *arguments, cwd=self.folder)
        total = re.search(r"^total +(\d+)", text, re.M)
        return used, int(total[1]) if total else 0

    def plan(self, target: str) -> dict:
        used, jobs = self.snakemake("-n", target)
        return asdict(used) | {"jobs": jobs}

    def run_idle(self) -> tuple[Used, int]:
        """Run the workflow up to the index with subcommands that do nothing. Bash finds a function before any program."""
        (self.folder / "weights").mkdir(exist_ok=True)
        (self.folder / "weights/model_final_162be9.pkl").touch()
        os.environ[IDLE_SUBCOMMAND_NAME] = IDLE_SUBCOMMAND
        try:
            return self.snakemake(INDEX)
        finally:
            del os.environ[IDLE_SUBCOMMAND_NAME]

    def take_shards(self, made: "Project"):
        """Empty shards, the first of each kind a real one, whose settings a run looks at; and for each what Snakemake has written down of
        the first shard of `made`."""
        records, others = (each.folder / ".snakemake/metadata" for each in (self, made))
        for kind in SETTINGS:
            (self.cache / kind).mkdir()
            text = (others / record_name(kind, 0)).read_text()
            for number in range(self.shards):
                (self.cache / kind / f"{number:03d}.h5").touch()
                (records / record_name(kind, number)).write_text(text.replace("/000.", f"/{number:03d}."))
            with ShardWriter(self.cache / kind / "000.h5", FOLDERS[kind], SETTINGS[kind].decisive()):
                pass


def record_name(kind: str, shard: int) -> str:
    """Name of the file in which Snakemake keeps what it knows of a shard."""
    return base64.b64encode(f"cache/taichi/{kind}/{shard:03d}.h5".encode()).decode()


def of_this_workflow(file: str) -> bool:
    """Whether the functions in a file are those of the rules, or those that the rules ask."""
    return file.endswith(".smk") or "dwnet/workflow/" in file


def profile(project: Project) -> dict[str, float]:
    """Shares of the time of a plan when the clip table is there."""
    path = project.folder / "profile"
    project.snakemake("-n", REPORT, program=(BIN / "python", "-m", "cProfile", "-o", path.resolve(), BIN / "snakemake"))
    stats = pstats.Stats(str(path))
    shares = dict.fromkeys([*PARTS, "in both plans: functions of this workflow"], 0.0)
    for (file, _, function), (_, _, _, cumulative, callers) in stats.stats.items():
        for part, place in PARTS.items():
            if (Path(file).name, function) == place and "snakemake" in file:
                shares[part] += cumulative / stats.total_tt
        if of_this_workflow(file):
            # What rules call, not what their functions call in turn; and not the rules' files themselves, which are read once.
            outside = [times[3] for (caller, *_), times in callers.items() if not of_this_workflow(caller)]
            shares["in both plans: functions of this workflow"] += sum(outside) / stats.total_tt if function != "<module>" else 0
    return {part: round(share, 3) for part, share in shares.items()}


def subcommand_starts(project: Project) -> dict[str, dict]:
    """What the real subcommands take for a shard without clips."""
    table = project.folder / "empty.csv"
    table.write_text((project.cache / "clips.csv").read_text().splitlines()[0] + "\n")
    settings = {"decode": {}, "densepose": {"backend": "precomputed"}, "warp": {}}
    inputs = {"decode": [], "densepose": ["--frames", "decode.h5"], "warp": ["--iuv", "densepose.h5"]}
    found = {}
    for stage, values in settings.items():
        options = ["--clips", table.name, *inputs[stage], "--settings", json.dumps(values), "--out", f"{stage}.h5"]
        found[stage] = asdict(run(BIN / "densepose-cache", stage, *options, cwd=project.folder)[0])
    return found


def peer(folder: Path, clips: int) -> dict:
    """The plan of the workflow with a job per clip."""
    folder.mkdir()
    (folder / "Snakefile").write_text(JOB_PER_CLIP)
    (folder / "clips.csv").write_text("\n".join(["clip", *(f"clip{number:06d}" for number in range(clips))]) + "\n")
    used, text = run(BIN / "snakemake", "--cores", "2", "-n", cwd=folder)
    return asdict(used) | {"jobs": int(re.search(r"^total +(\d+)", text, re.M)[1])}


def measure(project: Project, made: Project | None) -> dict:
    """The three plans of a project; where no other one was `made` before it, also a run of idle jobs and where the time goes."""
    found = {"clips": project.clips, "shards": project.shards, "nothing_made": project.plan(REPORT)}
    found["clip_table"] = asdict(project.snakemake("cache/taichi/clips.csv")[0])
    found["clip_table_made"] = project.plan(REPORT)
    found["shares"] = profile(project)
    if made:
        project.take_shards(made)
    else:
        planned = project.plan(INDEX)
    used, jobs = project.run_idle()
    if not made:
        overhead = {"jobs": jobs, "ms_a_job": round(1000 * (used.cpu - planned["cpu"]) / jobs, 1)}
        found["idle_run"] = asdict(used) | overhead
        found["subcommands_without_clips"] = subcommand_starts(project)
    found["cache_whole"] = project.plan(INDEX)
    assert found["cache_whole"]["jobs"] == 0 and jobs == (1 if made else 3 * project.shards + 1)
    return found


def main():
    parser = argparse.ArgumentParser(description="Measure what Snakemake takes to plan and start the jobs of many clips.")
    parser.add_argument("--sizes", nargs="+", default=["3334x210", "100000x621", "100000x6250"], help="clips x shards; the first is run")
    parser.add_argument("--folder", type=Path, help="folder to work in, new; it is kept")
    options = parser.parse_args()
    sizes = [tuple(map(int, size.split("x"))) for size in options.sizes]
    with tempfile.TemporaryDirectory() as scratch:
        folder, projects, found = options.folder or Path(scratch), [], []
        for clips, shards in sizes:
            projects.append(Project(folder / f"{clips}x{shards}", clips, shards))
            found.append(measure(projects[-1], projects[0] if projects[1:] else None))
        other = peer(folder / "job-per-clip", sizes[0][0])
        processor = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        result = {
            "benchmark": "dag",
            "sizes": found,
            "job_per_clip": other,
            "times_the_peer": round(other["cpu"] / found[0]["nothing_made"]["cpu"], 1),
            "cpu": processor[1] if processor else "unknown",
            "date": datetime.date.today().isoformat(),
        }
        print(json.dumps(result))


if __name__ == "__main__":
    main()
