"""The subcommand `dwnet evaluate`."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from densepose_cache.cache.reader import SplitReader
from densepose_cache.config.base import read_settings
from densepose_cache.core.errors import InputError

from ..config import EvaluateSettings
from ..evaluation.evaluate import evaluate
from ..evaluation.folders import evaluate_folders
from ..evaluation.provenance import Origin
from ..evaluation.truth import RealCache, RealFolder
from .animation.motion_options import CacheSize, DensePose, NoCache, extraction


def command(
    out: Annotated[Path, typer.Option(help="metrics.json to write; clips.csv and features.h5 go beside it.")],
    rollout: Annotated[Path | None, typer.Option(help="Generated frames, written by `dwnet rollout`.")] = None,
    data: Annotated[Path | None, typer.Option(help="Test split of the cache, cache/{dataset}/test.h5.")] = None,
    model: Annotated[str | None, typer.Option(help="The model that generated the frames.")] = None,
    pred: Annotated[Path | None, typer.Option(help="Instead: a folder of videos or folders of frames, made by anything.")] = None,
    real: Annotated[
        Path | None,
        typer.Option(help="The real ones of the same names: a folder of them, or a split of the cache, cache/{dataset}/test.h5."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What made them. Default: the name of their folder.")] = None,
    size: Annotated[int | None, typer.Option(min=32, help="Side to which their frames are brought. Default: their own.")] = None,
    settings: Annotated[str | None, typer.Option(help="Section `evaluate` of the configuration: JSON text, or a file.")] = None,
    weights: Annotated[Path, typer.Option(help="Folder of published weight files.")] = Path("weights"),
    origin: Annotated[
        str | None, typer.Option(help="Data set and merged configuration as the workflow gives them, for `provenance`.")
    ] = None,
    densepose: DensePose = None,
    no_cache: NoCache = False,
    cache_size: CacheSize = 2.0,
):
    """Measure generated frames against the real ones: a rollout, with the baselines, or anybody's videos.

    Examples: dwnet evaluate --rollout rollout.h5 --data cache/fashion/test.h5 --model results/fashion/runs/full --out metrics.json;
    dwnet evaluate --pred theirs/ --real real/ --name theirs --out theirs.json. Whom the metrics of the body and of keypoints mean is found
    on the real videos as `dwnet animate` finds it.
    """
    chosen = read_settings(EvaluateSettings, settings)
    given = {"--rollout": rollout, "--data": data, "--model": model}, {"--pred": pred, "--real": real}
    whole = [all(value is not None for value in some.values()) for some in given]
    if sum(any(value is not None for value in some.values()) for some in given) != 1 or not any(whole):
        raise InputError("give --rollout, --data and --model, or --pred and --real")
    if whole[0]:
        summary = evaluate(rollout, data, model, chosen, weights, out, read_settings(Origin, origin) if origin else None)
    else:
        with contextlib.ExitStack() as stack:
            if real.suffix == ".h5":
                truth = RealCache(stack.enter_context(SplitReader(real)))
            else:
                truth = RealFolder(real, extraction(densepose, chosen.device, weights, no_cache, cache_size))
            summary = evaluate_folders(pred, truth, name or pred.resolve().name, size, chosen, weights, out)
    for metric, reason in summary["unavailable"].items():
        typer.echo(f"not measured: {metric}: {reason}", err=True)
    typer.echo(f"{len(summary['metrics'])} metrics of {summary['protocol']['clips']} clips: {out}")
