"""One server of processes for all tests: its forks need not load the packages anew.

It has the packages loaded and has never computed anything: a fork of a process that has is not safe.
"""

import atexit
import multiprocessing
import os
import signal
import sys
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "dwnet.cli.train",
        "dwnet.training.loop",
        "dwnet.inference.rollout",
        "dwnet.evaluation.evaluate",
        "dwnet.report.page",
        "densepose_cache.stages.warp",
        "snakemake.cli",
    ]
)


def snakemake(arguments: list, folder: Path, words: Path) -> int:
    """Exit code of Snakemake with `arguments` in `folder`; the file `words` gets all that it says. TimeoutError after ten minutes."""
    process = SERVER.Process(target=_snakemake, args=([str(word) for word in arguments], folder, words, dict(os.environ)))
    process.start()
    try:
        process.join(600)
        if process.exitcode is None:
            raise TimeoutError(words.read_text())
        return process.exitcode
    finally:
        process.kill()
        process.join()


def start_dwnet(arguments: list, folder: Path, words: Path) -> multiprocessing.Process:
    """A started process of `dwnet` with `arguments` in `folder`; the file `words` gets all that it says. Ctrl-C reaches it."""
    process = SERVER.Process(target=_dwnet, args=([str(word) for word in arguments], folder, words, dict(os.environ)))
    process.start()
    return process


def _dwnet(arguments: list[str], folder: Path, words: Path, environment: dict[str, str]):
    _become(folder, words, environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from densepose_cache.cli.subcommands import run_subcommands
    from dwnet.cli.main import SUBCOMMANDS, SUMMARY

    raise SystemExit(run_subcommands(SUMMARY, SUBCOMMANDS, arguments))


def _snakemake(arguments: list[str], folder: Path, words: Path, environment: dict[str, str]):
    _become(folder, words, environment)
    sys.argv = arguments
    from snakemake.cli import main

    try:
        code = main()
    finally:
        atexit._run_exitfuncs()  # a fork ends without them: locks of the run would seem to be held
    raise SystemExit(code)


def _become(folder: Path, words: Path, environment: dict[str, str]):
    """Work in `folder`, with that environment, and say all to the file `words`."""
    out = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
