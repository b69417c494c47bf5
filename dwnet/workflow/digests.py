"""Digests of stages, which rules have as parameters: a change of one reruns the stage."""

from functools import cache
from pathlib import Path

import dwnet
from densepose_cache.config import FORMATS as CACHE_FORMATS
from densepose_cache.storage.digest import digest

from ..config import FORMATS as LEARN_FORMATS
from ..config import VARIANTS
from .project import Project
from .stages import STAGES

FORMATS = CACHE_FORMATS | LEARN_FORMATS
TEMPLATES = Path(dwnet.__file__).parent / "templates"
WITH_TEMPLATES = ("report", "ablation")
"""Stages that make pages."""


@cache
def chain_digest(project: Project, stage: str, dataset: str, variant: str = "full") -> str:
    """Digest of the settings and format versions of `stage` and of all the stages before it.

    Keys that change no result are not in it; of the stages that make pages their templates are, too.
    """
    before, settings = STAGES[stage]
    values = {name: section.decisive() for name, section in settings(project.datasets[dataset], variant).items()}
    upstream = chain_digest(project, before, dataset, variant) if before else None
    templates = template_texts() if stage in WITH_TEMPLATES else None
    return digest(stage, FORMATS.get(stage, 1), values, upstream, templates)


def ablation_digest(project: Project, dataset: str) -> str:
    """Digest of the comparison: a change of any stage of any variant changes it."""
    return digest([chain_digest(project, "ablation", dataset, variant) for variant in VARIANTS])


@cache
def template_texts() -> list[str]:
    """What the pages are made from."""
    return [path.read_text() for path in sorted(TEMPLATES.iterdir())]
