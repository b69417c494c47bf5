"""The sections `report` and `ablation`: what is made of finished metrics."""

from pydantic import Field

from densepose_cache.config.base import Settings


class AblationSettings(Settings):
    """Comparison of the variants (paper, section 4.5 and Figure 5)."""

    resamples: int = Field(1000, ge=200)
    """Draws of clips from which intervals are computed."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Share of such intervals that hold the true value."""
    seed: int = Field(0, ge=0)
    """Seed of the draws."""
    clips: int = Field(4, ge=1)
    """Test clips in the picture grid, spread evenly over their names."""


class ReportSettings(Settings):
    """The HTML page."""

    title: str | None = None
    """Heading; null takes the data set's name."""
    videos: int = Field(8, ge=0)
    """Clips whose side-by-side video is embedded in the page."""
