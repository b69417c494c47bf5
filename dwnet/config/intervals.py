"""Keys of the intervals over clips, which the sections `evaluate` and `ablation` share."""

from pydantic import Field

from densepose_cache.config.base import Settings

INTERVAL_KEYS = ("resamples", "confidence", "seed")
"""No metric depends on them, only its interval."""


class IntervalSettings(Settings):
    """Bootstrap intervals over clips (docs/metrics.md)."""

    resamples: int = Field(1000, ge=200)
    """Draws of clips from which intervals are computed."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Share of such intervals that hold the true value."""
    seed: int = Field(0, ge=0)
    """Seed of the draws."""
