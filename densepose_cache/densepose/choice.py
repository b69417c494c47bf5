"""Which backend `auto` stands for."""

import contextlib
import json
from pathlib import Path

from ..cache.shard import FOLDERS, open_shard
from ..config import DensePoseSettings
from ..core.errors import InputError
from ..storage.reuse import kept
from ..storage.weights import WEIGHTS
from .backends.models import check_model


def choose_backend(settings: DensePoseSettings, weights: Path, cache: Path | None = None) -> DensePoseSettings:
    """`settings` with another backend in place of `auto`: the one that has made the maps in the data set's folder `cache`, so that they are
    not made anew because a checkpoint comes or goes; else `rcnn` where its checkpoint is, and `embedded` where it is not.

    The checkpoint is the file that `settings` name, or the published one of their model in the folder `weights`. Raises InputError if
    `check_model` finds that there can be none.
    """
    check_model(settings)
    if settings.backend != "auto":
        return settings
    there = settings.weights is not None or published_file(settings, weights).is_file()
    made = _backend_of(cache) if cache else None
    return settings.model_copy(update={"backend": made or ("rcnn" if there else "embedded")})


def _backend_of(cache: Path) -> str | None:
    """The one of the two backends that has made the first shard of maps that says so, of those that stand, then of those that are kept;
    None where there is none."""
    folder = cache / next(folder for folder, stage in FOLDERS.items() if stage == "densepose")
    for path in (*sorted(folder.glob("[0-9]*.h5")), *sorted(folder.glob(kept(folder / "[0-9]*.h5").name))):
        with contextlib.suppress(InputError, KeyError, ValueError), open_shard(path, "densepose") as file:
            found = json.loads(file.attrs["settings"])["backend"]
            if found in ("rcnn", "embedded"):
                return found
    return None


def published_file(settings: DensePoseSettings, weights: Path) -> Path:
    """Where the published checkpoint of the model lies in the folder `weights`, if it is there."""
    return Path(weights) / WEIGHTS[settings.model].file
