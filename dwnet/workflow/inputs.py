"""Files that rules read: of a data set's source and shards, of the training's start, of the evaluation's pairs."""

from pathlib import Path

from densepose_cache.cache.shard import shard_name

from ..config import VARIANT, VARIANTS, DatasetConfig, TrainSettings, variant_train
from ..pretrained import EMBEDDED, named_model
from .paths import cache_folder, data_folder, run_folder
from .project import Project


def clip_source(project: Project, dataset: str) -> list[str]:
    """What must be made before the clip table: the list of rendered or downloaded videos."""
    made = {"sample": "manifest.csv", "urls": "fetched.csv"}
    kind = project.datasets[dataset].source.kind
    return [f"{data_folder(project.folders, dataset)}/{made[kind]}"] if kind in made else []


def shard_files(project: Project, dataset: str, kind: str) -> list[str]:
    """All shards of `kind` (frames, iuv, warps) of a data set."""
    names = (shard_name(number) for number in range(project.datasets[dataset].shards))
    return [f"{cache_folder(project.folders, dataset)}/{kind}/{name}.h5" for name in names]


def shard_table(clip_table: Path, shard: str, shards: int) -> Path:
    """The clips of one of `shards` shards, beside the whole `clip_table`.

    The checkpoint writes it only where it changes, so that no other shard is touched, and no rule declares it. Where it is gone it is
    written again at once, or what stands of the shard would be taken for a source file.
    """
    table = Path(clip_table).parent / "clips" / f"{shard}.csv"
    if not table.is_file():
        from densepose_cache.stages.clips import restore_shard

        restore_shard(Path(clip_table), table, shards)
    return table


def start_files(train: TrainSettings, variant: str) -> list[str]:
    """The model that the training of a variant starts from, if there is one."""
    start = variant_train(train, variant).start
    return [start_model(start)] if start else []


def start_model(start: str) -> str:
    """The file of a `train.start` that may be a run's folder, perhaps one that is not there yet, or what ships with the package."""
    if start == EMBEDDED:
        return str(named_model(start) / "model.safetensors")
    return start if start.endswith(".safetensors") or Path(start).is_file() else f"{start}/model.safetensors"


def is_trained_here(project: Project, start: str) -> bool:
    """Whether the model that `train.start` names, perhaps with `{variant}` in it, is one that this workflow trains."""
    runs = (run_folder(project.folders, dataset, variant) for dataset in project.datasets for variant in (*VARIANTS, VARIANT))
    return start_model(start) in {f"{run}/model.safetensors" for run in runs}


def transfer_pairs(data: DatasetConfig) -> list[str]:
    """The table of motion-transfer pairs, if there is one."""
    return [data.evaluate.pairs] if data.evaluate.pairs else []
