"""The page's server talks to its visitors and to nobody else."""

import ipaddress
import os
import sys

SWITCHED_OFF = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SSR_MODE": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Environment of the process, before Gradio is imported: neither statistics nor questions for newer versions."""
POLICY = "; ".join(
    [
        "default-src 'self' data: blob:",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
"""What browsers may load for the page: only what comes from its own server."""
FETCHING = ("=http:", "=https:", "/proxy=")
"""Parts of addresses by which Gradio could be asked to fetch something from another server."""


def stay_alone():
    """Switch off what Gradio would ask other servers, and let no connection of this process leave the machine. For good."""
    os.environ.update(SWITCHED_OFF)
    sys.addaudithook(_refuse_others)


def _refuse_others(event: str, details: tuple):
    """Audit hook that raises PermissionError for a connection to another machine."""
    if event != "socket.connect" or not isinstance(details[1], tuple):
        return
    host = details[1][0]
    try:
        near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = host == "localhost"
    if not near:
        raise PermissionError(f"a connection to {host} was refused: the page talks to nobody but its visitors")


class Guarded:
    """The ASGI application `app`; its answers tell browsers the policy, and it fetches nothing for visitors."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        async def with_policy(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        if scope["type"] == "http" and any(part in scope["path"] for part in FETCHING):
            await with_policy({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body"})
        else:
            await self._app(scope, receive, with_policy)


HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
