"""The measures: which metrics each gives, and of which features or joints."""

from pathlib import Path

import numpy as np
import torch

from densepose_cache.storage.digest import file_sha256

from ..keypoints.choose import beside_real, on_body
from .feature_file import FeatureWriter
from .frechet import Gaussian
from .keypoint_distance import akd, detector_error, mkr
from .l1 import l1, l1_body
from .measure import FrameBatch, Measure, Observation
from .perceptual import on_real_background, perceptual
from .psnr import psnr
from .ssim import ssim


class Pixels(Measure):
    """`l1`, `l1_body`, `psnr`, `ssim`."""

    names = ("l1", "l1_body", "psnr", "ssim")

    def compare(self, real: Observation, generated: Observation, body: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values of every frame."""
        pair = real.batch.images, generated.batch.images
        return {"l1": l1(*pair), "l1_body": l1_body(*pair, body), "psnr": psnr(*pair), "ssim": ssim(*pair)}


class Lpips(Measure):
    """`lpips_alex`."""

    names = ("lpips_alex",)

    def __init__(self, weights: Path, device: torch.device):
        from .lpips_alex import LpipsAlex

        self._distance = LpipsAlex(weights, device)
        self.extractor = {"alexnet": {"file": Path(weights).name, "sha256": file_sha256(weights)}}

    def compare(self, real: Observation, generated: Observation, body: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values of every frame."""
        return {"lpips_alex": self._distance(real.batch.images, generated.batch.images)}


class Perceptual(Measure):
    """`perceptual_{network}`, with `body` also `perceptual_{network}_body`; with `pooled` it yields features for a Frechet distance."""

    def __init__(self, features: torch.nn.Module, device: torch.device, body: bool = False, pooled: bool = False):
        self._features = features.to(device)
        self._body, self._pooled = body, pooled
        self.name = f"perceptual_{features.name}"
        self.names = (self.name, f"{self.name}_body") if body else (self.name,)
        self.frechet = f"frechet_{features.name}" if pooled else None
        self.extractor = {features.name: {"sha256": features.digest}}

    @torch.inference_mode()
    def observe(self, batch: FrameBatch) -> Observation:
        """Feature maps, and the pooled features (B, D) float32 where they are asked for."""
        images = batch.images[:1] if batch.constant else batch.images
        taps = self._features(2 * images - 1)
        pooled = self._features.head(taps[-1]).mean((2, 3)) if self._pooled else None
        if batch.constant:
            taps = [tap.expand(len(batch.pixels), *tap.shape[1:]) for tap in taps]
            pooled = None if pooled is None else pooled.expand(len(batch.pixels), -1)
        return Observation(batch, taps, None if pooled is None else pooled.cpu().numpy())

    @torch.inference_mode()
    def compare(self, real: Observation, generated: Observation, body: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values of every frame; the body's is NaN where a frame has no body pixel."""
        weights = self._features.tap_weights
        values = {self.name: perceptual(real.seen, generated.seen, weights)}
        if self._body:
            composed = self._features(2 * on_real_background(real.batch.images, generated.batch.images, body) - 1)
            value = perceptual(real.seen, composed, weights)
            values[self.names[1]] = torch.where(body.any((1, 2)), value, torch.nan)
        return values


class Inception(Measure):
    """Features for `fid`; no value of single frames."""

    frechet = "fid"

    def __init__(self, weights: Path, device: torch.device):
        from .inception import InceptionFeatures

        self._features = InceptionFeatures(weights, device)
        self.extractor = {"inception": {"file": Path(weights).name, "sha256": file_sha256(weights)}}

    def observe(self, batch: FrameBatch) -> Observation:
        """Pooled features (B, 2048) float32."""
        pooled = self._features.pooled(batch.images[:1] if batch.constant else batch.images)
        return Observation(batch, pooled=np.broadcast_to(pooled, (len(batch.pixels), pooled.shape[1])) if batch.constant else pooled)


class Keypoints(Measure):
    """`akd_{detector}` and `mkr_{detector}` of the person on the driving map's body."""

    def __init__(self, detector):
        self._detector, self.detector = detector, detector.name
        self.names = (f"akd_{detector.name}", f"mkr_{detector.name}")
        self.extractor = {detector.name: {"file": Path(detector.weights).name, "sha256": file_sha256(detector.weights)}}

    def observe(self, batch: FrameBatch) -> Observation:
        """Joints (P, 17, 3) float32 of the people of every frame."""
        if batch.constant:
            return Observation(batch, [self._detector.detect(batch.pixels[0])] * len(batch.pixels))
        return Observation(batch, [self._detector.detect(frame) for frame in batch.pixels])

    def compare(self, real: Observation, generated: Observation, body: torch.Tensor) -> dict[str, np.ndarray]:
        """Values of every frame; NaN where the real frame has nobody on the body (B, S, S)."""
        people = zip(real.seen, generated.seen, body.cpu().numpy(), strict=True)
        pairs = [(on_body(a, mask), beside_real(b, mask, a)) for a, b, mask in people]
        distances = [akd(a, b, real.batch.size) for a, b in pairs]
        return {self.names[0]: np.array(distances), self.names[1]: np.array([mkr(a, b) for a, b in pairs])}

    def errors(self, real: Observation, exact: np.ndarray, body: torch.Tensor) -> list[float]:
        """The detector's error in every real frame, from the exact joints (B, 17, 3); NaN where nobody is on the body (B, S, S)."""
        people = zip(exact, real.seen, body.cpu().numpy(), strict=True)
        return [detector_error(joints, on_body(found, mask), real.batch.size) for joints, found, mask in people]

    def close(self):
        """Free the detector."""
        self._detector.close()


class FrechetSums:
    """Gaussians of the pooled features of the real frames and of every method's frames, by name of the Frechet distance.

    The features themselves go to `writer`, if there is one.
    """

    def __init__(self, writer: FeatureWriter | None = None):
        self._sums: dict[tuple[str, str], Gaussian] = {}
        self._writer = writer

    def add(self, name: str, method: str, features: np.ndarray):
        """Take in pooled features (B, D) of `method` ("real", "model" or a baseline)."""
        self._sums.setdefault((name, method), Gaussian()).add(features)
        if self._writer:
            self._writer.add(name, method, features)

    def get(self, name: str, method: str) -> Gaussian:
        """The Gaussian of `method`'s frames."""
        return self._sums[name, method]
