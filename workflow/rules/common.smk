"""Configuration, and the functions that rules read it with."""

import gc
import signal
import sys
import time
from functools import lru_cache
from os import getenv
from pathlib import Path
from typing import get_args

import dwnet
from densepose_cache.config import FORMATS as CACHE_FORMATS
from densepose_cache.densepose.choice import choose_backend
from densepose_cache.storage.digest import canonical_json, digest, listing_digest
from densepose_cache.core.errors import InputError
from densepose_cache.cache.shard import shard_name
from densepose_cache.cli.subcommands import put_verbs_on_path
from densepose_cache.storage.weights import WEIGHTS
from dwnet.config import FORMATS as LEARN_FORMATS, NO_RESULT, VARIANT, VARIANTS, PaperWeights, parse_config, variant_model, variant_train
from dwnet.display.handler import listen
from dwnet.pretrained import EMBEDDED, named_model

put_verbs_on_path()
DISPLAY = listen(workflow, shell)
# A cluster sends it to all processes of a job before the time is up. It is meant for the training, which saves its state and stops.
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
# A plan of many jobs is millions of objects that stay: Python looks through them for cycles less often than it would.
gc.set_threshold(500_000)
STARTED = time.time()
CLUSTER_THREADS = 8
TEMPLATES = Path(dwnet.__file__).parent / "templates"
FORMATS = CACHE_FORMATS | LEARN_FORMATS

try:
    ASKED = parse_config(config, "the configuration")
except InputError as error:
    raise WorkflowError(str(error)) from None

FOLDERS = ASKED.folders


def chosen(name, data):
    """The settings of a data set with a backend in place of `auto`."""
    try:
        settings = choose_backend(data.densepose, Path(FOLDERS.weights), Path(FOLDERS.cache) / name)
        return data.model_copy(update={"densepose": settings})
    except InputError as error:
        raise WorkflowError(f"datasets.{name}: {error}") from None


CONFIG = ASKED.model_copy(update={"datasets": {name: chosen(name, data) for name, data in ASKED.datasets.items()}})
CACHE = f"{FOLDERS.cache}/{{dataset}}"
DATA = f"{FOLDERS.data}/{{dataset}}"
RUN = f"{FOLDERS.results}/{{dataset}}/runs/{{variant}}"


wildcard_constraints:
    dataset="|".join(CONFIG.datasets),
    variant="|".join(VARIANTS),
    shard=r"\d\d\d+",


# The sections of a data set's settings that a stage reads, and the stage it follows.
# Keys that only evaluation reads stay out of the rollout.
STAGES = {
    "sample": (None, lambda data, variant: {"source": data.source}),
    "fetch": (None, lambda data, variant: {"source": data.source}),
    "clips": (None, lambda data, variant: {"source": data.source}),
    "decode": ("clips", lambda data, variant: {"settings": data.video}),
    "densepose": ("decode", lambda data, variant: {"settings": data.densepose}),
    "warp": ("densepose", lambda data, variant: {"settings": data.warp}),
    "index": ("warp", lambda data, variant: {}),
    "train": (
        "index",
        lambda data, variant: {
            "model": variant_model(data.model, variant),
            "settings": variant_train(data.train, variant),
        },
    ),
    "rollout": (
        "train",
        lambda data, variant: {
            "settings": rollout_settings(data.evaluate),
        },
    ),
    "evaluate": ("rollout", lambda data, variant: {"settings": data.evaluate}),
    "report": ("evaluate", lambda data, variant: {"settings": data.report}),
    "ablation": ("evaluate", lambda data, variant: {"settings": data.ablation}),
}


def rollout_settings(evaluate):
    """The keys of the evaluation that the rollout reads, the others at their defaults."""
    keys = {"pairs", "max_frames", "batch", "precision", "device"}
    return type(evaluate).model_validate(evaluate.model_dump(include=keys))


@lru_cache
def stage_settings(stage, dataset, variant):
    """The settings that `stage` of `dataset` reads, by name."""
    return STAGES[stage][1](CONFIG.datasets[dataset], variant)


@lru_cache
def stage_texts(stage, dataset, variant):
    """JSON texts of the settings that `stage` of `dataset` reads, by name."""
    return {name: canonical_json(value.model_dump(mode="json")) for name, value in stage_settings(stage, dataset, variant).items()}


@lru_cache
def chain_digest(stage, dataset, variant):
    """Digest of the settings and format versions of `stage` and of all the stages before it."""
    before = STAGES[stage][0]
    upstream = chain_digest(before, dataset, variant) if before else None
    templates = template_texts() if stage in ("report", "ablation") else None
    values = {name: settings.decisive() for name, settings in stage_settings(stage, dataset, variant).items()}
    return digest(stage, FORMATS.get(stage, 1), values, upstream, templates)


@lru_cache
def template_texts():
    """What the pages are made from."""
    return [path.read_text() for path in sorted(TEMPLATES.iterdir())]


def default_target(wildcards):
    """Input function of a run that names no target: the metrics of the data set `sample`, as if there were one, so that Snakemake stops."""
    name_targets()
    return f"{FOLDERS.results}/sample/metrics.json"


@lru_cache
def name_targets():
    """Say, once, what can be made where the configuration has no data set `sample`."""
    if "sample" not in CONFIG.datasets:
        targets = " ".join(f"{FOLDERS.results}/{name}/metrics.json" for name in CONFIG.datasets)
        print(
            f"a run without a target makes the data set `sample`, which this configuration does not have; name what to make: {targets}",
            file=sys.stderr,
        )


def stage(name):
    """Parameter of a rule: the digest by which a change of its settings, or of any stage before it, reruns it."""
    return lambda wildcards: chain_digest(name, wildcards.dataset, getattr(wildcards, "variant", "full"))


def given(name):
    """Parameter of a rule: JSON texts of the settings that its verb is given, by name.

    As a function of `output` it is one that Snakemake does not compare: what matters of it is in the digest of `stage`.
    """

    def params(wildcards, output):
        return stage_texts(name, wildcards.dataset, getattr(wildcards, "variant", "full"))

    return params


def origin(wildcards, output):
    """What a result is to say of where it comes from; not compared, like `given`."""
    settings = CONFIG.datasets[wildcards.dataset].model_dump(mode="json", exclude=NO_RESULT)
    return canonical_json(
        {
            "dataset": wildcards.dataset,
            "target": f"{RUN}/metrics.json".format(dataset=wildcards.dataset, variant=wildcards.variant),
            "folders": FOLDERS.model_dump(),
            "settings": settings,
        }
    )


def ablation_params(wildcards):
    """A digest by which a change of any stage of any variant reruns the comparison."""
    return digest([chain_digest("ablation", wildcards.dataset, variant) for variant in VARIANTS])


def parent_folder(wildcards, output):
    """The folder of a rule's first output."""
    return str(Path(output[0]).parent)


def gpus(count):
    """Resources of a job on `count(settings of the data set)` GPUs: their number, and the partition for it where the environment names one."""

    def number(wildcards):
        return count(CONFIG.datasets[wildcards.dataset])

    def partition(wildcards):
        return getenv("DWNET_GPU_PARTITION") if number(wildcards) else getenv("SBATCH_PARTITION")

    return {"gpu": number} | ({"slurm_partition": partition} if getenv("DWNET_GPU_PARTITION") else {})


def growing(amount):
    """A resource that doubles, trebles, ... with every attempt, for a job that had too little of it."""
    return lambda wildcards, attempt: amount * attempt


def shard_names(dataset):
    return [shard_name(number) for number in range(CONFIG.datasets[dataset].shards)]


def shard_files(kind):
    """Input function: all shards of `kind` of a data set."""
    return lambda wildcards: [f"{FOLDERS.cache}/{wildcards.dataset}/{kind}/{name}.h5" for name in shard_names(wildcards.dataset)]


def shard_table(wildcards):
    """The clips of one shard. Written by the checkpoint only where they change, so that no other shard is touched.

    No rule declares it. Where it is gone it is written again at once, or what stands of the shard would be taken for a source file.
    """
    whole = clip_table(wildcards.dataset)
    table = Path(whole).parent / "clips" / f"{wildcards.shard}.csv"
    if not table.is_file():
        from densepose_cache.stages.clips import restore_shard

        restore_shard(Path(whole), table, CONFIG.datasets[wildcards.dataset].shards)
    return table


@lru_cache
def clip_table(dataset):
    """The clip table of a data set. Raises, until it is there, the exception by which an input function waits for its checkpoint."""
    return checkpoints.clips.get(dataset=dataset).output[0]


def sample_options(wildcards):
    """Options of the `sample` verb."""
    source = CONFIG.datasets[wildcards.dataset].source.model_dump(exclude={"kind"})
    return " ".join(f"--{name}" if value is True else f"--{name} {value}" for name, value in source.items())


def clip_source(wildcards):
    """What must be made before the clip table: rendered or downloaded videos."""
    made = {"sample": "manifest.csv", "urls": "fetched.csv"}
    kind = CONFIG.datasets[wildcards.dataset].source.kind
    return [f"{FOLDERS.data}/{wildcards.dataset}/{made[kind]}"] if kind in made else []


def fetch_params(wildcards):
    """What reruns the downloads: the source, and what is in lists of URLs that are files here."""
    source = CONFIG.datasets[wildcards.dataset].source
    lists = [getattr(source, split, "") for split in ("train", "test")]
    return [stage("fetch")(wildcards), [source_listing(path) for path in lists if Path(path).is_file()]]


def clips_params(wildcards):
    """What reruns the clip table: the source, the number of shards, names, sizes and times of the source's files.

    Of downloaded videos those that are not as the downloads left them, and the side files that were laid beside them.
    """
    data = CONFIG.datasets[wildcards.dataset]
    paths = [getattr(data.source, key, None) for key in ("path", "table")]
    listing = [source_listing(path) for path in paths if path]
    if data.source.kind == "urls":
        folder = f"{FOLDERS.data}/{wildcards.dataset}"
        listing += [source_listing(folder, "*.iuv.h5"), *replaced_videos(folder)]
    return [stage("clips")(wildcards), data.shards, digest(listing)]


# What is wrong with names and links in the sources of planned data sets, by path.
BAD_SOURCES = {}


@lru_cache
def replaced_videos(folder):
    from densepose_cache.clips.fetched import replaced

    return replaced(Path(folder))


@lru_cache
def source_listing(path, pattern="*"):
    """Digest of the names, sizes and times of a source's files; what is wrong with one is said when the run starts."""
    try:
        return listing_digest(Path(path), pattern)
    except InputError as error:
        BAD_SOURCES[path] = str(error)
        return digest(str(error))


def weights(section):
    """Input function: the weight files that a section of a data set's settings reads, at the configuration's paths or downloaded."""

    def files(wildcards):
        wanted = WANTED_WEIGHTS[section](CONFIG.datasets[wildcards.dataset])
        return [path or f"{FOLDERS.weights}/{WEIGHTS[name].file}" for name, path in wanted.items()]

    return files


def densepose_weights(data):
    needed = data.densepose.backend not in ("precomputed", "embedded")
    return {data.densepose.model: data.densepose.weights} if needed else {}


def train_weights(data):
    train = data.train
    needed = train.features == "vgg19" and (train.losses.perceptual > 0 or train.losses.warp > 0)
    return {"vgg19": None} if needed else {}


def evaluate_weights(data):
    evaluate = data.evaluate
    names = get_args(PaperWeights) if evaluate.features == "paper" else evaluate.weights
    return {name: evaluate.weights.get(name) for name in names}


# Names of the weight files that a section reads, each with its path in the configuration or None.
WANTED_WEIGHTS = {"densepose": densepose_weights, "train": train_weights, "evaluate": evaluate_weights}


def warp_environment(wildcards):
    """The environment of a data set's warp grids: the engine for a GPU needs torch."""
    return f"../../envs/{'train' if CONFIG.datasets[wildcards.dataset].warp.engine == 'torch' else 'warp'}.yaml"


def train_settings(wildcards):
    return CONFIG.datasets[wildcards.dataset].train


def train_threads(wildcards):
    """Threads of all devices of a machine; where none are said, all cores of this one, and on a cluster `CLUSTER_THREADS` a device."""
    train = train_settings(wildcards)
    if train.threads:
        return train.threads * train.devices
    return workflow.resource_settings.cores or CLUSTER_THREADS * train.devices


def train_processes(wildcards):
    """Processes that Slurm starts, one a GPU; on a single machine the verb starts its own."""
    train = train_settings(wildcards)
    return train.devices * train.nodes if train.nodes > 1 else None


def train_launcher(wildcards):
    """What stands before the command: Slurm's srun where there are several machines."""
    train = train_settings(wildcards)
    return f"srun --nodes {train.nodes} --ntasks-per-node {train.devices} " if train.nodes > 1 else ""


def train_start(wildcards):
    """Input function: the model that the training starts from, if there is one."""
    start = variant_train(train_settings(wildcards), wildcards.variant).start
    return [start_model(start)] if start else []


def start_model(start):
    """The file of a `train.start` that may be a run's folder, perhaps one that is not there yet, or what ships with the package."""
    if start == EMBEDDED:
        return str(named_model(start) / "model.safetensors")
    return start if start.endswith(".safetensors") or Path(start).is_file() else f"{start}/model.safetensors"


def made_here(start):
    """Is the model that `train.start` names one that this workflow trains?"""
    models = {f"{RUN}/model.safetensors".format(dataset=dataset, variant=v) for dataset in CONFIG.datasets for v in (*VARIANTS, VARIANT)}
    return start_model(start) in models


def transfer_pairs(wildcards):
    """Input function: the table of motion-transfer pairs, if there is one."""
    pairs = CONFIG.datasets[wildcards.dataset].evaluate.pairs
    return [pairs] if pairs else []


def print_new_metrics():
    """Print the metrics that this run has made, and where to look."""
    from dwnet.report.summary import print_summary

    for dataset in CONFIG.datasets:
        path = Path(FOLDERS.results) / dataset / "metrics.json"
        if path.is_file() and path.stat().st_mtime >= STARTED:
            print_summary(path)
