"""How detectron2 and its DensePose project get into this environment, and whether they are there."""

import importlib.util
import sys

from ...core.errors import InputError

COMMIT = "02b5c4e295e990042a714712c21dc79b731e8833"
REPOSITORY = f"git+https://github.com/facebookresearch/detectron2.git@{COMMIT}"
PIP = f"{sys.executable} -m pip install"
INSTALL = (
    f'{PIP} setuptools wheel && {PIP} --no-build-isolation "detectron2 @ {REPOSITORY}" && '
    f'{PIP} --no-build-isolation --no-deps "detectron2-densepose @ {REPOSITORY}#subdirectory=projects/DensePose"'
)
"""Needs a C++ compiler. It is built against the torch of this environment, hence without isolation."""
PACKAGES = ("detectron2", "densepose")


def missing_packages() -> list[str]:
    """Those of detectron2's two Python packages that cannot be found."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def check_installed():
    """Raise InputError, with the command that mends it, if detectron2 or its DensePose project is missing."""
    if missing := missing_packages():
        raise InputError(
            f"the backend detectron2 needs the Python packages detectron2 and densepose, but {' and '.join(missing)} cannot be found; "
            f"run: {INSTALL} (built from source, a C++ compiler is needed), or set densepose.backend to torchvision, which needs neither, "
            "or to precomputed if you have IUV maps"
        )
