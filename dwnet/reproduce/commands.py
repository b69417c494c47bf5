"""The shell commands that make a result again."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from ..evaluation.provenance import versions
from .record import Record
from .surroundings import differing

CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder that holds this package."""
NO_PACKAGE = {"python", "dwnet"}
NOT_INSTALLED = "not installed"


def commands(record: Record, configuration: Path) -> Iterator[str]:
    """Lines for a shell in the folder that the workflow runs in; `configuration` is the file with the result's configuration."""
    here = Path.cwd() == CHECKOUT
    if record.commit:
        yield shlex.join(["git", *([] if here else ["-C", str(CHECKOUT)]), "checkout", record.commit])
    if record.commit != record.revision:
        yield "# the checkout had uncommitted changes then; no command brings them back"
    changed = differing(record.versions, versions())
    packages = [f"{name}=={then}" for name, (then, _) in changed.items() if name not in NO_PACKAGE and then != NOT_INSTALLED]
    if "python" in changed:
        yield f"# with Python {changed['python'][0]}"
    if packages:
        yield shlex.join(["pip", "install", *packages])
    snakefile = [] if Path("Snakefile").is_file() else ["--snakefile", str(CHECKOUT / "Snakefile")]
    run = ["snakemake", *snakefile, "--cores", "all", "--configfile", str(configuration), "--replace-workflow-config", "--"]
    yield shlex.join([*run, record.origin.target])
