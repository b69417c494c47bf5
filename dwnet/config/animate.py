"""What `dwnet animate` may be told beside its inputs."""

from typing import Literal

from pydantic import Field

from densepose_cache.config.base import Settings


class AnimateSettings(Settings):
    """How a picture is animated. Not a section of the configuration file: options of the command, also those of batch and page."""

    size: int | None = None
    """Side of the generated frames in pixels; null takes that of the cache or of the model's training."""
    fps: float | None = None
    """Frame rate of the result; null takes the motion's own."""
    start: float | None = Field(None, ge=0)
    """Seconds into the motion at which to begin; null is its beginning."""
    end: float | None = Field(None, ge=0)
    """Seconds into the motion at which to end; null is its end."""
    smooth: Literal["auto", "on", "off"] = "auto"
    """Whether the driving maps are evened out over time; `auto` does so with those of the small network that ships."""
    panels: bool = False
    """Show source, pose, coarse warp and driving video beside the result."""
    preview: bool = False
    """Write maps and skeletons of photo and motion instead of the animation."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the generator runs; `auto` takes a GPU if there is one."""
