"""What the index stage remembers of shards that it has read, so that a change of one clip costs the reading of one shard.

The file lies beside the indexes, is no output of the stage, and costs nothing but time when it is lost. A shard is known by its three files
(inode, size, time of change), the formats, and the clips that it was read for.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ..config import FILE_FORMATS
from ..storage.atomic import written_whole
from ..storage.checksum import UNREADABLE
from ..storage.digest import digest
from ..storage.hdf5 import Hdf5File
from .columns import smallest, write_column

NAME = ".index.h5"
"""Name of the file beside the indexes."""


@dataclass
class ShardFacts:
    """What a shard of all three kinds holds of its clips, in types of JSON, and the samples (n, 3) of those in the training split."""

    key: str
    clips: list[dict] = field(default_factory=list)
    quarantine: list[dict] = field(default_factory=list)
    samples: dict[str, np.ndarray] = field(default_factory=dict)


def shard_key(paths: list[Path], members: list[tuple[str, str]]) -> str:
    """Digest of what is remembered of a shard's files `paths` for its clips `members` (name, split); it changes with each of them."""
    states = [path.stat() if path.is_file() else None for path in paths]
    return digest(FILE_FORMATS, members, [state and [state.st_ino, state.st_size, state.st_mtime_ns] for state in states])


def recall(folder: Path) -> dict[str, ShardFacts]:
    """What is remembered in `folder`, by name of the shard; nothing where the file is missing or damaged."""
    try:
        with h5py.File(folder / NAME, "r") as file:
            facts = json.loads(file["facts"][:].tobytes())
            samples = np.stack([file[name][:] for name in ("epoch", "source", "target")], axis=-1)
    except UNREADABLE:
        return {}
    found, start = {}, 0
    for shard, (key, clips, quarantine, lengths) in facts.items():
        found[shard] = ShardFacts(key, clips, quarantine)
        for clip, length in lengths.items():
            found[shard].samples[clip] = samples[start : start + length]
            start += length
    return found


def remember(folder: Path, found: dict[str, ShardFacts]):
    """Write what is to be remembered in `folder`, by name of the shard."""
    lengths = {shard: {clip: len(rows) for clip, rows in facts.samples.items()} for shard, facts in found.items()}
    text = json.dumps({shard: [facts.key, facts.clips, facts.quarantine, lengths[shard]] for shard, facts in found.items()})
    samples = np.concatenate([np.zeros((0, 3), np.uint8), *(rows for facts in found.values() for rows in facts.samples.values())])
    with written_whole(folder / NAME) as temporary, Hdf5File(temporary) as file:
        write_column(file, "facts", np.frombuffer(text.encode(), np.uint8))
        for name, values in zip(("epoch", "source", "target"), samples.T, strict=True):
            write_column(file, name, smallest(values))
