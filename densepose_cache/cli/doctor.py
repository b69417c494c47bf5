"""The subcommand `doctor`: what is installed, what is missing, and the command that mends it."""

import ctypes
import importlib.metadata
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import InputError
from ..densepose.backends.install import INSTALL, missing_packages
from ..storage.weights import WEIGHTS, find_weights

LIBRARIES = {"libGL.so.1": "libgl1", "libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2"}
"""System libraries that MediaPipe loads, and their Debian packages."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for: its name, whether it is there, what was found, and the command that mends it.

    Without a `needed` thing nothing runs; the others serve one feature each.
    """

    name: str
    there: bool
    text: str
    mend: str = ""
    needed: bool = False

    def __str__(self) -> str:
        mark = "ok      " if self.there else "MISSING " if self.needed else "missing "
        return f"{mark}{self.name}: {self.text}" + (f"\n        -> {self.mend}" if self.mend and not self.there else "")


def examine(weights: Path) -> Iterator[Finding]:
    """Look at Python, packages, HDF5 compression, ffmpeg, GPU, detectron2, MediaPipe's libraries and the weight files in `weights`."""
    yield _python()
    yield _packages()
    yield _compression()
    yield _ffmpeg()
    yield _gpu()
    yield _detectron2()
    yield _graphics()
    for name in WEIGHTS:
        yield _weights(name, weights)


def _python() -> Finding:
    fits = (3, 11) <= sys.version_info[:2] <= (3, 12)
    return Finding(
        "Python", fits, f"{platform.python_version()} ({sys.executable})", "install Python 3.11 or 3.12 and run: make test", True
    )


def _packages() -> Finding:
    missing = []
    for requirement in importlib.metadata.requires("dwnet") or []:
        if "extra ==" in requirement:
            continue
        name = re.match(r"[A-Za-z0-9._-]+", requirement).group()
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    text = f"not installed: {', '.join(missing)}" if missing else "all that pyproject.toml asks for"
    return Finding("Python packages", not missing, text, f"{sys.executable} -m pip install {' '.join(missing)}", True)


def _compression() -> Finding:
    import h5py
    import hdf5plugin

    there = all(h5py.h5z.filter_avail(number) for number in (hdf5plugin.BLOSC_ID, hdf5plugin.ZSTD_ID))
    text = f"hdf5plugin {hdf5plugin.version}, HDF5 {h5py.version.hdf5_version}"
    return Finding("Compression for HDF5", there, text, f"{sys.executable} -m pip install --force-reinstall hdf5plugin", True)


def _ffmpeg() -> Finding:
    from ..video import ffmpeg_binary

    mend = f"{sys.executable} -m pip install --force-reinstall imageio-ffmpeg"
    try:
        binary = ffmpeg_binary()
        version = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=20).stdout
    except (OSError, RuntimeError, ImportError, subprocess.SubprocessError) as error:
        return Finding("ffmpeg", False, f"no binary on PATH and none in the imageio-ffmpeg wheel ({error})", mend, True)
    return Finding("ffmpeg", version.startswith("ffmpeg"), f"{version.partition(' Copyright')[0]} ({binary})", mend, True)


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        device = torch.cuda.get_device_properties(0)
        return Finding("GPU", True, f"{device.name}, {device.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}")
    if torch.version.cuda is None:
        return Finding(
            "GPU", False, f"torch {torch.__version__} is built for CPUs only", f"{sys.executable} -m pip install --force-reinstall torch"
        )
    return Finding(
        "GPU",
        False,
        f"torch {torch.__version__} sees none; training runs on the CPU, slowly",
        "nvidia-smi  # shows whether driver and GPU are there",
    )


def _detectron2() -> Finding:
    missing = missing_packages()
    name = "detectron2 with DensePose"
    if not missing:
        return Finding(name, True, f"detectron2 {importlib.metadata.version('detectron2')}")
    compiler = next((path for path in map(shutil.which, ("g++", "clang++", "c++")) if path), None)
    hint = f"C++ compiler {compiler}" if compiler else "it needs a C++ compiler, which is missing, too"
    mend = INSTALL if compiler else f"apt-get install g++ && {INSTALL}"
    return Finding(name, False, f"{' and '.join(missing)} not installed; the backend torchvision does the same without it ({hint})", mend)


def _graphics() -> Finding:
    missing = [package for library, package in LIBRARIES.items() if not _loads(library)]
    text = (
        f"not found: {', '.join(library for library, package in LIBRARIES.items() if package in missing)}"
        if missing
        else ", ".join(LIBRARIES)
    )
    purpose = "; only for the metric akd_mediapipe" if missing else ""
    return Finding("MediaPipe's system libraries", not missing, text + purpose, f"apt-get install {' '.join(missing)}")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _weights(name: str, folder: Path) -> Finding:
    weights = WEIGHTS[name]
    mend = f"densepose-cache fetch --weights {name} --out {folder}"
    path = Path(folder) / weights.file
    if not path.is_file():
        return Finding(f"weights {name}", False, f"{path} is not there ({weights.size / 1e6:.0f} MB; only for {weights.used_by})", mend)
    try:
        find_weights(name, folder)
    except InputError:
        return Finding(f"weights {name}", False, f"{path} is damaged or another file", f"rm {path} && {mend}")
    return Finding(f"weights {name}", True, str(path))


def command(weights: Annotated[Path, typer.Option(help="Folder of published weight files.")] = Path("weights")):
    """Say what is installed and what is missing, and the command that mends it. Exit code 1 if something is missing that everything needs.

    Example: densepose-cache doctor
    """
    findings = list(examine(weights))
    for finding in findings:
        typer.echo(str(finding))
    if any(finding.needed and not finding.there for finding in findings):
        raise typer.Exit(1)
