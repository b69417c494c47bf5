"""The files of `dwnet export`: the step, and the inputs of a picture and a motion."""

from collections.abc import Iterator
from pathlib import Path

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import only_writer
from densepose_cache.storage.digest import file_sha256

from ...config import AnimateSettings
from ...model.checkpoint import model_file
from ..inputs import frame_size
from ..job import Job, Studio
from .files import export
from .inputs_file import write_inputs

SUFFIX = ".inputs.npz"


def write(studio: Studio, settings: AnimateSettings, kind: str, out: Path, job: Job | None) -> Iterator[str]:
    """Write the step of the studio's generator to `out` and, where there is a `job`, what it is given of it beside it, one with the ending
    `SUFFIX`; yield what is written in a line each. `kind` and errors as in `export`; raises InputError where the inputs are wrong."""
    generator, metadata = studio.loaded
    texts = (job.source, job.driving) if job else ("", "")
    size = frame_size(texts, settings.size) or metadata.get("size", 256)
    inputs = out.with_suffix(SUFFIX)
    if out == inputs or any(Path(text).absolute() == path.absolute() for text in texts if text for path in (out, inputs)):
        raise InputError(f"{out}: an input would be overwritten; name another file with --output")
    facts = {"generator": generator.settings.generator, "model_sha256": file_sha256(model_file(studio.model))}
    with only_writer(out):
        difference = export(generator, size, kind, out, facts)
        compared = "" if difference is None else f", within {difference:.1g} of PyTorch"
        yield f"{kind}, frames of {size}x{size}{compared}: {out}"
        if job:
            person, motion = studio.load(job)
            write_inputs(inputs, generator, person, motion)
            yield f"inputs of {len(motion)} frames: {inputs}"
