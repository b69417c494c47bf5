"""Checksums of what a shard holds: a group's attributes and the stored (compressed) bytes of its datasets.

HDF5 itself checks its structures and the chunks of its datasets when they are read (see `shards`), but not the text of attributes. The
checksum of a clip covers all that it holds, the one of a shard the shard's attributes and the checksums of its clips.
"""

import hashlib
import itertools
from collections.abc import Iterator

import h5py

from .digest import canonical_json

ATTRIBUTE = "checksum"
UNREADABLE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, MemoryError, OverflowError)
"""What h5py raises, according to where a file is damaged."""


def seal(group: h5py.Group):
    """Write the checksum of a group, whose datasets and subgroups are complete, to its attribute `checksum`."""
    group.attrs[ATTRIBUTE] = checksum(group)


def damage(group: h5py.Group) -> str | None:
    """What is wrong with a sealed group; None if its content is what was sealed."""
    try:
        if ATTRIBUTE not in group.attrs:
            return "it has no checksum"
        return None if group.attrs[ATTRIBUTE] == checksum(group) else "its content is not what its checksum says"
    except UNREADABLE as error:
        return f"it cannot be read: {error}"


def checksum(group: h5py.Group) -> str:
    """64 hexadecimal digits: SHA-256 of a group's attributes, of its datasets as they are stored, and of its subgroups' checksums."""
    state = hashlib.sha256()
    facts = {name: value.tolist() if hasattr(value, "tolist") else value for name, value in group.attrs.items() if name != ATTRIBUTE}
    state.update(canonical_json(facts).encode())
    for name in sorted(group):
        member = group[name]
        if isinstance(member, h5py.Group):
            state.update(canonical_json([name, member.attrs[ATTRIBUTE]]).encode())
        else:
            state.update(canonical_json([name, member.shape, member.dtype.str]).encode())
            for stored in _stored(member):
                state.update(stored)
    return state.hexdigest()


def _stored(dataset: h5py.Dataset) -> Iterator[bytes]:
    """The bytes of a dataset as they lie in the file, chunk by chunk."""
    if dataset.chunks is None:
        yield dataset[()].tobytes()
    else:
        steps = (range(0, length, chunk) for length, chunk in zip(dataset.shape, dataset.chunks, strict=True))
        for offset in itertools.product(*steps):
            yield dataset.id.read_direct_chunk(offset)[1]
