"""Training (paper, sections 3.2 and 4.3): a plain loop over batches that can stop at any step and go on as if it had not."""

import contextlib
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import only_writer
from densepose_cache.storage.lock import lent

from ..config import ModelSettings, TrainSettings, loss_problem, size_problem
from ..core.device import fast_convolutions, pick_compile
from ..model.build import AnyGenerator, build_generator
from ..model.discriminator import MultiscaleDiscriminator
from ..model.perceptual import load_features
from .checkpoints import fingerprint, latest_state, load_start_weights, read_state, remove_unfinished, restore_random_states, start_digest
from .compiled import RecordedStep, compile_step
from .data import Batch, TrainingData, to_device_batch
from .distributed import STOP_SIGNALS, Group, first_process, joined, needs_workers, run_workers
from .logging import Found, Recorder, Run
from .loss_guard import BadLoss, LossGuard
from .schedule import learning_rate, total_steps
from .step import Networks, Outcome, TrainStep
from .train_log import restore_log

STOPPED = 75
"""Exit code of a training that saved its state on SIGTERM or SIGUSR1: start it again and it goes on."""
LOADER_DIED = "DataLoader "
"""Start of what PyTorch says where a loader process was killed or hangs."""
COMPILER = ("torch._dynamo", "torch._inductor")
"""Where the errors of PyTorch's compiler are from."""


def train(
    train_h5: Path | Sequence[Path],
    out: Path,
    model: ModelSettings,
    settings: TrainSettings,
    weights: Path = Path("weights"),
):
    """Train a model on the samples of a cache, or of several in turn, and write it to `out`, the critic beside it.

    Waits for another process that is writing it, then goes on from the newest state in `out`'s folder that has the same fingerprint; a
    finished one is written out at once. `weights` is the folder with VGG-19's weights. With several devices this process takes its place
    among those that torchrun or srun has started, or starts a process for each. SIGTERM and SIGUSR1 save a state and exit with code 75.
    Raises InputError for wrong input, where a loss is no longer finite or explodes, and where the disk is full.
    """
    with only_writer(out) if first_process() else contextlib.nullcontext():
        train_alone(train_h5, Path(out), model, settings, weights)


def train_alone(train_h5: Path | Sequence[Path], out: Path, model: ModelSettings, settings: TrainSettings, weights: Path):
    """`train`, where no other training writes `out`."""
    data = TrainingData(train_h5, settings.targets, model.generator == "compose")
    run = plan_run(data, out, model, settings)
    if first_process():
        remove_unfinished(run.states)
    found = latest_state(run.states, run.fingerprint)
    if found and found[1]["step"] == run.steps:
        if first_process():
            restore_log(out.parent, run.fingerprint, run.steps, found[1]["log"])
            run.write(*load_networks(model, found[1]), found[1].get("precision", "fp32"))
        return
    start = None if found else load_start_weights(settings.start, model)
    if needs_workers(settings.devices, settings.nodes):
        run_workers(train_for_parent, (train_h5, out, model, settings, weights), settings.devices)
        return
    with explained(), joined(settings, model.generator, found and found[1].get("precision")) as group, fast_convolutions():
        found = shared_state(group, found)
        torch.manual_seed(settings.seed)
        nets = build_networks(model, settings, weights, group.fabric.device)
        if found:
            restore(nets, found[1])
        elif start:
            start.load(nets.generator, nets.critic)
        run_steps(run, data, nets, group, found)
        if group.first:
            run.write(nets.generator, nets.critic, group.precision)


def train_for_parent(train_h5: Path | Sequence[Path], out: Path, model: ModelSettings, settings: TrainSettings, weights: Path):
    """`train_alone` in one of the processes that `train` starts: it holds the lock on `out` for them."""
    with lent(out):
        train_alone(train_h5, out, model, settings, weights)


def plan_run(data: TrainingData, out: Path, model: ModelSettings, settings: TrainSettings) -> Run:
    """The training of `model` on `data`: its steps, and the fingerprint by which its states are known. Raises InputError if the frames are
    too small for a loss, or there is none, or they are of several sizes where steps are to be recorded."""
    for reader in (part.reader for part in data.parts):
        if problem := size_problem(reader.size, model, settings):
            raise InputError(f"{reader.path}: the side of the frames is {problem}")
    if problem := loss_problem(model, settings):
        raise InputError(f"losses: {problem}")
    sizes = [str(part.reader.size) for part in data.parts]
    if settings.compile == "graphs" and len(set(sizes)) > 1:
        raise InputError(
            f"train.compile is `graphs`, which records a step with frames of one size, but those here have sides of {' and '.join(sizes)} "
            "pixels; set it to networks"
        )
    steps = total_steps(settings, data.passes())
    return Run(out, model, settings, fingerprint(model, settings, data.digest, start_digest(settings.start)), steps, data.size)


def shared_state(group: Group, found: Found | None) -> Found | None:
    """The state that the first process has found, in every process: a network file system may show each another one."""
    path = group.share(found and found[0])
    if path == (found and found[0]):
        return found
    return (path, read_state(path)) if path else None


@dataclass(frozen=True)
class Started:
    """A step that has been started, and perhaps is not done yet."""

    step: int
    rate: float
    batch: Batch
    outcome: Outcome


def run_steps(run: Run, data: TrainingData, nets: Networks, group: Group, found: Found | None):
    """All steps that are left. Ends in every process at the same step: with exit code 75 after a stop signal to any of them, with an
    InputError where samples cannot be read or a loss must not be learned from; the state before that step is saved.

    What a step came to is read once the next one has been started, so that a GPU need not wait; at once where a picture or a state is due.
    """
    settings, device = run.settings, group.fabric.device
    start = found[1]["step"] if found else 0
    guard = LossGuard(settings.explosion, found[1]["totals"] if found else ())
    steps, share = range(start, run.steps), (group.rank, group.size)
    loader = fetched(data.batches(settings.batch, settings.seed, steps, settings.workers, device.type == "cuda", *share))
    update = training_step(nets, run.model, settings, group)
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None
    recorder = Recorder(run, nets, guard, group, found) if group.first else contextlib.nullcontext()
    with recorder as record, stop_signals() as stopped, contextlib.closing(loader):
        under_way: Started | None = None
        for step in range(start + 1, run.steps + 1):
            raw, problem = next(loader)
            stop, problem = group.agree(bool(stopped), problem)
            if stop or problem:
                finish(under_way, guard, record, group)
                note = group.share(save_and_say(record, step - 1))
                raise group.failure(f"training stopped before step {step}: {problem}{note}") if problem else SystemExit(STOPPED)
            rate = learning_rate(step - 1, run.steps, settings)
            nets.set_learning_rate(rate)
            batch = to_device_batch(raw, device, run.model.visibility, stream)
            before, under_way = under_way, Started(step, rate, batch, update(batch, guard.limit))
            finish(before, guard, record, group)
            if run.due(step):
                finish(under_way, guard, record, group)
                under_way = None


def finish(started: Started | None, guard: LossGuard, record: Recorder | None, group: Group):
    """Wait for a step and record it. Raises InputError where its loss must not be learned from; no update has been made since then."""
    if started is None:
        return
    try:
        losses = started.outcome.read()
    except BadLoss as error:
        clips = ", ".join(group.collect(started.batch.clips))
        note = group.share(save_and_say(record, started.step - 1))
        raise group.failure(f"training stopped at step {started.step}: {error} (clips {clips}){note}. {error.advice}") from None
    guard.add(losses["total"])
    if record:
        record.step(started.step, started.rate, started.batch, losses, started.outcome.frames)


def save_and_say(record: Recorder | None, step: int) -> str:
    """Save the state after `step` steps, and the end of a message that says where it is.

    The first process has a `record` and saves; the others must wait for it (`Group.share`), or it would be ended with them.
    """
    saved = record.save(step) if record else None
    return f"; the state before it is {saved}" if saved else ""


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what PyTorch says of a full memory, or of a compiler that is missing, into an InputError with what to do."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = str(error).split(". ")[0]
        advice = "set train.backward to frame, lower train.batch, or share the batch by train.devices"
        raise InputError(f"the GPU's memory is too small ({reason}); {advice}") from None
    except RuntimeError as error:
        said = str(error)
        if type(error).__module__.startswith(COMPILER):
            reason = " ".join(said.split("\n\n")[0].split())
            raise InputError(f"the training step cannot be compiled here ({reason}); set train.compile to none") from error
        if not said.startswith(LOADER_DIED):
            raise
        reason = said.splitlines()[0]
        raise InputError(f"{reason.rstrip('. ')}. Perhaps the memory or /dev/shm is full: lower train.workers and start again") from None


def fetched(loader: Iterable[dict]) -> Iterator[tuple[dict | None, str | None]]:
    """Batches, each with None; or None and what is wrong with the next one: every process must hear of it before any of them ends."""
    try:
        for raw in loader:
            yield raw, None
    except InputError as error:
        yield None, str(error)


def build_networks(model: ModelSettings, settings: TrainSettings, weights: Path, device: torch.device) -> Networks:
    """Fresh networks and optimisers on `device`: a critic only where a loss needs it, feature network likewise."""
    losses = settings.losses
    features = load_features(settings.features, weights).to(device) if losses.perceptual or (losses.warp and model.refine) else None
    generator = build_generator(model).to(device)
    critic = MultiscaleDiscriminator(model).to(device) if losses.gan or losses.feature_matching else None

    def adam(module):
        return torch.optim.Adam(module.parameters(), lr=settings.learning_rate, betas=settings.betas, fused=True)

    return Networks(generator, adam(generator), critic, adam(critic) if critic else None, features)


def training_step(nets: Networks, model: ModelSettings, settings: TrainSettings, group: Group) -> TrainStep:
    """The step as `settings.compile` asks for it. Raises InputError where the device cannot do that."""
    kind = pick_compile(settings.compile, group.fabric.device)
    step = (RecordedStep if kind == "graphs" else TrainStep)(nets, model, settings, group)
    if kind != "none":
        compile_step(step)
    return step


def load_networks(model: ModelSettings, state: dict[str, Any]) -> tuple[AnyGenerator, MultiscaleDiscriminator | None]:
    """Generator and critic of a state, on the CPU."""
    generator = build_generator(model)
    generator.load_state_dict(state["generator"])
    if state["critic"] is None:
        return generator, None
    critic = MultiscaleDiscriminator(model)
    critic.load_state_dict(state["critic"])
    return generator, critic


def restore(nets: Networks, state: dict[str, Any]):
    """Set networks, optimisers and random generators to a state."""
    nets.generator.load_state_dict(state["generator"])
    if nets.critic:
        nets.critic.load_state_dict(state["critic"])
    for optimizer, saved in zip(nets.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
        for group in optimizer.param_groups:
            group |= {"lr": float(group["lr"]), "capturable": False}  # a recorded step had both otherwise
    restore_random_states(state["random"])


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
    """A list that SIGTERM and SIGUSR1 fill, so that the loop can end between two steps."""
    received: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: received.append(number)) for number in STOP_SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
