"""The result beside the photo and the driving video, as a video of its own."""

from contextlib import closing
from pathlib import Path

from densepose_cache.video import VideoWriter, probe, read_frames

from ..animation.animate import Report
from ..animation.extraction import Extraction
from ..animation.job import Job
from ..animation.motion import Wanted
from ..animation.person import load_person
from ..animation.sources import load_motion
from ..inference.panels import sheet, sheet_size


def write_compared(out: Path, job: Job, extraction: Extraction, report: Report):
    """Write `out`: photo, driving video and the finished result of `job` side by side, with its sound. Raises InputError."""
    info, settings = probe(job.out), job.settings
    person = load_person(job.source, job.source_iuv, info.width, extraction)
    wanted = Wanted(info.width, settings.fps, settings.start, settings.end, frames=True)
    motion = load_motion(job.driving, job.driving_iuv, wanted, extraction)
    with closing(read_frames(job.out)) as results, VideoWriter(out, motion.fps, sheet_size(3, info.width), sound=motion.sound) as video:
        for number, (driving, times) in enumerate(zip(motion.read(), motion.repeats, strict=True)):
            for _ in range(times):
                video.write(sheet({"photo": person.image, "driving video": driving.frame, "result": next(results)}))
            report(number + 1, len(motion))
