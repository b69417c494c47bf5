"""The measures: which metrics each gives, and of which features or joints."""

from pathlib import Path

import numpy as np
import torch

from densepose_cache.storage.digest import file_sha256

from ..keypoints.choose import beside_real, on_body
from .feature_file import FeatureWriter
from .frechet import Gaussian
from .keypoint_distance import akd, akd_l2, detector_error, mkr
from .l1 import l1, l1_body
from .measure import FrameBatch, Measure, Observation, Steps
from .perceptual import on_real_background, perceptual
from .psnr import psnr
from .ssim import ssim
from .temporal import preceding, tlp, warp_error


class Pixels(Measure):
    """`l1`, `l1_body`, `psnr`, `ssim`."""

    names = ("l1", "l1_body", "psnr", "ssim")

    def compare(self, real: Observation, generated: Observation, body: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values of every frame."""
        pair = real.batch.images, generated.batch.images
        return {"l1": l1(*pair), "l1_body": l1_body(*pair, body), "psnr": psnr(*pair), "ssim": ssim(*pair)}


class Steadiness(Measure):
    """`warp_error`: what changes from a frame to the next on the body, beside its motion."""

    changes, of_real = ("warp_error",), True

    def change(
        self, before: tuple[Observation, Observation] | None, real: Observation, generated: Observation, body: torch.Tensor, steps: Steps
    ) -> dict[str, torch.Tensor]:
        """Values of every frame; NaN where no body pixel has a correspondence in the frame before."""
        images = generated.batch.images
        previous = preceding(before and before[1].batch.images, images)
        return {"warp_error": warp_error(previous, images, steps.index, steps.visible & body)}


class Lpips(Measure):
    """`lpips_alex`, and `tlp_alex` by the same network."""

    names, changes = ("lpips_alex",), ("tlp_alex",)

    def __init__(self, weights: Path, device: torch.device):
        from ..networks.lpips_alex import LpipsAlex

        self._distance = LpipsAlex(weights, device)
        self.extractor = {"alexnet": {"file": Path(weights).name, "sha256": file_sha256(weights)}}

    def compare(self, real: Observation, generated: Observation, body: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values of every frame."""
        return {"lpips_alex": self._distance(real.batch.images, generated.batch.images)}

    def change(
        self, before: tuple[Observation, Observation] | None, real: Observation, generated: Observation, body: torch.Tensor, steps: Steps
    ) -> dict[str, torch.Tensor]:
        """Values of every frame."""
        pairs = [(old and old.batch.images, new.batch.images) for old, new in zip(before or (None, None), (real, generated), strict=True)]
        return {"tlp_alex": tlp(*(self._distance(preceding(old, new), new) for old, new in pairs))}


class Perceptual(Measure):
    """`perceptual_{network}` and `tlp_{network}`, with `body` also `perceptual_{network}_body`.

    With `pooled` it yields features for a Frechet distance.
    """

    def __init__(self, features: torch.nn.Module, device: torch.device, body: bool = False, pooled: bool = False):
        self._features = features.to(device)
        self._body, self._pooled = body, pooled
        self.name = f"perceptual_{features.name}"
        self.names = (self.name, f"{self.name}_body") if body else (self.name,)
        self.changes = (f"tlp_{features.name}",)
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

    def last(self, observation: Observation) -> Observation:
        """Feature maps of the last frame."""
        return Observation(observation.batch.last(), [tap[-1:] for tap in observation.seen])

    @torch.inference_mode()
    def change(
        self, before: tuple[Observation, Observation] | None, real: Observation, generated: Observation, body: torch.Tensor, steps: Steps
    ) -> dict[str, torch.Tensor]:
        """Values of every frame."""
        distances = []
        for old, new in zip(before or (None, None), (real, generated), strict=True):
            previous = [preceding(tap, taps) for tap, taps in zip(old.seen if old else [None] * len(new.seen), new.seen, strict=True)]
            distances.append(perceptual(previous, new.seen, self._features.tap_weights))
        return {self.changes[0]: tlp(*distances)}


class Inception(Measure):
    """Features for `fid`; no value of single frames."""

    frechet = "fid"

    def __init__(self, weights: Path, device: torch.device):
        from ..networks.inception import InceptionFeatures

        self._features = InceptionFeatures(weights, device)
        self.extractor = {"inception": {"file": Path(weights).name, "sha256": file_sha256(weights)}}

    def observe(self, batch: FrameBatch) -> Observation:
        """Pooled features (B, 2048) float32."""
        pooled = self._features.pooled(batch.images[:1] if batch.constant else batch.images)
        return Observation(batch, pooled=np.broadcast_to(pooled, (len(batch.pixels), pooled.shape[1])) if batch.constant else pooled)


class Keypoints(Measure):
    """`akd_{detector}`, `akd_l2_{detector}` and `mkr_{detector}` of the person on the driving map's body."""

    def __init__(self, detector):
        self._detector, self.detector = detector, detector.name
        self.names = tuple(f"{kind}_{detector.name}" for kind in ("akd", "akd_l2", "mkr"))
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
        size = real.batch.size
        values = [(akd(a, b, size), akd_l2(a, b, size), mkr(a, b)) for a, b in pairs]
        return dict(zip(self.names, np.array(values).T, strict=True))

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

    @property
    def names(self) -> list[str]:
        """Names of the distances."""
        return list(dict.fromkeys(name for name, _ in self._sums))

    def get(self, name: str, method: str) -> Gaussian:
        """The Gaussian of `method`'s frames."""
        return self._sums[name, method]
