"""Bad clips: they stop a stage, or they are left out with a reason.

A clip in quarantine keeps its group in the shards, with the attribute `quarantined` (the reason) and without data, so that it is not tried
again as long as nothing that it depends on has changed. Later stages hand it on; the index leaves it out and lists it.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import pandas as pd

from ..core.errors import ClipError, InputError
from ..storage.digest import digest
from .shard import ShardWriter

ATTRIBUTE = "quarantined"
TABLE = "quarantine.csv"
"""Name of the table beside the indexes."""
COLUMNS = ("clip", "split", "stage", "reason")


@contextlib.contextmanager
def blamed_on_clip(*files: Path) -> Iterator[None]:
    """Context manager: an InputError inside becomes a ClipError.

    It stays as it is where one of the clip's `files` is gone or the system refused to read it (permission, lock, network): that can be
    otherwise in the next run while the clip stays the same.
    """
    try:
        yield
    except ClipError:
        raise
    except InputError as error:
        cause = error.__context__
        if (isinstance(cause, OSError) and cause.errno) or not all(Path(file).exists() for file in files):
            raise
        raise ClipError(str(error)) from None


class Quarantine:
    """What a stage does with bad clips: `policy` fail or quarantine, set by the key `key` of the configuration.

    Another `version` of what finds them bad lets the stage try those again that are in quarantine.
    """

    def __init__(self, writer: ShardWriter, policy: str, key: str, version: int = 1):
        self._writer, self._policy, self._key = writer, policy, key
        self._mark = [ATTRIBUTE] if version == 1 else [ATTRIBUTE, version]

    def keep(self, clip: str, value: str) -> bool:
        """True, and the clip is taken over, if the previous shard holds it with digest `value`, its data or (by policy) its quarantine."""
        if self._writer.keep(clip, value):
            return True
        return self._policy == "quarantine" and self._writer.keep(clip, digest(*self._mark, value))

    @contextlib.contextmanager
    def guard(self, clip: str, value: str, **facts) -> Iterator[None]:
        """Context manager of the work on a clip whose digest is `value`.

        A ClipError inside stops the stage or, by policy, removes what was written of the clip and puts it into quarantine; `facts` become
        attributes of its group.
        """
        try:
            yield
        except ClipError as error:
            if self._policy == "fail":
                raise ClipError(f"{error} (or set {self._key} to quarantine: bad clips are then left out)") from None
            self._writer.discard(clip)
            self._writer.create(clip, digest(*self._mark, value), **facts, **{ATTRIBUTE: str(error)})
            print(f"clip {clip} is left out: {error}", file=sys.stderr, flush=True)


def handed_on(writer: ShardWriter, clip: str, before: h5py.Group, split: str) -> bool:
    """True, and the clip is in quarantine in this shard, too, if it is so in the group `before` of the stage before."""
    reason = quarantined(before)
    if reason is None:
        return False
    source = before.attrs["digest"]
    value = digest(ATTRIBUTE, writer.stage, source)
    if not writer.keep(clip, value):
        writer.create(clip, value, made_from=source, split=split, **{ATTRIBUTE: reason})
    return True


def quarantined(group: h5py.Group) -> str | None:
    """Why the clip of a shard's group is in quarantine; None if it is not."""
    return group.attrs.get(ATTRIBUTE)


def read_quarantine(path: Path) -> pd.DataFrame:
    """A table quarantine.csv: text columns clip, split, stage, reason. Raises InputError if it is missing or something else."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such table; run the `index` stage to build it") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); run the `index` stage again") from None
    if tuple(table.columns) != COLUMNS:
        raise InputError(f"{path}: must have the columns {', '.join(COLUMNS)}, has {', '.join(table.columns)}; run the `index` stage again")
    return table
