"""Checkpoints with random weights that behave like trained ones: distinct scores, many proposals, a few boxes that count as people.

The numbers come from NumPy's legacy generator, whose stream is frozen, so that they are the same with every version of NumPy and torch.
"""

import re

import numpy as np
import torch

from densepose_cache.densepose.backends.torchvision_rcnn import DensePoseRCNN
from densepose_cache.densepose.rcnn.variants import parse_variant

CONFIDENCE_SHAPES = {"weight": (512, 25, 4, 4), "bias": (25,)}
STATISTICS = ("weight", "bias", "running_mean", "running_var")
GAINS = {
    r"stem\.conv1": 0.02,
    r"conv3": 0.2,
    r"fpn_": 0.7,
    r"objectness_logits": 3.0,
    r"anchor_deltas": 0.15,
    r"cls_score": 1.5,
    r"bbox_pred": 0.4,
    r"(ann_index|index_uv)_lowres": 2.0,
    r"\.[uv]_lowres": 0.25,
}
"""Standard deviation of a layer's weights over that of He et al., by a pattern of its name; 1 elsewhere."""
BIASES = {r"cls_score": (-2.5, 0.0), r"anchor_deltas": (0.0, 0.0, 0.8, 1.2) * 3, r"\.[uv]_lowres": 0.5}
"""Added to the biases of a layer."""


def checkpoint_shapes(model: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the parameters in a checkpoint of `model`, norms and unused layers among them."""
    variant = parse_variant(model)
    with torch.device("meta"):
        network = DensePoseRCNN(variant)
    shapes = {}
    for name, value in network.state_dict().items():
        shape = tuple(value.shape)
        if name.startswith("backbone.bottom_up.") and name.endswith(".bias"):
            shapes |= {f"{name.removesuffix('.bias')}.norm.{statistic}": shape for statistic in STATISTICS}
        else:
            shapes[name] = shape
    for layer in variant.unused:
        shapes |= {f"{layer}.{kind}": shape for kind, shape in CONFIDENCE_SHAPES.items()}
    return shapes


def random_checkpoint(model: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Parameters of `model` by name, float32."""
    random = np.random.RandomState(seed)
    return {name: _values(random, name, shape) for name, shape in sorted(checkpoint_shapes(model).items())}


def _values(random: np.random.RandomState, name: str, shape: tuple[int, ...]) -> np.ndarray:
    numbers = random.random_sample(shape)
    if name.endswith("running_var") or ((".norm." in name or re.search(r"ASPP.*\.1\.", name)) and name.endswith("weight")):
        return (0.5 + numbers).astype(np.float32)
    if len(shape) == 1:
        return ((numbers - 0.5) * 0.2 + _of_layer(BIASES, name, 0.0)).astype(np.float32)
    fan_in = shape[0] * 4 if "_lowres" in name else np.prod(shape[1:])
    numbers -= numbers.mean(axis=(0, 2, 3) if "_lowres" in name else tuple(range(1, len(shape))), keepdims=True)
    return (2 * numbers * np.sqrt(3) * _of_layer(GAINS, name, 1.0) * np.sqrt(2 / fan_in)).astype(np.float32)


def _of_layer(table: dict, name: str, otherwise: float):
    return next((value for pattern, value in table.items() if re.search(pattern, name)), otherwise)


def random_frames(count: int, size: int, seed: int = 0) -> list[np.ndarray]:
    """Frames (size, size, 3) uint8 of coarse and fine blocks of colour; `size` is a multiple of 16."""
    random = np.random.RandomState(seed)
    frames = []
    for _ in range(count):
        coarse, fine = (random.randint(0, 128, (blocks, blocks, 3)) for blocks in (8, size // 2))
        blocks = [np.kron(part, np.ones((size // len(part),) * 2 + (1,), int)) for part in (coarse, fine)]
        frames.append(sum(blocks).astype(np.uint8))
    return frames
