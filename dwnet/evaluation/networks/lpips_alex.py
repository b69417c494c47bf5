"""LPIPS (Zhang et al. 2018) with AlexNet, version 0.1, from package `lpips`; the AlexNet weights come from a local file."""

import pickle
import warnings
from pathlib import Path

import lpips
import torch

from densepose_cache.core.errors import InputError


class LpipsAlex:
    """LPIPS on `device`. `weights` is torchvision's AlexNet checkpoint. Raises InputError if the file is something else."""

    def __init__(self, weights: Path, device: torch.device | str = "cpu"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
        trunk = {f"{name}.{kind}" for name, _ in _convolutions(model) for kind in ("weight", "bias")}
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            chosen = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
            if set(chosen) != trunk:
                raise KeyError(f"convolutions {sorted(chosen)}")
            for name, layer in _convolutions(model):
                layer.load_state_dict({kind: chosen[f"{name}.{kind}"] for kind in ("weight", "bias")})
        except (RuntimeError, OSError, KeyError, ValueError, AttributeError, pickle.UnpicklingError) as error:
            raise InputError(f"{weights}: no weights of torchvision's alexnet ({str(error)[:200]})") from None
        self._model = model.eval().to(device)

    @torch.inference_mode()
    def __call__(self, real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
        """(B,) float64 distances of frames (B, 3, H, W) in [0, 1]."""
        return self._model(real, generated, normalize=True).double().reshape(-1)


def _convolutions(model: lpips.LPIPS) -> list[tuple[str, torch.nn.Conv2d]]:
    """(number in AlexNet's `features`, layer) of every convolution of the trunk."""
    slices = [model.net.slice1, model.net.slice2, model.net.slice3, model.net.slice4, model.net.slice5]
    return [(name, layer) for part in slices for name, layer in part.named_children() if isinstance(layer, torch.nn.Conv2d)]
