"""One animation from its inputs to its file, and the networks that any number of them share."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from densepose_cache.storage.atomic import only_writer
from densepose_cache.video.writing import SILENT

from ..config import AnimateSettings
from ..core.device import pick_device
from ..model.checkpoint import load_model
from .animate import animate
from .extraction import Extraction
from .framing.choice import Framing, PersonChoice
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

    def animate(self, job: Job) -> Motion:
        """Write the file of `job` and return the motion that it shows. Raises InputError, before the work begins where that can be."""
        settings, out = job.settings, job.out
        check_output(out, job.source, job.driving)
        check_rate(settings.fps)
        who = {"--person": settings.person, "--driving-person": settings.driving_person}
        photo, video = (Framing(settings.crop == "auto", PersonChoice.parse(text, flag)) for flag, text in who.items())
        side = frame_size(job.source, job.driving, settings.size)
        generator, metadata = self._loaded
        size = side or metadata.get("size", 256)
        wanted = Wanted(size, settings.fps, settings.start, settings.end, settings.panels, video)
        with only_writer(out):
            person = load_person(job.source, job.source_iuv, size, self.extraction, photo)
            motion = load_motion(job.driving, job.driving_iuv, wanted, self.extraction)
            if motion.sound and out.suffix.lower() in SILENT:
                say(out, "has no sound: this kind of video cannot")
                motion = replace(motion, sound=None)
            animate(generator, person, motion, out, settings.panels, pick_device(settings.device))
        return motion
