"""One animation from its inputs to its file, and the networks that any number of them share."""

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from densepose_cache.storage.atomic import only_writer
from densepose_cache.video.png_folder import is_folder

from ..config import AnimateSettings
from ..core.device import pick_device
from ..model.build import AnyGenerator
from ..model.checkpoint import load_model
from ..pretrained import EMBEDDED
from .animate import Report, animate
from .extraction import Extraction
from .framing.choice import Framing, PersonChoice
from .framing.roomy import roomy
from .further import load_further
from .inputs import check_apart, check_output, frame_size, say
from .motion import Motion, Wanted
from .outputs.names import compare_path, record_path
from .outputs.pictures import comparison_output, is_pasted, result_output
from .outputs.record import made, made_by, origins, write_record
from .pace import check_rate
from .person import Person, load_person
from .preview.preview import preview
from .proportions.match import look_at, matched
from .smoothing.stream import steady
from .sources import load_motion


@dataclass(frozen=True)
class Job:
    """The person of `source`, a picture or a clip of the cache, moves as `driving` does, in the file `out`, or the folder of PNGs,
    if its name has no ending or, as a string, ends in a slash.

    `sources` are further pictures of the same person. `source_iuv`, `sources_iuv` in their order, as many or fewer, and `driving_iuv` are
    files of IUV maps, None for those beside the inputs or what DensePose finds.
    """

    source: str
    driving: str
    out: Path | str
    settings: AnimateSettings = field(default_factory=AnimateSettings)
    source_iuv: Path | None = None
    driving_iuv: Path | None = None
    sources: tuple[str, ...] = ()
    sources_iuv: tuple[Path | None, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """All pictures, and the motion."""
        return self.source, *self.sources, self.driving


class Studio:
    """The generator `model` (run folder, file or the name of the one that ships) and DensePose, each made once, when first needed."""

    def __init__(self, model: str = EMBEDDED, extraction: Extraction | None = None):
        self.model, self.extraction = model, extraction or Extraction()

    @cached_property
    def loaded(self) -> tuple[AnyGenerator, dict]:
        """The generator and its metadata, as `load_model` gives them."""
        return load_model(self.model)

    def size(self, asked: int | None) -> int:
        """Side of the frames of files: the one `asked` for, else that of the model's training. Raises InputError if there is no model."""
        return asked or self.loaded[1].get("size", 256)

    def load(self, job: Job, frames: bool = False) -> tuple[Person, Motion]:
        """The person and the motion of `job` in frames of its size; `frames` asks for those of the motion, too.

        Raises InputError, before the work begins where that can be.
        """
        settings = job.settings
        check_rate(settings.fps)
        size = self.size(frame_size(job.inputs, settings.size))
        who = {"--person": settings.person, "--driving-person": settings.driving_person}
        photo, video = (Framing(settings.crop == "auto", PersonChoice.parse(text, flag)) for flag, text in who.items())
        motion = load_motion(
            job.driving, job.driving_iuv, Wanted(size, settings.fps, settings.start, settings.end, frames, video), self.extraction
        )
        person = load_person(job.source, job.source_iuv, size, self.extraction, photo)
        looks = look_at(motion)
        if settings.align == "auto" and (wider := roomy(person, looks, photo)):
            person = load_person(job.source, job.source_iuv, size, self.extraction, wider)
        person = replace(person, further=load_further(person, job.sources, job.sources_iuv, self.extraction, replace(photo, choice=None)))
        motion, said = matched(person.iuv, motion, settings, looks)
        say(Path(job.driving), *said)
        return person, steady(motion, settings.smooth)

    def animate(self, job: Job, report: Report | None = None) -> Motion:
        """Write the file of `job`, with its record and perhaps its comparison beside it, and return the motion that it shows.

        `report` hears of every frame and can end the work: then no file stays. Raises InputError, before the work begins where that can be.
        """
        settings, out, started = job.settings, job.out, time.monotonic()
        check_output(out, *job.inputs)
        for path in (record_path(out), compare_path(out)):
            check_apart(path, *job.inputs)
        generator, _ = self.loaded
        with only_writer(Path(out), folder=is_folder(out)):
            person, motion = self.load(job, settings.compare)
            outputs = [result_output(out, person, motion, settings, is_pasted(person, settings, job.source))]
            if settings.compare:
                outputs.append(comparison_output(out, person, motion))
            steadiness = animate(generator, person, motion, outputs, pick_device(settings.device), report)
            facts = made(outputs, person, motion, time.monotonic() - started) | {"quality": steadiness.figures()}
            facts |= origins((job.source, *job.sources), job.driving, person, motion, self.extraction) | made_by(self.model, settings)
            write_record(out, facts)
        return replace(motion, sound=outputs[0].sound)

    def preview(self, job: Job) -> Motion:
        """Write, in place of the animation, what was found on photo and motion; return the motion. Raises InputError as `animate` does."""
        check_output(job.out, *job.inputs)
        with only_writer(Path(job.out), folder=is_folder(job.out)):
            person, motion = self.load(job, frames=True)
            return replace(motion, sound=preview(person, motion, job.out))
