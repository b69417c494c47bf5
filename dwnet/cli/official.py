"""The subcommands `dwnet import-official` and `dwnet export-official`."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def import_command(
    generator: Annotated[Path, typer.Argument(help="The official latest_net_G.pth.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="model.safetensors to write.")],
    critic: Annotated[Path | None, typer.Option(help="The official latest_net_D.pth; becomes critic.safetensors beside OUT.")] = None,
    padding_mode: Annotated[
        Literal["reflection", "border", "zeros"],
        typer.Option(help="What a warp reads outside of the frame; the option the model was trained with."),
    ] = "reflection",
    coarse_warp: Annotated[bool, typer.Option(help="Off for a model that was trained without coarse warp.")] = True,
    refine: Annotated[bool, typer.Option(help="Off for a model that was trained without refined warp.")] = True,
    previous: Annotated[bool, typer.Option(help="Off for a model that was trained without the frame before (--prev_frame_num 0).")] = True,
):
    """Turn weights of the official DwNet code into a model that `dwnet rollout` and `dwnet animate` take.

    The files are read as plain tensors; code in them is never run.
    """
    from ..model.official.files import import_official

    import_official(generator, out, critic, padding_mode, coarse_warp, refine, previous)
    typer.echo(f"{out}")


def export_command(
    model: Annotated[str, typer.Argument(help="Run folder or model.safetensors.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="latest_net_G.pth to write.")],
    critic: Annotated[Path | None, typer.Option(help="latest_net_D.pth to write, of the discriminator beside the model.")] = None,
):
    """Turn a model into weights that the official DwNet code loads, with PyTorch 1.0 or later.

    Prints the options with which that code builds networks of these widths. It makes frames of 256x256 pixels only.
    """
    from ..model.official.files import export_official

    options = export_official(model, out, critic)
    typer.echo(f"{out}: load it in the official code with {options}")
