"""Features of the FID: Inception-v3 pool3 as package `torch-fidelity` computes them, with its weights from a local file."""

import pickle
from pathlib import Path

import numpy as np
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from densepose_cache.core.errors import InputError


class InceptionFeatures:
    """2048 features a frame on `device`. Raises InputError if `weights` is no checkpoint of torch-fidelity's Inception."""

    dimensions = 2048

    def __init__(self, weights: Path, device: torch.device | str = "cpu"):
        try:
            torch.load(weights, map_location="cpu", weights_only=True)  # refuses anything but tensors; the library itself does not
            self._model = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(weights)).to(device)
        except (RuntimeError, OSError, KeyError, ValueError, TypeError, AttributeError, pickle.UnpicklingError) as error:
            raise InputError(f"{weights}: no weights of torch-fidelity's Inception-v3 ({str(error)[:200]})") from None

    @torch.inference_mode()
    def pooled(self, images: torch.Tensor) -> np.ndarray:
        """(B, 2048) float32 features of frames (B, 3, H, W) in [0, 1] that were 8-bit."""
        return self._model((images * 255).round().to(torch.uint8))[0].cpu().numpy()
