"""The subcommands of single stages in a finished tiny project, in processes whose files may not grow beyond a size."""

import os
import resource
from pathlib import Path

from forks import SERVER
from outputs import CACHE, OUTPUTS, RUN
from tiny_project import TINY

import densepose_cache.cli.main
import dwnet.cli.main
from densepose_cache.cache.shard import bucket, shard_name
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.storage.digest import canonical_json
from dwnet.config import parse_config

DATA = parse_config(TINY, "the configuration").datasets["sample"]
SHARD = shard_name(bucket("sample-test-0000", DATA.shards))


def settings(section: str) -> list[str]:
    return ["--settings", canonical_json(getattr(DATA, section).model_dump(mode="json"))]


def subcommand(stage: str) -> list[str]:
    """The subcommand of a stage of the tiny sample and its options, as the workflow gives them."""
    people = [str(word) for key, value in DATA.source.model_dump(exclude={"kind"}).items() for word in (f"--{key}", value)]
    shards = ["--shards", str(DATA.shards)]
    shard = ["--clips", f"{CACHE}/clips/{SHARD}.csv"]
    frames, iuv, warps = (f"{CACHE}/{folder}/{SHARD}.h5" for folder in ("frames", "iuv", "warps"))
    page = "results/sample/report.html"
    test, model, rolled, metrics = f"{CACHE}/test.h5", f"{RUN}/model.safetensors", f"{RUN}/rollout.h5", f"{RUN}/metrics.json"
    options = {
        "sample": [*people, "--workers", "1", "--out", "data/sample"],
        "clips": ["--source", DATA.source.model_dump_json(), *shards, "--data", "data/sample", "--out", f"{CACHE}/clips.csv"],
        "decode": [*shard, *settings("video"), "--out", frames],
        "densepose": [*shard, "--frames", frames, *settings("densepose"), "--out", iuv],
        "warp": [*shard, "--iuv", iuv, *settings("warp"), "--out", warps],
        "index": ["--clips", f"{CACHE}/clips.csv", *shards],
        "train": ["--data", f"{CACHE}/train.h5", "--model", DATA.model.model_dump_json(), *settings("train"), "--out", model],
        "rollout": ["--data", test, "--model", model, *settings("evaluate"), "--out", rolled],
        "evaluate": ["--data", test, "--model", model, "--rollout", rolled, *settings("evaluate"), "--out", metrics],
        "report": ["--dataset", "sample", "--run", RUN, *settings("report"), "--metrics", "results/sample/metrics.json", "--out", page],
    }
    return [stage, *options[stage]]


def run(folder: Path, stage: str, room: int | None = None) -> tuple[int, list[str]]:
    """Exit code of a stage in `folder`, whose files may have at most `room` bytes, and the errors that it printed."""
    out, into = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=_run, args=(folder, stage, room, into))
    process.start()
    into.close()
    with os.fdopen(os.dup(out.fileno()), errors="replace") as pipe:
        said = pipe.read()
    process.join()
    assert "Traceback" not in said, said
    return process.exitcode, [line for line in said.splitlines() if line.startswith("error: ")]


def _run(folder: Path, stage: str, room: int | None, into):
    os.dup2(into.fileno(), 1)
    os.dup2(into.fileno(), 2)
    into.close()
    os.chdir(folder)
    if room is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    package = densepose_cache.cli.main if stage in list(OUTPUTS)[:6] else dwnet.cli.main
    raise SystemExit(run_subcommands(package.SUMMARY, package.SUBCOMMANDS, subcommand(stage)))
