"""The section `warp`: which coarse warp grids are computed, for which samples."""

from typing import ClassVar, Literal

from pydantic import Field

from .base import Settings


class SampleDraw(Settings):
    """Which training samples are drawn (paper, section 3.2: frames i, j, j+1, j+2)."""

    epochs: int = Field(2, ge=1)
    """Passes over the target frames for which source frames are drawn anew."""
    targets: int = Field(3, ge=1, le=16)
    """Consecutive target frames a sample."""
    source: Literal["any", "other", "apart"] = "any"
    """Which frames may be the source: `any` of the clip, as in the paper; any `other` than the first target, as in the official code; those
    `apart` from all targets of the sample."""
    sources: int | None = Field(None, ge=1)
    """null: every frame of the clip can be a source; k: one of k fixed frames, evenly spread."""
    per_clip: int | None = Field(None, ge=1)
    """Samples a clip and epoch; null takes every frame once as the first target."""


class WarpSettings(Settings):
    """Which coarse warp grids are computed, and how."""

    no_effect: ClassVar = frozenset({"engine"})
    engine: Literal["kdtree", "lattice", "torch"] = "kdtree"
    """What searches for the nearest source pixels: scikit-learn's trees, a compiled search, many times as fast, or PyTorch, made for a GPU
    and used on the CPU where there is none, about as fast as the trees. The grids are equal, so that no clip's digest depends on it."""
    seed: int = Field(0, ge=0)
    """Seed of the drawn samples."""
    samples: SampleDraw = SampleDraw()
    """The draw of training samples."""
