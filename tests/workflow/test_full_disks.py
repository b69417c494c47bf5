"""Every stage on a disk that is full: one line that names the file, nothing half-written, and the same command with room goes on."""

import contextlib
import multiprocessing
import os
import re
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
from outputs import CACHE, OUTPUTS, RUN, differences, leftovers, results
from tiny_project import TINY

import densepose_cache.cli
import dwnet.cli
from densepose_cache.digest import canonical_json
from densepose_cache.shards import bucket, shard_name
from densepose_cache.verbs import run_verbs
from dwnet.config import parse_config

SERVER = multiprocessing.get_context("forkserver")
"""Forks of it have computed nothing, and load no package anew."""
SERVER.set_forkserver_preload(["dwnet.training", "dwnet.rollout", "dwnet.evaluate", "dwnet.report.page", "densepose_cache.warp.stage"])
SHARDS = ("decode", "densepose", "warp")
DATA = parse_config(TINY, "the configuration").datasets["sample"]
SHARD = shard_name(bucket("sample-test-0000", DATA.shards))


def settings(section: str) -> list[str]:
    return ["--settings", canonical_json(getattr(DATA, section).model_dump(mode="json"))]


def verb(stage: str) -> list[str]:
    """The verb of a stage of the tiny sample and its options, as the workflow gives them."""
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
    package = densepose_cache.cli if stage in list(OUTPUTS)[:6] else dwnet.cli
    raise SystemExit(run_verbs(package.SUMMARY, package.VERBS, verb(stage)))


@pytest.fixture(scope="module")
def reference(finished):
    return results(finished.folder)


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the finished project."""
    return shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True, ignore=shutil.ignore_patterns(".snakemake"))


def outputs(folder: Path, stage: str) -> list[Path]:
    """The files that the verb of `stage` has written."""
    paths = [path for output in OUTPUTS[stage] for path in (folder / output, *(folder / output).rglob("*")) if path.is_file()]
    return [path for path in paths if stage not in SHARDS or SHARD in path.name]


@pytest.mark.parametrize(("stage", "share"), [("sample", 0.0), ("decode", 0.0), *((stage, 0.6) for stage in OUTPUTS)])
def test_a_stage_that_finds_no_room_says_so_and_goes_on_where_there_is(folder, reference, stage, share):
    """`share` of the stage's largest file is what fits."""
    room = int(max(path.stat().st_size for path in outputs(folder, stage)) * share)
    for path in outputs(folder, stage):
        path.unlink()
    code, errors = run(folder, stage, room)
    assert code == 2 and len(errors) == 1, errors
    named = re.fullmatch(r"error: (\S+): cannot be written \(file too large\); make room there and run the same command again", errors[0])
    assert named and any(named[1].startswith(output) for output in OUTPUTS[stage]), errors
    assert not leftovers(folder) and not (folder / verb(stage)[-1]).is_file()
    assert run(folder, stage) == (0, [])
    assert differences(folder, reference) == []


@pytest.mark.parametrize("stage", ["sample", "decode", "rollout"])
def test_a_file_system_without_room(folder, reference, stage):
    """As above, on a real one: what ffmpeg and HDF5 say there is understood."""
    for path in outputs(folder, stage):
        path.unlink()
    with small_disk(folder / Path(verb(stage)[-1]).parent):
        code, errors = run(folder, stage)
        assert code == 2 and len(errors) == 1 and "cannot be written (no space left on device)" in errors[0], errors
        assert not leftovers(folder)
    assert run(folder, stage) == (0, []) and differences(folder, reference) == []


@contextlib.contextmanager
def small_disk(folder: Path):
    """Context manager in which `folder` is, with all that is in it, on a file system with next to no room."""
    if os.geteuid():
        pytest.skip("a file system is mounted as root only")
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True, symlinks=True)
        room = shutil.disk_usage(folder).free - 8192
        (folder / "filler").write_bytes(bytes(max(room, 0)))
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()
        aside.rename(folder)
