"""The typed configuration: sections of `dwnet`, the whole file, and the merged settings of one data set.

`config.yaml` has shared sections and `datasets.{name}`, which names a source and overrides any key of any section. The merged result is
what rules pass on and what fingerprints are made of. Importing this module needs no torch.
"""

from .animate import AnimateSettings
from .dataset import NO_RESULT, SECTIONS, DatasetConfig, merge
from .evaluate import EvaluateSettings, PaperWeights
from .formats import FORMATS
from .intervals import INTERVAL_KEYS, IntervalSettings
from .model import GENERATOR_FORMATS, GENERATORS, ModelSettings
from .pages import AblationSettings, ReportSettings
from .reading import NAME, Config, Folders, load_config, parse_config
from .train import PRESETS, SAMPLE_PRESETS, WARP_LOSS_SMALLEST, LossSettings, TrainSettings, loss_problem, size_problem
from .variants import VARIANT, VARIANTS, variant_model, variant_start, variant_train

__all__ = [
    "FORMATS",
    "GENERATORS",
    "GENERATOR_FORMATS",
    "INTERVAL_KEYS",
    "NAME",
    "NO_RESULT",
    "PRESETS",
    "SAMPLE_PRESETS",
    "SECTIONS",
    "VARIANT",
    "VARIANTS",
    "WARP_LOSS_SMALLEST",
    "AblationSettings",
    "AnimateSettings",
    "Config",
    "DatasetConfig",
    "EvaluateSettings",
    "Folders",
    "IntervalSettings",
    "LossSettings",
    "ModelSettings",
    "PaperWeights",
    "ReportSettings",
    "TrainSettings",
    "load_config",
    "loss_problem",
    "merge",
    "parse_config",
    "size_problem",
    "variant_model",
    "variant_start",
    "variant_train",
]
