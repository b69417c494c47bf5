"""For a subcommand, and the processes that it starts: the modules that its environment lacks are not to be found (see
`environments.py`)."""

import json
import os
import re
import sys
from pathlib import Path


class Without:
    """A finder that passes over some modules, by their top name, and over what it knows of the packages that they are from."""

    def __init__(self, finder, modules: list[str], packages: list[str]):
        self._finder, self._modules, self._packages = finder, set(modules), set(packages)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in self._modules else self._finder.find_spec(name, path, target)

    def find_distributions(self, *arguments):
        look = getattr(self._finder, "find_distributions", lambda *_: ())
        return (found for found in look(*arguments) if re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower() not in self._packages)

    def __getattr__(self, name):
        return getattr(self._finder, name)


program, subcommand = ["", "", *sys.orig_argv[1:3]][-2:]
if Path(program).name in ("densepose-cache", "dwnet"):
    os.environ["DWNET_SUBCOMMAND"] = subcommand
lacking = json.loads(Path(os.environ["DWNET_LACKING"]).read_text()).get(os.environ.get("DWNET_SUBCOMMAND"))
if lacking:
    sys.meta_path[:] = [Without(finder, *lacking) for finder in sys.meta_path]
