"""The sections `report` and `ablation`: what is made of finished metrics."""

from pydantic import Field

from densepose_cache.config.base import Settings

from .intervals import IntervalSettings


class AblationSettings(IntervalSettings):
    """Comparison of the variants (paper, section 4.5 and Figure 5)."""

    clips: int = Field(4, ge=1)
    """Test clips in the picture grid, spread evenly over their names."""


class ReportSettings(Settings):
    """The HTML page."""

    title: str | None = None
    """Heading; null takes the data set's name."""
    videos: int = Field(8, ge=0)
    """Clips whose side-by-side video is embedded in the page."""
