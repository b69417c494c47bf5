"""Folders and all folders below them, through links."""

import os
from collections.abc import Iterator
from pathlib import Path

from .names import check_link, check_name


def walk(root: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`, sorted, with links followed; a folder that several links lead to is entered once, hidden ones are passed over.

    Raises InputError for a name that is not UTF-8 and for a link whose target is not there, unless they are hidden.
    """
    entered = {os.path.realpath(root)}
    for place, folders, files in os.walk(root, followlinks=True):
        for name in (*folders, *files):
            if not name.startswith("."):
                check_name(Path(place, name))
                check_link(Path(place, name))
        new = []
        for name in sorted(folders):
            real = os.path.realpath(Path(place, name))
            if not name.startswith(".") and real not in entered:
                entered.add(real)
                new.append(name)
        folders[:] = new
        yield place, folders, sorted(files)
