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
    crop: Literal["auto", "off"] = "auto"
    """`auto` cuts a square around the person out of the picture and out of the driving video; `off` takes all of them."""
    person: str | None = None
    """Who is animated where several people are on the picture: `left`, `right`, `largest`, a number from the left or a point `X,Y`; null
    takes the most certain, largest and most central one."""
    driving_person: str | None = None
    """Who moves where several people are on the driving video, as `person`."""
    align: Literal["auto", "off"] = "auto"
    """`auto` makes the driving body as large as the photo's and puts it where that stands; `off` leaves it."""
    begin_at_pose: bool = False
    """Begin where the motion is nearest to the photo's pose."""
    paste_back: Literal["auto", "on", "off"] = "auto"
    """Show the result in the whole photo, at its size; `auto` does it where the photo is larger than the frames, or no square."""
    longest_side: int = Field(3840, ge=32)
    """Pixels that the longer side of the photo has at most, where it is shown as a whole; larger ones are scaled down."""
    compare: bool = False
    """Write source, pose, coarse warp, result and driving video side by side into a second video."""
    smooth: Literal["auto", "on", "off"] = "auto"
    """Whether the driving maps are evened out over time; `auto` does so with those of the small network that ships."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the generator runs; `auto` takes a GPU if there is one."""
