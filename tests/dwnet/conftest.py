"""One torch thread for every test of this folder; every generator in turn; the reference numbers of the official code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import MODELS, save_tiny_model
from torch import Tensor

from dwnet.config import ModelSettings


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module", params=MODELS)
def generator(request) -> str:
    """The name of a generator: a test that takes it runs for each of them."""
    return request.param


@pytest.fixture(scope="module")
def model(generator) -> ModelSettings:
    """Settings of the smallest networks of `generator`."""
    return MODELS[generator]


@pytest.fixture
def shipped(tmp_path, monkeypatch) -> Path:
    """The folder of the generator that ships, with a small random one in its place."""
    folder = tmp_path / "shipped"
    save_tiny_model(folder / "model.safetensors", "compose")
    monkeypatch.setattr("dwnet.pretrained.FOLDER", folder)
    return folder


class Reference:
    """One file of reference numbers: official weights by their official names, images and IUV maps in our order and scale."""

    def __init__(self, path: Path):
        self.arrays = np.load(path)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[name])[None]

    def image(self, name: str) -> Tensor:
        """(1, 3, H, W) float32 in [-1, 1]."""
        return torch.from_numpy(self.arrays[name]).permute(2, 0, 1)[None].float() / 127.5 - 1

    def iuv(self, name: str) -> Tensor:
        """(1, 3, H, W) float32 in [-1, 1], channels I, U, V; stored in the official order V, U, I."""
        return self.image(name).flip(1).contiguous()

    @property
    def weights(self) -> dict[str, Tensor]:
        prefix = "state_dict/"
        return {name.removeprefix(prefix): torch.from_numpy(self.arrays[name]) for name in self.arrays.files if name.startswith(prefix)}


@pytest.fixture
def reference(test_data):
    """Function from the name of a reference file to its Reference."""
    return lambda name: Reference(test_data / "parity" / f"{name}.npz")
