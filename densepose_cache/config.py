"""Typed settings of the cache's stages, one description per key. Format versions are bumped by hand when a stage's results change."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from .settings import Settings

FORMATS = {"sample": 2, "clips": 2, "decode": 3, "densepose": 3, "warp": 2, "index": 3}
READER = 2
"""Version of how videos and pictures are read: a higher one lets the decode stage try the clips again that are in quarantine, and no
other."""


class VideoSettings(Settings):
    """How videos become square frames."""

    size: int = Field(256, ge=32, le=2048, multiple_of=4)
    """Side of the square frames in pixels, a multiple of 4: the networks' feature maps are a quarter of it."""
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
    """Where the detector runs; `auto` takes a GPU if there is one."""
    score: float = Field(0.7, ge=0, le=1)
    """Detections below this score are dropped."""
    batch: int = Field(8, ge=1)
    """Frames a forward pass."""
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


class SampleSource(Settings):
    """The embedded data set: rendered people with exact IUV maps and keypoints."""

    added: ClassVar = frozenset({"wide"})
    kind: Literal["sample"]
    train: int = Field(16, ge=1)
    """Training clips, each a new person."""
    test: int = Field(4, ge=1)
    """Test clips, each a person that training never sees."""
    size: int = Field(256, ge=64, le=512)
    """Side of the rendered videos in pixels."""
    frames: int = Field(48, ge=4)
    """Frames a clip."""
    fps: int = Field(25, ge=1, le=120)
    """Frame rate of the videos."""
    seed: int = Field(0, ge=0)
    """Seed of people, clothes and motions."""
    background: Literal["any", "plain", "gradient", "room", "white"] = "any"
    """Background of all clips."""
    wide: bool = False
    """People as they come: near and far, now and then in loose or white clothes, before anything from a white studio to foliage; then
    `background` does not count. What the shipped generator learns from."""


class FramesSource(Settings):
    """Folders of frames with IUV PNGs: `{path}/**/target/*.png` and `{path}/**/dp_target/*_IUV.png`, in natural order."""

    kind: Literal["frames"]
    path: str
    """Folder that holds the clips' folders."""
    frames_folder: str = "target"
    """Name of the folder of frames inside a clip's folder."""
    iuv_folder: str = "dp_target"
    """Name of the folder of IUV PNGs inside a clip's folder."""
    fps: float = Field(25.0, gt=0, le=240)
    """Frame rate at which the frames were taken."""
    train_fraction: float = Field(0.7, gt=0, lt=1)
    """First share of every clip's frames that trains; the rest tests. Each gets a row of its own in the clip table."""
    table: str | None = None
    """Optional CSV with columns clip, split and optionally start_frame, end_frame, bbox: the rows then come from it alone."""


class VideosSource(Settings):
    """A folder of videos."""

    kind: Literal["videos"]
    path: str
    """Folder of videos (searched below, too)."""
    train: str | None = None
    """Pattern, relative to `path`, of training videos; null: train/*, or a share of all videos where there is neither train/ nor test/."""
    test: str | None = None
    """Pattern, relative to `path`, of test videos; null: test/*, or a share of all videos where there is neither train/ nor test/."""
    test_fraction: float = Field(0.2, gt=0, lt=1)
    """Share of a folder without train/ and test/ that tests; a video's name alone decides, so that others may come and go."""
    table: str | None = None
    """Optional CSV with columns clip, split, video and optionally start_frame, end_frame (or start, end), bbox, fps, width, height:
    windows and boxes cut from the videos; the rows then come from it alone. A published table with video_id and partition fits, too."""
    missing: Literal["leave_out", "fail"] = "leave_out"
    """Clips of a published table whose video is not in `path` are left out and listed in missing.csv, or stop the stage."""


class UrlsSource(Settings):
    """Videos by URL, from one list per split."""

    no_effect: ClassVar = frozenset({"parallel"})
    kind: Literal["urls"]
    train: str
    """File or URL of the list of training videos, one URL a line."""
    test: str
    """File or URL of the list of test videos."""
    parallel: int = Field(4, ge=1, le=64)
    """Downloads at a time."""


Source = Annotated[SampleSource | FramesSource | VideosSource | UrlsSource, Field(discriminator="kind")]
