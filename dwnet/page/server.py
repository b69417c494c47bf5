"""The server of the page."""

import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack

import fastapi
import gradio as gr
import uvicorn

from densepose_cache.core.errors import InputError

from ..animation.extraction import Extraction
from ..animation.job import Studio
from ..animation.map_cache import user_folder
from ..config import AnimateSettings
from .actions import Actions
from .examples import VERSION, examples
from .folder import PageFolder, swept
from .layout import HERE, THEME, layout
from .seclusion import Guarded
from .uploads import Limits
from .work import Worker

PATIENCE = 2
"""Seconds that open connections have at the end."""


def serve(
    model: str,
    extraction: Extraction,
    folder: PageFolder,
    host: str,
    port: int,
    auth: tuple[str, str] | None,
    limits: Limits,
    defaults: AnimateSettings,
    announce: Callable[[str], None],
):
    """Serve the page at `host` and `port` (0: any that is free) until the process is told to end; `announce` gets its address.

    Raises InputError where the address cannot be had.
    """
    with ExitStack() as stack:
        listening = stack.enter_context(_listen(host, port))
        port = listening.getsockname()[1]
        worker = stack.enter_context(Worker())
        actions = Actions(Studio(model, extraction), folder, worker, limits, defaults)
        stack.enter_context(swept(folder, actions.visits.in_use))
        app = gr.mount_gradio_app(
            fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
            layout(actions, examples(folder.examples, user_folder().with_name(f"examples-{VERSION}")), defaults),
            path="/",
            server_name=host,
            server_port=port,
            auth=auth,
            max_file_size=limits.bytes,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            theme=THEME,
            css_paths=HERE / "static" / "page.css",
            head=f"<script>{(HERE / 'static' / 'page.js').read_text()}</script>",
        )
        config = uvicorn.Config(Guarded(app), log_level="warning", timeout_graceful_shutdown=PATIENCE)
        announce(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        _Server(config).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that ends without words although pages are open."""

    async def shutdown(self, sockets=None):
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InputError."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(f"{host}:{port}: no page can be served there ({error.strerror}); choose another --port or --host") from None
