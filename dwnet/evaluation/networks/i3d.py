"""Features of the FVD: logits of I3D (Carreira and Zisserman 2017), trained on Kinetics-400, with its weights from a local file.

The file is a pickle of NumPy arrays: kernels (T, H, W, in, out), and batch norms without scale. Whatever else it asks for is refused.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backends.checkpoint import ALLOWED, DAMAGED
from densepose_cache.storage.restricted_pickle import RestrictedUnpickler

SIDE, EPSILON = 224, 1e-3
POOLS = {
    "Conv3d_1a_7x7": ((1, 3, 3), (1, 2, 2)),
    "Conv3d_2c_3x3": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3c": ((3, 3, 3), (2, 2, 2)),
    "Mixed_4f": ((2, 2, 2), (2, 2, 2)),
}
"""Window and stride of the maximum after a layer."""
STEM = {"Conv3d_1a_7x7": 2, "Conv3d_2b_1x1": 1, "Conv3d_2c_3x3": 1}
"""The first convolutions with their strides."""
MIXED = ("Mixed_3b", "Mixed_3c", "Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f", "Mixed_5b", "Mixed_5c")
Layer = tuple[torch.Tensor, torch.Tensor]
"""Kernel (out, in, T, H, W), with the batch norm folded in, and bias (out,)."""


class I3d:
    """Logits of windows of frames on `device`. Raises InputError if `weights` is no checkpoint of I3D."""

    dimensions = 400

    def __init__(self, weights: Path, device: torch.device | str = "cpu"):
        self._device = torch.device(device)
        try:
            with Path(weights).open("rb") as file:
                found = RestrictedUnpickler(file, ALLOWED).load()
            arrays = dict(_leaves(found["params"])), dict(_leaves(found["batch_stats"]))
            names = [*STEM, *(f"{mixed}/{unit}" for mixed in MIXED for unit in UNITS)]
            self._layers = {name: self._folded(*arrays, name) for name in names}
            last = "Logits/Conv3d_0c_1x1/Conv_0"
            self._layers["Logits"] = self._kernel(arrays[0][f"{last}/kernel"]), torch.from_numpy(arrays[0][f"{last}/bias"]).to(self._device)
        except DAMAGED as error:
            raise InputError(f"{weights}: no weights of I3D ({str(error)[:200]})") from None

    def _kernel(self, kernel: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(kernel.transpose(4, 3, 0, 1, 2).copy()).to(self._device)

    def _folded(self, params: dict[str, np.ndarray], statistics: dict[str, np.ndarray], name: str) -> Layer:
        norm = f"{name}/BatchNorm_0"
        mean, variance = (statistics[f"{norm}/{what}"].reshape(-1) for what in ("mean", "var"))
        scale = 1 / np.sqrt(variance + EPSILON)
        bias = torch.from_numpy(params[f"{norm}/bias"] - mean * scale).to(self._device)
        return self._kernel(params[f"{name}/Conv_0/kernel"] * scale), bias

    @torch.inference_mode()
    def logits(self, videos: np.ndarray) -> np.ndarray:
        """(B, 400) float32 logits of videos (B, T, H, W, 3) uint8, T >= 9, which are scaled to 224x224 bilinearly."""
        count, length = videos.shape[:2]
        frames = torch.from_numpy(videos).to(self._device).flatten(0, 1).permute(0, 3, 1, 2).float() / 127.5 - 1
        frames = F.interpolate(frames, (SIDE, SIDE), mode="bilinear", align_corners=False)
        net = frames.unflatten(0, (count, length)).transpose(1, 2)
        for name, stride in STEM.items():
            net = _pooled(self._unit(net, name, stride), name)
        for name in MIXED:
            net = _pooled(self._mixed(net, name), name)
        kernel, bias = self._layers["Logits"]
        return F.conv3d(F.avg_pool3d(net, (2, 7, 7), 1), kernel, bias).mean((2, 3, 4)).cpu().numpy()

    def _unit(self, net: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        kernel, bias = self._layers[name]
        return F.relu(F.conv3d(_padded(net, kernel.shape[2:], (stride,) * 3), kernel, bias, stride))

    def _mixed(self, net: torch.Tensor, name: str) -> torch.Tensor:
        units = [f"{name}/{unit}" for unit in UNITS]
        largest = F.max_pool3d(_padded(net, (3, 3, 3), (1, 1, 1)), 3, 1)
        branches = self._unit(net, units[0]), self._unit(self._unit(net, units[1]), units[2])
        return torch.cat([*branches, self._unit(self._unit(net, units[3]), units[4]), self._unit(largest, units[5])], 1)


UNITS = tuple(f"Branch_{unit}" for unit in ("0/Conv3d_0a_1x1", "1/Conv3d_0a_1x1", "1/Conv3d_0b_3x3", "2/Conv3d_0a_1x1", "2/Conv3d_0b_3x3"))
UNITS += ("Branch_3/Conv3d_0b_1x1",)
"""Convolutions of a mixed layer."""


def _pooled(net: torch.Tensor, name: str) -> torch.Tensor:
    """The maximum that follows the layer `name`, if one does."""
    if name not in POOLS:
        return net
    window, stride = POOLS[name]
    return F.max_pool3d(_padded(net, window, stride), window, stride)


def _padded(net: torch.Tensor, window: tuple[int, ...], stride: tuple[int, ...]) -> torch.Tensor:
    """`net` (B, C, T, H, W), at least 0 where a maximum follows, with the zeros that TensorFlow's padding SAME adds."""
    amounts = []
    for size, reach, step in zip(reversed(net.shape[2:]), reversed(window), reversed(stride), strict=True):
        lacking = max((-(-size // step) - 1) * step + reach - size, 0)
        amounts += [lacking // 2, lacking - lacking // 2]
    return F.pad(net, amounts)


def _leaves(tree: dict, prefix: str = ""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}/")
        else:
            yield prefix + name, np.asarray(value, np.float32)
