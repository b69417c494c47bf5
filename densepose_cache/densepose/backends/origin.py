"""Which backends and detectors made the IUV maps of a cache."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...cache.shard import again, open_shard
from ...core.errors import InputError
from ...storage.checksum import UNREADABLE
from ...storage.digest import canonical_json

STAGE = "densepose"


def map_origins(shards: Iterable[Path]) -> list[dict[str, Any]]:
    """Backends and detectors of the maps in `shards` (iuv/{shard}.h5), each with the number of shards: {"backend", "detector", "shards"}.

    `detector` is what `Backend.fingerprint` says, with the SHA-256 of the weights; None for maps from files, which the clip table names.
    All clips of a shard have one detector, so that one clip is looked at. Raises InputError if a shard is missing or damaged.
    """
    found = Counter(origin for path in shards if (origin := _shard_origin(path)))
    return [{**json.loads(origin), "shards": count} for origin, count in sorted(found.items())]


def _shard_origin(path: Path) -> str | None:
    """Canonical JSON of backend and detector; None for a shard without a clip that is not in quarantine."""
    with open_shard(path, STAGE) as file:
        try:
            group = next((group for group in file.values() if "iuv" in group), None)
            if group is None:
                return None
            backend, detector = str(group.attrs["backend"]), json.loads(group.attrs["detector"])
        except UNREADABLE as error:
            raise InputError(f"{path}: is damaged ({error}); {again(path, STAGE)}") from None
    return canonical_json({"backend": backend, "detector": None if backend == "precomputed" else detector})
