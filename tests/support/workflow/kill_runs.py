"""Kill runs of the whole workflow at random moments, run the same command again, and compare with a run that nobody has disturbed.

PYTHONPATH=tests/support python tests/support/workflow/kill_runs.py --rounds 50 --seed 0

A round kills with SIGKILL, in turn: a random process of a job; Snakemake alone, whose jobs go on; all processes at once, as a machine that
loses its power. The moment is drawn evenly from the time of the undisturbed run. Every tenth round begins with an empty folder, the others
with what the undisturbed run had when the stage of that moment began. Exits with 1 if any round fails.
"""

import argparse
import contextlib
import copy
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from outputs import RUN, differences, forget, leftovers, results
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tiny_project import TINY, Project

WAYS = ("job", "snakemake", "group")
METRICS = "results/sample/metrics.json"
COMMAND = ("--rerun-incomplete", METRICS)
"""As the profiles have it."""
STEPS, SAVE_EVERY = 24, 3
DATE = "%a %b %d %H:%M:%S %Y"
MARK = "DWNET_KILL_RUN"
"""Environment variable by which the processes of a round are known; their numbers and sessions are given to others once they are gone."""
PATIENCE = 120.0
"""Seconds that processes get to end after the last run."""


def small() -> dict:
    """The tiny configuration with a training of several states and loader processes."""
    config = copy.deepcopy(TINY)
    config["train"] |= {"steps": STEPS, "save_every": SAVE_EVERY, "picture_every": STEPS, "workers": 1}
    config["datasets"]["sample"]["source"] |= {"train": 2, "frames": 5}
    return config


@dataclass
class Reference:
    """An undisturbed run: its project, results, the seconds at which each stage began, and how long it took."""

    project: Project
    results: dict
    began: dict[str, float]
    seconds: float


@dataclass
class Round:
    """What was killed, when, and what is wrong with what came of it."""

    way: str
    stage: str
    seconds: float
    victim: str = ""
    state: int = 0
    """Steps of the last state that was there then."""
    resumed: bool = False
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = f"{self.way:9} from {self.stage:9} after {self.seconds:5.1f} s: {self.victim}"
        training = f"; training went on after step {self.state}" if self.resumed else ""
        return f"{said}{training}: {'; '.join(self.problems) or 'same results'}"


def undisturbed(project: Project, said: str) -> Reference:
    """What Snakemake `said` of the run that finished `project`, and what it made."""
    start = datetime.fromisoformat(re.search(r"^  Date: (.+)$", said, re.M)[1])
    began: dict[str, float] = {}
    for date, stage in re.findall(r"^\[(.+)\]\n(?:local)?(?:rule|checkpoint) (\w+):$", said, re.M):
        began.setdefault(stage, (datetime.strptime(date, DATE) - start).total_seconds())
    end = datetime.strptime(re.findall(r"^\[(.+)\]$", said, re.M)[-1], DATE)
    return Reference(project, results(project.folder), began, (end - start).total_seconds())


def kill_round(reference: Reference, folder: Path, way: str, chance: random.Random, empty: bool) -> Round:
    """One round in the new `folder`."""
    first = min(reference.began.values())
    moment = chance.uniform(0, reference.seconds)
    stage = next(iter(reference.began))
    if not empty:
        stage = max((name for name in reference.began if reference.began[name] <= max(moment, first)), key=reference.began.get)
        moment += first - reference.began[stage]
    while True:
        shutil.copytree(reference.project.folder, folder, symlinks=True)
        forget(folder, stage)
        done = Round(way, stage, max(moment, 0.0))
        project, mark = Project(folder, reference.project.config), secrets.token_hex(8)
        with project.start(*COMMAND, stdout=subprocess.DEVNULL, env=os.environ | {MARK: mark}) as process:
            time.sleep(done.seconds)
            done.victim = kill(process, mark, way, chance)
        if done.victim:
            break
        shutil.rmtree(folder)  # it was faster than the undisturbed run
        moment *= 0.7
    done.state = max((int(path.stem.split("-")[1]) for path in (folder / RUN / "states").glob("*.pt")), default=0)
    logs = set((folder / RUN / "tensorboard").glob("*/*"))
    if way != "job" and (code := project.run("--unlock").returncode):
        done.problems.append(f"unlock ended with {code}")
    with project.start(*COMMAND, env=os.environ | {MARK: mark}) as again:
        said = again.stdout.read()
    done.problems += [f"process {name} is left" for name in left_processes(mark)]
    done.problems += [f"{name} is left" for name in leftovers(folder)]
    if again.returncode:
        done.problems.append(f"the second run ended with {again.returncode}:\n{said}")
        return done
    done.problems += [f"{name} differs" for name in differences(folder, reference.results)]
    starts = [first_step(path) for path in set((folder / RUN / "tensorboard").glob("*/*")) - logs]
    done.resumed = bool(done.state and starts)
    if done.state and any(step <= done.state for step in starts):
        done.problems.append(f"training began again at step {min(starts)}, although there was a state after {done.state}")
    return done


def kill(process: subprocess.Popen, mark: str, way: str, chance: random.Random) -> str:
    """Kill by `way` and wait for Snakemake's end. What was killed; "" if the run had ended before."""
    while process.poll() is None:
        jobs = [pid for pid in marked(mark) if pid != process.pid]
        if way == "job" and not jobs:
            time.sleep(0.01)
            continue
        victim = chance.choice(sorted(jobs)) if way == "job" else process.pid
        others = f"{len(jobs)} processes of jobs"
        what = {"job": name(victim), "snakemake": f"Snakemake, not {others}", "group": f"Snakemake and {others}"}[way]
        if way == "group":
            for number in (signal.SIGSTOP, signal.SIGKILL):  # nothing goes on between the first and the last
                for pid in marked(mark):
                    send(pid, number)
        elif not send(victim, signal.SIGKILL):
            continue
        return what if process.wait() == -signal.SIGKILL or way == "job" else ""
    return ""


def send(pid: int, number: int) -> bool:
    """Send a process a signal; whether it was still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def marked(mark: str) -> list[int]:
    """Living processes with `mark` in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def name(pid: int) -> str:
    """The beginning of a process's command."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        return " ".join(Path(word).name for word in words[:3])[:60]
    return str(pid)


def left_processes(mark: str) -> list[str]:
    """Commands of processes with `mark` that do not end."""
    patience = time.monotonic() + PATIENCE
    while (left := marked(mark)) and time.monotonic() < patience:
        time.sleep(0.2)
    said = [f"{pid} ({name(pid)})" for pid in left]
    for pid in left:
        send(pid, signal.SIGKILL)
    return said


def first_step(path: Path) -> int:
    """The first step of the training process that wrote a TensorBoard file."""
    steps = [event.session_log.status and event.step for event in EventFileLoader(str(path)).Load()]
    return next((step for step in steps if step), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="kill-runs-") as scratch:
        project = Project(Path(scratch) / "undisturbed", small())
        done = project.run(METRICS)
        if done.returncode:
            sys.exit(done.stdout)
        reference = undisturbed(project, done.stdout)
        print(f"undisturbed: {reference.seconds:.0f} s; seconds at which stages began: {reference.began}", flush=True)
        rounds = []
        for number in range(arguments.rounds):
            folder = Path(scratch) / f"round-{number}"
            rounds.append(kill_round(reference, folder, WAYS[number % len(WAYS)], chance, empty=number % 10 == 0))
            print(f"round {number + 1}: {rounds[-1]}", flush=True)
            shutil.rmtree(folder)
    bad = sum(bool(each.problems) for each in rounds)
    resumed = sum(each.resumed for each in rounds)
    print(f"{len(rounds)} rounds, {len(rounds) - bad} with the same results; in {resumed} the training went on from a state")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
