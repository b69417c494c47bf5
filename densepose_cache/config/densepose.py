"""The section `densepose`: where IUV maps come from."""

from typing import ClassVar, Literal

from pydantic import Field

from .base import Settings


class DensePoseSettings(Settings):
    """Where IUV maps come from."""

    no_effect: ClassVar = frozenset({"device", "batch"})
    backend: Literal["auto", "precomputed", "rcnn", "detectron2", "torchvision", "embedded"] = "auto"
    """`precomputed` reads side files or folders of IUV PNGs; `detectron2` and `torchvision` run the same DensePose R-CNN with the same
    weights, one on detectron2, the other on torchvision's operators alone; `rcnn` takes detectron2 where it is installed, else torchvision.
    `embedded` runs a small network that ships with the package: weaker, nothing to download. `auto` is `rcnn` where its weights are
    there, else `embedded`; a cache that one of them has made stays with it."""
    png_order: Literal["VUI", "IUV"] = "VUI"
    """Channel order of IUV PNGs as an RGB reader sees them; VUI is what OpenCV writes of an (I, U, V) array."""
    degrade: Literal["none", "train", "all"] = "none"
    """Clips whose exact maps get the defects of real DensePose output (holes, mittens, flicker); `train` leaves the test split exact."""
    model: str = "densepose_rcnn_R_50_FPN_s1x"
    """Name of a DensePose R-CNN configuration."""
    weights: str | None = None
    """Path of a checkpoint; null takes the published one of `model`."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs; `auto` takes a GPU if there is one."""
    score: float = Field(0.7, ge=0, le=1)
    """Detections below this score are dropped."""
    batch: int = Field(8, ge=1)
    """Frames a forward pass; fewer where the GPU has too little memory for that."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Number format of the network; `auto` is fp16 on a GPU, eight times nearer to fp32 than bf16, and fp32 elsewhere."""
    input_size: int = Field(800, ge=64, le=2048)
    """Side in pixels to which the square frames are scaled for the network."""
    smooth: bool = False
    """Of the backend `embedded`: the crop around the person follows the mean of three frames, against flicker."""
    missing: Literal["hold", "empty", "fail"] = "hold"
    """A frame without a detection takes the last frame's map, an empty map, or stops the clip."""
    max_missing: float = Field(0.5, ge=0, le=1)
    """A clip with a larger share of such frames is bad."""
    bad_clips: Literal["fail", "quarantine"] = "fail"
    """A bad clip stops the stage, or is left out with its reason in quarantine.csv."""
