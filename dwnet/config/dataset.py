"""The merged settings of one data set: its source and every section."""

from pydantic import Field, create_model, model_validator

from densepose_cache.config import DensePoseSettings, Source, VideoSettings, WarpSettings
from densepose_cache.config.base import Settings

from .evaluate import EvaluateSettings
from .model import ModelSettings
from .pages import AblationSettings, ReportSettings
from .train import SAMPLE_PRESETS, TrainSettings, loss_problem, size_problem

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


def merge(base, over):
    """`over` laid on `base`: mappings key by key, anything else replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {k: merge(base[k], over[k]) if k in base and k in over else over.get(k, base.get(k)) for k in base | over}
    return over


class _DatasetBase(Settings):
    source: Source
    """Where clips come from."""
    shards: int = Field(1, ge=1, le=100_000)
    """Shards that the clips are spread over: one job each a stage."""

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
