"""The subcommand `dwnet train`."""

from pathlib import Path
from typing import Annotated

import typer

from densepose_cache.config.base import read_settings

from ..config import ModelSettings, TrainSettings


def command(
    data: Annotated[list[Path], typer.Option(help="Training split of the cache, cache/{dataset}/train.h5; several take turns.")],
    out: Annotated[Path, typer.Option(help="model.safetensors to write; discriminator, log and states go beside it.")],
    model: Annotated[str | None, typer.Option(help="Section `model` of the configuration: JSON text, or a JSON or YAML file.")] = None,
    settings: Annotated[str | None, typer.Option(help="Section `train` of the configuration: JSON text, or a JSON or YAML file.")] = None,
    weights: Annotated[Path, typer.Option(help="Folder of weight files; the perceptual loss on VGG-19 needs its.")] = Path("weights"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done and what it costs; write nothing.")] = False,
):
    """Train a model, or go on with a training that was stopped.

    A state is saved every `save_every` batches, and on SIGTERM or SIGUSR1, which end the training with exit code 75. The same command goes
    on from there and comes to the same losses; with other settings or data it starts afresh. Watch it with
    `tensorboard --logdir` on the folder of OUT. With `devices` above 1 it starts a process for each; with `nodes` above 1 start it by
    `srun` or `torchrun`, one process a device.
    """
    model_settings, train_settings = read_settings(ModelSettings, model), read_settings(TrainSettings, settings)
    if dry_run:
        from ..training.plan import train_plan

        for line in train_plan(data, out, model_settings, train_settings, weights):
            typer.echo(line)
        return
    from ..training.distributed import first_process
    from ..training.loop import train

    train(data, out, model_settings, train_settings, weights)
    if first_process():
        typer.echo(f"{out}")
