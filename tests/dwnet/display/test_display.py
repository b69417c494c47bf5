"""What is shown of a Snakemake run: lines of stages, and the summary of what failed."""

import io
import logging
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from densepose_cache.core.progress import Bar
from dwnet.display.failures import failure_text, last_words, retry_command
from dwnet.display.handler import Display
from dwnet.display.stage import DONE, FAILED, Job, Stage


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def stage(tmp_path):
    """Two shards of the stage `decode`, of 3 and 5 clips."""
    stage = Stage("decode")
    stage.jobs = [Job("decode", {"dataset": "d", "shard": f"00{k}"}, f"{k}.h5", tmp_path / f"{k}.log", clips=3 + 2 * k) for k in range(2)]
    return stage


def progress(done, total, clips, of_clips, text="") -> str:
    return f"Decode 000 [{'#' * 24}] {done}/{total} frames {clips}/{of_clips} clips 4 s left {text}\n"


def test_a_line_counts_shards_clips_and_frames_and_says_what_time_is_left(stage, clock):
    assert stage.cells() == ["decode", "0/2 shards", "0/8 clips", "", "waiting"] and not stage.begun
    first, second = stage.jobs
    second.log.write_text(progress(9, 9, 9, 9))
    for job in stage.jobs:
        stage.start(job)
    assert stage.cells()[1:] == ["0/2 shards", "0/8 clips", "", "running"], "the log is of an earlier run"
    first.log.write_text("hello\n" + progress(200, 2000, 0, 2) + "a warning\n")
    assert stage.cells()[1:] == ["0/2 shards", "1/8 clips", "200 frames", "running"], "one clip was taken over"
    clock[0] += 70
    first.log.write_text(progress(2000, 2000, 2, 2))
    stage.end(first, DONE)
    assert stage.cells()[1:] == ["1/2 shards", "3/8 clips", "2,000 frames", "2 min 10 s left"]
    stage.end(second, FAILED)
    assert stage.over and stage.cells()[-1] == "1 failed"
    stage.start(second)
    second.log.write_text(progress(1000, 1000, 5, 5))
    clock[0] += 50
    stage.end(second, DONE)
    assert stage.cells()[1:] == ["2/2 shards", "8/8 clips", "3,000 frames", "done in 2 min 0 s"]


def test_a_single_job_says_what_its_own_bar_says(tmp_path, capsys):
    log = tmp_path / "full.log"
    stage = Stage("train")
    stage.jobs = [Job("train", {"dataset": "d", "variant": "full"}, "model", log)]
    stage.start(stage.jobs[0])
    with Bar("train", 400, 100, unit="steps") as bar:
        bar.advance(20, "3 samples/s | total 1.5")
    log.write_text(capsys.readouterr().err)
    name, jobs, clips, amount, left = stage.cells()
    assert (name, jobs, clips, amount) == ("train", "", "", "120/400 steps") and left.endswith("s left 3 samples/s | total 1.5")


def test_an_error_comes_first_and_no_progress_is_shown():
    text = "".join([*(f"line {k}\n" for k in range(20)), progress(1, 2, 0, 1), "error: clips.csv: is wrong\nvideo.size: 65\n"])
    assert last_words(text) == ["error: clips.csv: is wrong", "video.size: 65", *(f"line {k}" for k in range(14, 20))]
    assert last_words("Traceback\n\nValueError: x\n") == ["Traceback", "ValueError: x"]


def test_a_job_without_a_log_is_told_from_one_that_failed(tmp_path):
    job = Job("index", {}, "a", tmp_path / "index.log")
    assert "it left no log" in failure_text(job, "command")
    job.log.write_text("Read [------------------------] 0/2 1 s\n")
    assert failure_text(job, "command").splitlines()[1] == "  it ended without a word: it was killed, or broke down"


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["results/a", "--cores", "8", "--forcerun", "train"], "snakemake --cores 8 TARGET"),
        (["-c4", "-n", "--until", "warp", "x"], "snakemake --cores 4 TARGET"),
        (["results/a"], "snakemake --cores all TARGET"),
        (["-j", "3", "x"], "snakemake --jobs 3 TARGET"),
        (["--cores", "--configfile", "a b.yaml", "c.yaml", "--", "x"], "snakemake --configfile 'a b.yaml' c.yaml --cores all TARGET"),
        (["--config", "a=1", "--keep-going", "-s", "S", "x"], "snakemake --config a=1 --snakefile S --cores all TARGET"),
    ],
)
def test_the_command_to_retry_keeps_what_makes_the_same_job(arguments, command):
    assert retry_command(arguments, "TARGET", local=True) == command


def test_a_cluster_is_asked_again_in_the_same_way():
    assert retry_command(["--workflow-profile", "p", "x"], "TARGET", local=False) == "snakemake --workflow-profile p TARGET"
    assert retry_command(["--config", "a=1"], "TARGET", local=False) == "snakemake --config a=1 -- TARGET"


@pytest.fixture
def run(tmp_path, capsys):
    """A display of a run that plans two shards of `decode` and a `report`; `run(event, ...)` sends it what Snakemake logs."""
    planned = [planned_job(tmp_path, "decode", shard=f"00{k}") for k in range(2)] + [planned_job(tmp_path, "report")]
    settings = SimpleNamespace(stdout=False, nocolor=True)
    rules = [SimpleNamespace(name=name) for name in ("report", "clips", "decode")]
    dag = SimpleNamespace(needrun_jobs=lambda: iter(planned))
    display = Display(SimpleNamespace(output_settings=settings, rules=rules, dag=dag, local_exec=True), shown=True)
    display._console.file = io.StringIO()

    def send(event, message="", level=logging.INFO, **facts):
        record = logging.LogRecord("snakemake", level, "", 1, message, (), None)
        vars(record).update(event=event, **facts)
        display.emit(record)

    send.display, send.planned, send.said = display, planned, lambda: display._console.file.getvalue()
    return send


def planned_job(folder, rule, **wildcards):
    table = folder / f"{wildcards.get('shard', 'clips')}.csv"
    table.write_text("clip\na\nb\n")
    log = folder / "-".join([rule, *wildcards.values()])
    log.write_text("error: it is broken\n")
    inputs = SimpleNamespace(clips=str(table))
    return SimpleNamespace(
        rule=SimpleNamespace(name=rule), wildcards_dict=wildcards, output=[f"{log.name}.h5"], log=[str(log)], input=inputs
    )


def begin(run, number):
    job = run.planned[number]
    facts = {"output": job.output, "log": job.log, "wildcards": job.wildcards_dict, "is_checkpoint": False}
    run("job_info", jobid=number, rule_name=job.rule.name, **facts)


def test_a_run_is_told_in_lines_of_its_stages_and_what_failed_once(run):
    run("workflow_started")
    run(None, "Building DAG of jobs...")
    run(None, "a warning", logging.WARNING)
    begin(run, 0)
    begin(run, 1)
    run("job_error", jobid=0, level=logging.ERROR)
    begin(run, 0)
    run("job_finished", job_id=0)
    run("job_error", jobid=1, level=logging.ERROR, message="Error in rule decode")
    run("error", "RuleException:\nCalledProcessError in file x", logging.ERROR)
    assert run.said().splitlines() == ["a warning", "decode      1/2 shards  2/4 clips  1 failed"]
    run.display.print_failures(["all.log"])
    _, title, job, everything = run.said().split("\n\n")
    assert title == "1 job failed" and everything == "all that Snakemake said: all.log\n"
    assert job.splitlines()[:2] == ["decode: shard 001", "  error: it is broken"] and job.endswith("decode-001.h5")


def test_lines_are_live_on_a_terminal_and_never_wider_than_it(run):
    display = run.display
    display._console = Console(file=io.StringIO(), force_terminal=True, width=60, height=20)
    display.start()
    begin(run, 2)
    (log := Path(run.planned[2].log[0])).write_text(f"report [{'#' * 24}] 1/4 pages 9 s left {'words ' * 20}\n")
    os.utime(log, ns=(1, 1))
    run("workflow_started")
    run(None, "a warning", logging.WARNING)
    display.stop()
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", run.said()).replace("\r", "").splitlines()
    assert "a warning" in lines and any(re.match("report +1/4 pages  9 s left words.*…$", line) for line in lines)
    assert any(re.match("decode +0/2 shards +0/4 clips +waiting", line) for line in lines) and max(map(len, lines)) <= 60


def test_nothing_is_said_of_failures_where_there_are_none(run):
    begin(run, 2)
    run("job_finished", job_id=2)
    run.display.print_failures([])
    assert [line.split()[:1] for line in run.said().splitlines()] == [["report"]]
