"""Read pickles without running what they may ask for.

A pickle can name any function of any module to be called while it is read. Here the reader says which names it knows and what they stand
for; any other name ends the reading before anything of it is called.
"""

import pickle
from collections.abc import Mapping
from typing import Any, BinaryIO


class Refused(pickle.UnpicklingError):
    """The pickle asks for `name` (module.name), which is not on the list; it has not been called."""

    def __init__(self, name: str):
        super().__init__(f"it asks for {name}, which was not run")
        self.name = name


class RestrictedUnpickler(pickle.Unpickler):
    """Unpickler of plain values and of the names in `allowed`: {(module, name): what it stands for}. `load` raises Refused for any other
    name, and for a damaged pickle whatever `pickle` does."""

    def __init__(self, file: BinaryIO, allowed: Mapping[tuple[str, str], Any], encoding: str = "ASCII"):
        super().__init__(file, encoding=encoding)
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._allowed:
            raise Refused(f"{module}.{name}")
        return self._allowed[module, name]
