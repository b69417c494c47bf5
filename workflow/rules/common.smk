"""The configuration, and the functions of wildcards by which rules ask `dwnet.workflow`, which knows none."""

import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from densepose_cache.core.errors import InputError
from dwnet.config import VARIANTS
from dwnet.display.handler import listen
from dwnet.workflow.arguments import origin, sample_options, stage_texts, train_launcher
from dwnet.workflow.digests import ablation_digest, chain_digest
from dwnet.workflow.inputs import clip_source, shard_files, shard_table, start_files, transfer_pairs
from dwnet.workflow.paths import cache_folder, data_folder, results_folder, run_folder
from dwnet.workflow.process import prepare_process
from dwnet.workflow.project import read_project
from dwnet.workflow.resources import (
    densepose_gpus,
    evaluate_gpus,
    gpus,
    growing,
    train_gpus,
    train_processes,
    train_threads,
    warp_environment,
    warp_gpus,
    warp_memory,
)
from dwnet.workflow.sources import Sources
from dwnet.workflow.weights import WEIGHT_FILES, weight_files, weights_name

STARTED = time.time()
prepare_process()
DISPLAY = listen(workflow)
if DISPLAY.shown:
    # What the rules' `tee` prints is in the logs; the terminal shows a line a stage. `set` is Snakemake's own prefix.
    shell.prefix("set -euo pipefail; exec > /dev/null; ")


@contextmanager
def input_errors():
    """Context manager in which an InputError stops Snakemake with its message alone."""
    try:
        yield
    except InputError as error:
        raise WorkflowError(str(error)) from None


with input_errors():
    PROJECT = read_project(config)

SOURCES = Sources(PROJECT)
FOLDERS = PROJECT.folders
DATA = data_folder(FOLDERS, "{dataset}")
CACHE = cache_folder(FOLDERS, "{dataset}")
RESULTS = results_folder(FOLDERS, "{dataset}")
RUN = run_folder(FOLDERS, "{dataset}", "{variant}")


wildcard_constraints:
    dataset="|".join(PROJECT.datasets),
    variant="|".join(VARIANTS),
    shard=r"\d\d\d+",


def by_settings(function):
    """Function of wildcards: `function` of the settings of their data set."""
    return lambda wildcards: function(PROJECT.datasets[wildcards.dataset])


def stage(name):
    """Parameter: the digest by which a change of a stage's settings, or of any stage before it, reruns it."""
    return lambda wildcards: chain_digest(PROJECT, name, wildcards.dataset, getattr(wildcards, "variant", "full"))


def given(name):
    """Parameter: JSON texts of the settings that a stage's command is given, by name.

    As a function of `output` it is one that Snakemake does not compare: what matters of it is in the digest of `stage`.
    """
    return lambda wildcards, output: stage_texts(PROJECT, name, wildcards.dataset, getattr(wildcards, "variant", "full"))


def parent_folder(wildcards, output):
    """Parameter: the folder of a rule's first output."""
    return str(Path(output[0]).parent)


def weights(section):
    """Input function: the weight files that a section of a data set's settings reads."""
    return by_settings(lambda data: weight_files(section, data, FOLDERS.weights))


def shards(kind):
    """Input function: all shards of `kind` of a data set."""
    return lambda wildcards: shard_files(PROJECT, wildcards.dataset, kind)


@cache
def clip_table(dataset):
    """The clip table of a data set. Raises, until it is there, the exception by which an input function waits for its checkpoint."""
    return checkpoints.clips.get(dataset=dataset).output[0]


def shard_clips(wildcards):
    """Input function: the table of a shard's clips, which no rule declares."""
    return shard_table(clip_table(wildcards.dataset), wildcards.shard, PROJECT.datasets[wildcards.dataset].shards)
