"""The verb `dwnet export-official`."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    model: Annotated[str, typer.Argument(help="Run folder or model.safetensors.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="latest_net_G.pth to write.")],
    critic: Annotated[Path | None, typer.Option(help="latest_net_D.pth to write, of the critic beside the model.")] = None,
):
    """Turn a model into weights that the official DwNet code loads, with PyTorch 1.0 or later.

    Prints the options with which that code builds networks of these widths. It makes frames of 256x256 pixels only.
    """
    from .official_files import export_official

    options = export_official(model, out, critic)
    typer.echo(f"{out}: load it in the official code with {options}")
