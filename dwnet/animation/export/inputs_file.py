"""What a step is given of a picture and a motion, as an .npz that grows frame after frame.

Arrays: those that all frames share, by name (`source`, `plate`, ...); those of frame 7 as `driving_iuv/000007` and so on; `repeats` (T,)
int64, how often each of the T frames is shown; `fps` () float64.
"""

import zipfile
from pathlib import Path

import numpy as np

from densepose_cache.core.progress import track
from densepose_cache.storage.atomic import written_whole

from ...inference.driving import FreeDriving
from ...model.build import AnyGenerator
from ..motion import Motion
from ..person import Person
from ..stream import Recent
from .step import StepInputs

QUICK = 1
"""Level of zlib."""


def write_inputs(path: Path, generator: AnyGenerator, person: Person, motion: Motion):
    """Write the inputs of every frame of `motion` to the file `path`, whole or not at all. Raises what reading the motion raises."""
    maps = Recent((frame.iuv for frame in motion.read()), kept=2)
    inputs = StepInputs(generator, FreeDriving(person.image, person.iuv, maps, "lattice"))
    with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=QUICK) as file:

        def put(name: str, value: np.ndarray):
            with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, value, allow_pickle=False)

        put("fps", np.float64(motion.fps))
        put("repeats", np.asarray(motion.repeats, np.int64))
        for name, value in inputs.fixed.items():
            put(name, value.numpy())
        for number, frame in enumerate(track(inputs.frames(len(motion)), "inputs", len(motion), "frames")):
            for name, value in frame.items():
                put(f"{name}/{number:06d}", value.numpy())
