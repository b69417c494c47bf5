"""The section `video`: how videos become frames."""

from typing import Literal

from pydantic import Field, model_validator

from .base import Settings


class VideoSettings(Settings):
    """How videos become square frames."""

    size: int = Field(256, ge=32, le=2048, multiple_of=4)
    """Side of the square frames in pixels; the networks' feature maps are a quarter of it."""
    fps: float | None = Field(None, gt=0, le=240)
    """Frame rate to resample to; null keeps every frame of the video."""
    pad: tuple[int, int, int] = Field((255, 255, 255), strict=False)
    """Colour (R, G, B, 0..255) of the bars that make a frame square, and behind transparency."""
    bad_clips: Literal["fail", "quarantine"] = "fail"
    """A clip that cannot be decoded stops the stage, or is left out with its reason in quarantine.csv."""

    @model_validator(mode="after")
    def _colour(self):
        if not all(0 <= channel <= 255 for channel in self.pad):
            raise ValueError("pad must be three numbers in 0..255")
        return self
