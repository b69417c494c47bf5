"""One animation from its inputs to its file, and the networks that any number of them share."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from densepose_cache.storage.atomic import only_writer
from densepose_cache.video.writing import SILENT

from ..config import AnimateSettings
from ..core.device import pick_device
from ..model.checkpoint import load_model
from .animate import Report, animate
from .extraction import Extraction
from .inputs import check_output, frame_size, say
from .motion import Motion, Wanted
from .pace import check_rate
from .person import load_person
from .sources import load_motion


@dataclass(frozen=True)
class Job:
    """The person of `source`, a picture or a clip of the cache, moves as `driving` does, in the file `out`.

    `source_iuv` and `driving_iuv` are files of IUV maps, None for those beside the inputs or what DensePose finds.
    """

    source: str
    driving: str
    out: Path
    settings: AnimateSettings
    source_iuv: Path | None = None
    driving_iuv: Path | None = None


class Studio:
    """The generator `model` (run folder, file or the name of the one that ships) and DensePose, each made once, when first needed."""

    def __init__(self, model: str, extraction: Extraction):
        self.model, self.extraction = model, extraction

    @cached_property
    def _loaded(self) -> tuple:
        return load_model(self.model)

    def size(self, asked: int | None) -> int:
        """Side of the frames of files: the one `asked` for, else that of the model's training. Raises InputError if there is no model."""
        return asked or self._loaded[1].get("size", 256)

    def animate(self, job: Job, report: Report | None = None) -> Motion:
        """Write the file of `job` and return the motion that it shows. Raises InputError, before the work begins where that can be.

        `report` hears of every frame and can end the work: then no file stays.
        """
        settings, out = job.settings, job.out
        check_output(out, job.source, job.driving)
        check_rate(settings.fps)
        side = frame_size(job.source, job.driving, settings.size)
        generator, size = self._loaded[0], self.size(side)
        wanted = Wanted(size, settings.fps, settings.start, settings.end, settings.panels)
        with only_writer(out):
            person = load_person(job.source, job.source_iuv, size, self.extraction)
            motion = load_motion(job.driving, job.driving_iuv, wanted, self.extraction)
            if motion.sound and out.suffix.lower() in SILENT:
                say(out, "has no sound: this kind of video cannot")
                motion = replace(motion, sound=None)
            animate(generator, person, motion, out, settings.panels, pick_device(settings.device), report)
        return motion
