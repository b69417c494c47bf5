"""The subcommand `dwnet serve`."""

import importlib.util
import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from densepose_cache.core.errors import InputError

from ...config import AnimateSettings
from ...page.folder import page_folder
from ...page.seclusion import stay_alone
from ...pretrained import EMBEDDED
from .motion_options import CacheSize, DensePose, Weights, extraction


def command(
    host: Annotated[str, typer.Option(help="Address to listen at. Any but this machine's own needs --auth.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 7860,
    auth: Annotated[str | None, typer.Option(metavar="USER:PASSWORD", help="Name and password that visitors must give.")] = None,
    max_megabytes: Annotated[float, typer.Option(min=0.001, help="Largest file that a visitor may send.")] = 200.0,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="Longest motion that is animated at a time.")] = 60.0,
    model: Annotated[str, typer.Option(help="Run folder or model.safetensors. Default: the generator that ships.")] = EMBEDDED,
    densepose: DensePose = None,
    weights: Weights = Path("weights"),
    cache_size: CacheSize = 2.0,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where DensePose and the generator run.")] = "auto",
):
    """Serve a web page that animates photos, on this machine.

    Example: dwnet serve, then open http://127.0.0.1:7860. Photos and videos stay in one temporary folder, which is removed at the end. The
    page asks no other server for anything.
    """
    if importlib.util.find_spec("gradio") is None:
        raise InputError("the page needs Gradio; install it with: pip install 'gradio>=6'")
    login = _login(host, auth)
    stay_alone()
    with page_folder() as folder:
        os.environ["GRADIO_TEMP_DIR"] = str(folder.files)
        from ...page.server import serve  # Gradio reads its environment when it is imported
        from ...page.uploads import Limits

        serve(
            model,
            extraction(densepose, device, weights, False, cache_size, folder.maps),
            folder,
            host,
            port,
            login,
            Limits(max_megabytes, max_seconds),
            AnimateSettings(device=device),
            lambda address: typer.echo(f"the page is at {address} (Ctrl-C ends it)"),
        )


def _login(host: str, auth: str | None) -> tuple[str, str] | None:
    """Name and password. Raises InputError where they are wrong, or missing although others can reach `host`."""
    try:
        own = ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = host == "localhost"
    if auth is None:
        if not own:
            raise InputError(f"at {host} others can reach the page; give a name and a password: --auth USER:PASSWORD")
        return None
    name, _, password = auth.partition(":")
    if not name or not password:
        raise InputError("--auth must be a name and a password with a colon between them: --auth USER:PASSWORD")
    return name, password
