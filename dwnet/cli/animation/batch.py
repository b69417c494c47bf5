"""The subcommand `dwnet batch`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from densepose_cache.config.base import read_settings
from densepose_cache.core.errors import InputError

from ...animation.batch.contact_sheet import contact_sheet
from ...animation.batch.pairs import folder_pairs, table_pairs
from ...animation.batch.results import FAILED, report
from ...animation.batch.run import run_batch
from ...animation.job import Studio
from ...config import AnimateSettings
from ...pretrained import EMBEDDED
from .motion_options import CacheSize, DensePose, NoCache, Weights, extraction


def command(
    folder: Annotated[Path, typer.Option("--output-folder", "-o", help="Folder of the videos, the table batch.csv and contact_sheet.png.")],
    table: Annotated[Path | None, typer.Argument(help="CSV with columns source, driving and perhaps out, source_iuv, driving_iuv.")] = None,
    sources: Annotated[Path | None, typer.Option(help="Instead of the table: a folder of pictures, each with every motion.")] = None,
    drivings: Annotated[Path | None, typer.Option(help="The motions: a folder of videos and motion files.")] = None,
    ending: Annotated[
        Literal["mp4", "webm", "gif"], typer.Option("--format", help="Kind of the videos that the table does not name.")
    ] = "mp4",
    model: Annotated[str, typer.Option(help="Run folder or model.safetensors. Default: the generator that ships.")] = EMBEDDED,
    settings: Annotated[
        str | None, typer.Option(help="""Options of `dwnet animate` for all: JSON such as '{"fps": 12}', or a JSON or YAML file.""")
    ] = None,
    densepose: DensePose = None,
    weights: Weights = Path("weights"),
    no_cache: NoCache = False,
    cache_size: CacheSize = 2.0,
):
    """Animate many pictures with many motions.

    Examples: dwnet batch pairs.csv -o results; dwnet batch --sources photos --drivings dances -o results. Run it again to go on after a
    stop: a video is made again only if its inputs, the settings or the model have changed. Pairs that cannot be made are named at the end,
    and the exit code is then 1.
    """
    chosen = read_settings(AnimateSettings, settings)
    if table and not (sources or drivings):
        pairs = table_pairs(table, f".{ending}")
    elif sources and drivings and not table:
        pairs = folder_pairs(sources, drivings, f".{ending}")
    else:
        raise InputError("give a table of pairs, or both --sources and --drivings")
    studio = Studio(model, extraction(densepose, chosen.device, weights, no_cache, cache_size))
    results = run_batch(studio, pairs, chosen, folder)
    typer.echo(report(results))
    typer.echo(contact_sheet(results, chosen, folder))
    if any(result.state == FAILED for result in results):
        raise typer.Exit(1)
