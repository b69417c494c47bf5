"""A command line of subcommands: modules are imported only when their subcommand runs, errors are one line, stops clean up."""

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from ..core.errors import InputError

STOPPED = 130
TERMINATED = 143


def run_subcommands(summary: str, subcommands: dict[str, tuple[str, str]], arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand of a command line and return its exit code.

    `subcommands` maps a subcommand to the module whose function `command` is the subcommand, or to `module:function`, and to one line of
    help. Exit codes: 0, 2 for wrong input (an InputError is printed as one line `error: ...`), 130 after Ctrl-C, 143 after SIGTERM;
    temporary files are removed in each case.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    asked = arguments[0] if arguments else None
    app = typer.Typer(help=summary, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_group)
    for name, (module, line) in subcommands.items():
        if name == asked:
            place, _, function = module.partition(":")
            app.command(name)(getattr(importlib.import_module(place), function or "command"))
        else:
            app.command(name, help=line)(_listed)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        app(arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return STOPPED
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def put_subcommands_on_path():
    """Let shell commands find the subcommands that are installed beside this Python, also where its environment is not activated."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def _group():
    """Make a group of subcommands even of a single one."""


def _listed():
    """A subcommand that is only listed, since another one runs."""


def _terminate(*_):
    raise SystemExit(TERMINATED)
