"""Trainings in processes of their own, which may be killed or refused room on the disk."""

import functools
import multiprocessing
import os
import resource
import signal
from pathlib import Path

import h5py
import torch
from forks import SERVER
from tiny_model import MODELS

from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.core.errors import InputError
from dwnet.cli.main import SUBCOMMANDS, SUMMARY
from dwnet.config import LossSettings, ModelSettings, TrainSettings
from dwnet.training import distributed, loop, step
from dwnet.training.data import SampleDataset

SETTINGS = TrainSettings(
    steps=9,
    batch=2,
    losses=LossSettings(gan=1.0, feature_matching=10.0, perceptual=0.0, l1=1.0),
    workers=1,
    threads=1,
    device="cpu",
    precision="fp32",
    save_every=2,
    log_every=1,
    picture_every=3,
)


def start(
    cache: Path,
    out: Path,
    settings: TrainSettings = SETTINGS,
    model: ModelSettings = MODELS["dwnet"],
    room: int | None = None,
    preparation=None,
    words: Path | None = None,
):
    """Start `dwnet train` of `model` on `cache`; what it says goes to the file `words` (`out`.txt). Returns the process.

    It may write files of at most `room` bytes. `preparation` is a function that is called first.
    """
    process = SERVER.Process(target=_train, args=(cache, out, settings, model, room, preparation, words or out.with_suffix(".txt")))
    process.start()
    return process


def run(cache: Path, out: Path, *arguments, **options) -> tuple[int, list[str]]:
    """`start` and wait; exit code and what was said beside the progress."""
    process = start(cache, out, *arguments, **options)
    process.join(600)
    return process.exitcode, said(out.with_suffix(".txt"))


def said(words: Path) -> list[str]:
    """Lines of `words` beside the progress."""
    return [line for line in words.read_text().splitlines() if not line.startswith("train [")]


def losses(out: Path) -> list[list[str]]:
    """Rows of the training log, the names first, without the time they took."""
    rows = [line.split(",") for line in (out / "train_log.csv").read_text().splitlines()]
    return [row[:1] + row[2:] for row in rows]


def states(out: Path) -> list[str]:
    """Names of all that lies beside the states."""
    return sorted(path.name for path in (out / "states").iterdir())


class BeforeStep:
    """Preparation of a training: call `action` before step `step`, in all its processes or in that of `rank`."""

    def __init__(self, step: int, action, *arguments, rank: int | None = None):
        self.step, self.action, self.arguments, self.rank = step, action, arguments, rank

    def __call__(self):
        real, count = loop.to_device_batch, []

        def acting(*arguments):
            count.append(1)
            if len(count) == self.step and self.rank in (None, int(os.environ.get("RANK", 0))):
                self.action(*self.arguments)
            return real(*arguments)

        loop.to_device_batch = acting


def damage(folder: Path):
    """Overwrite every frame of the cache in `folder`, as a failing disk would."""
    for shard in (folder / "frames").glob("*.h5"):
        with h5py.File(shard, "r") as file:
            places = [file[clip]["rgb"].id.get_chunk_info(number) for clip in file for number in range(len(file[clip]["rgb"]))]
        with shard.open("r+b") as file:
            for place in places:
                file.seek(place.byte_offset)
                file.write(bytes(place.size))


def kill_loaders():
    """Kill the loader processes of this one."""
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)


class Environment:
    """Preparation of a training: set environment variables."""

    def __init__(self, **values):
        self.values = {name: str(value) for name, value in values.items()}

    def __call__(self):
        os.environ.update(self.values)


def signal_myself(number: int):
    """Send this process a signal."""
    os.kill(os.getpid(), number)


def note_process(folder: Path):
    """Leave a file named after this process."""
    (folder / str(os.getpid())).touch()


def break_losses():
    """Make the next loss NaN."""
    real = step.adversarial
    step.adversarial = lambda fake: real(fake) * float("nan")


def break_reading():
    """Make every further sample unreadable."""

    def unreadable(*_):
        raise InputError("train.h5: clip anna cannot be read from its shard")

    SampleDataset.read = unreadable


def _run_workers(preparation, function, arguments: tuple, count: int):
    """`run_workers`, and each of its processes makes the preparation first: a new one has nothing of what this one was prepared by."""
    distributed.run_workers(_prepared, (preparation, function, arguments), count)


def _prepared(preparation, function, arguments: tuple):
    preparation()
    function(*arguments)


def _train(cache: Path, out: Path, settings: TrainSettings, model: ModelSettings, room: int | None, preparation, words: Path):
    torch.set_num_threads(1)
    os.dup2(os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    if room:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    if preparation:
        preparation()
        loop.run_workers = functools.partial(_run_workers, preparation)
    arguments = ["--data", cache / "train.h5", "--out", out / "model.safetensors"]
    arguments += ["--model", model.model_dump_json(), "--settings", settings.model_dump_json()]
    raise SystemExit(run_subcommands(SUMMARY, SUBCOMMANDS, ["train", *map(str, arguments)]))
