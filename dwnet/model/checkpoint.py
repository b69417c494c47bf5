"""Model files: `model.safetensors` holds the generator's weights, settings and origin, `critic.safetensors` the discriminator's."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from densepose_cache.cache.shard import tool_versions
from densepose_cache.config.base import check
from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import written_whole
from densepose_cache.storage.digest import canonical_json, file_sha256

from ..config import FORMATS, ModelSettings
from ..pretrained import named_model
from .build import AnyGenerator, build_generator
from .discriminator import MultiscaleDiscriminator

MODEL_NAME = "model.safetensors"
DISCRIMINATOR_NAME = "critic.safetensors"
FACTS = "facts"
"""The one key of a file's metadata: several would be written in another order every time, and equal models would differ."""
KINDS = {"generator": build_generator, "critic": MultiscaleDiscriminator}


def save_model(path: Path, module: AnyGenerator | MultiscaleDiscriminator, metadata: dict[str, Any]):
    """Write weights and settings to `path`; `metadata` is any JSON. Written whole or not at all.

    Raises InputError where the disk is full.
    """
    path = Path(path)
    kind = "critic" if isinstance(module, MultiscaleDiscriminator) else "generator"
    facts = {"kind": kind, "format": FORMATS["train"], "model": module.settings.model_dump(), "versions": tool_versions(), **metadata}
    weights = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    with written_whole(path) as temporary:
        temporary.write_bytes(save(weights, {FACTS: canonical_json(facts)}))


def load_model(path: Path | str) -> tuple[AnyGenerator, dict[str, Any]]:
    """The generator of a run in eval mode on the CPU, and its metadata; `path` is the file, the run's folder, or EMBEDDED.

    Metadata: `model` (settings), `format`, `versions`, `size` (pixels), and from a training `fingerprint`, `steps`, `train` (settings).
    Raises InputError if there is no such file or it is no generator of this format.
    """
    return _load(path, "generator", MODEL_NAME)


def read_discriminator(path: Path | str) -> tuple[MultiscaleDiscriminator, dict[str, Any]]:
    """The discriminator of a run, like `load_model`."""
    return _load(path, "critic", DISCRIMINATOR_NAME)


def model_file(path: Path | str) -> Path:
    """The model file itself, of a path that may be a run's folder, or the name of the generator that ships."""
    path = named_model(path)
    return path / MODEL_NAME if path.is_dir() else path


def model_facts(path: Path | str) -> dict:
    """Digest, training fingerprint, settings and versions of a model. Raises InputError if it cannot be loaded."""
    _, metadata = load_model(path)
    facts = {"file": model_file(path).name, "sha256": file_sha256(model_file(path)), "settings": metadata["model"]}
    return facts | {key: metadata[key] for key in ("fingerprint", "steps", "size", "train", "versions") if key in metadata}


def _load(path: Path | str, kind: str, name: str) -> tuple[nn.Module, dict[str, Any]]:
    path = named_model(path)
    path = path / name if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"{path}: no such model; give a run's folder or its {name} (`dwnet train` writes it)")
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get(FACTS, "{}"))
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise InputError(f"{path}: is no model of this project ({error})") from None
    found = metadata.get("kind"), metadata.get("format")
    if found != (kind, FORMATS["train"]):
        needed = f"a {kind} in format {FORMATS['train']} is needed"
        raise InputError(f"{path}: holds {found[0] or 'unknown weights'} in format {found[1]}, but {needed}")
    try:
        module = KINDS[kind](check(ModelSettings, metadata["model"]))
        module.load_state_dict(weights)
    except (KeyError, ValidationError, RuntimeError) as error:
        raise InputError(f"{path}: weights and settings do not fit each other ({' '.join(str(error).split())})") from None
    return module.eval().requires_grad_(False), metadata
