"""The process in which Snakemake runs: its signals, its path, its garbage collection."""

import gc
import signal

from densepose_cache.cli.subcommands import put_subcommands_on_path

OBJECTS_BETWEEN_COLLECTIONS = 500_000
"""A plan of many jobs is millions of objects that stay: Python looks through them for cycles less often than it would."""


def prepare_process():
    """Let the rules' shells find this installation's commands, and let SIGUSR1 pass.

    A cluster sends that signal to all processes of a job before its time is up. It is meant for the training, which saves its state and
    stops.
    """
    put_subcommands_on_path()
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
