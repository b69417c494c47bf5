"""The section `evaluate`: rollout and metrics."""

from typing import ClassVar, Literal

from pydantic import Field

from .intervals import INTERVAL_KEYS, IntervalSettings

PaperWeights = Literal["vgg19", "inception", "alexnet", "keypointrcnn"]
"""Networks of the paper's metrics."""


class EvaluateSettings(IntervalSettings):
    """Rollout and metrics (paper, section 4.2.2)."""

    no_effect: ClassVar = frozenset({"device", "batch"})
    added: ClassVar = frozenset((*INTERVAL_KEYS, "fvd", "fvd_stride"))
    features: Literal["paper", "embedded"] = "paper"
    """`paper`: VGG-19, Inception-v3, AlexNet (LPIPS), a keypoint R-CNN; `embedded`: EfficientNet-Lite0, MediaPipe, from PyPI packages."""
    pairs: str | None = None
    """CSV with columns source_clip, driving_clip: motion transfer besides reconstruction."""
    max_frames: int | None = Field(None, ge=2)
    """First frames of every test clip that are generated; null takes all."""
    batch: int = Field(8, ge=1)
    """Clips generated side by side."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of the generation: fp32 gives the same frames again and again; bf16 is made for a GPU, and its frames are not quite the same."""
    blur_sigma: float = Field(2.0, gt=0)
    """Standard deviation in pixels of the blurred coarse-warp baseline."""
    fvd: bool = False
    """Also the FVD, of I3D's logits of 16 frames; about a second of a CPU core for each window and method."""
    fvd_stride: int = Field(8, ge=1)
    """Frames from a window of the FVD to the next."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU if there is one."""

    weights: dict[PaperWeights, str] = Field(default_factory=dict)
    """Paths of weight files by name instead of the downloaded ones."""
