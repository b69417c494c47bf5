"""The subcommand `dwnet reproduce`."""

from pathlib import Path
from typing import Annotated

import typer

from densepose_cache.storage.atomic import write_text_whole

from ..reproduce.commands import commands
from ..reproduce.finding import Finding
from ..reproduce.inputs import check_cache, check_clips, check_weights
from ..reproduce.record import Record, read_record
from ..reproduce.surroundings import check_configuration, check_revision, check_versions

CONFIG = Path("reproduce.yaml")
"""What the commands call the result's configuration where it is not written."""


def command(
    metrics: Annotated[Path, typer.Argument(help="The metrics.json of a result that the workflow made.", show_default=False)],
    config: Annotated[Path, typer.Option(help="Configuration of today.")] = Path("config.yaml"),
    config_out: Annotated[
        Path | None, typer.Option(help="Write the result's configuration to this YAML file; without it, it is printed at the end.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Read all videos, not only those of another size or time of change.")] = False,
):
    """Print the commands that make a result again, and whether today's inputs are still those that it was made from.

    Run it in the folder that the workflow runs in. Every line about an input begins with `same`, `differs`, or `absent` for what the
    workflow renders, computes or downloads again by itself. Compared are the configuration, key by key; clips and their videos; the cache;
    files of weights; package versions; git revision. Nothing is changed or run.

    Exit code: 0 if nothing differs, 1 if something does, 2 if METRICS is no result of the workflow.

    Example: dwnet reproduce results/sample/metrics.json --config-out again.yaml
    """
    record = read_record(metrics)
    if config_out is not None:
        write_text_whole(config_out, record.configuration())
    typer.echo(f"To make {record.origin.target} again (where it stands already, with all that it needs, nothing is done):\n")
    for line in commands(record, config_out or CONFIG):
        typer.echo(f"  {line}")
    typer.echo("\nIts inputs today:\n")
    findings = examine(record, config, verify)
    for finding in findings:
        typer.echo(str(finding))
    count = sum(finding.state == "differs" for finding in findings)
    typer.echo(f"\n{count} of {len(findings)} lines differ" if count else "\nNothing differs.")
    if config_out is None:
        typer.echo(f"\nIts configuration, {CONFIG} in the command above (--config-out writes it):\n\n{record.configuration()}", nl=False)
    if count:
        raise typer.Exit(1)


def examine(record: Record, config: Path, verify: bool) -> list[Finding]:
    """All that is compared, in the order in which it is printed."""
    return [
        *check_configuration(record, config),
        check_clips(record, verify),
        *check_cache(record),
        *check_weights(record),
        *check_versions(record),
        check_revision(record),
    ]
