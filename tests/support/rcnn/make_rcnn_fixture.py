"""Makes rcnn_fixture.npz: what detectron2 finds with random weights on random frames, for tests where it is not installed.

Usage, where detectron2 and its DensePose project are installed, in tests/support: python -m rcnn.make_rcnn_fixture
"""

import pickle
import tempfile
from pathlib import Path

import numpy as np
from rcnn.random_rcnn import random_checkpoint, random_frames

PATH = Path(__file__).with_name("rcnn_fixture.npz")
MODELS = ("densepose_rcnn_R_50_FPN_s1x", "densepose_rcnn_R_50_FPN_DL_WC2M_s1x")
FRAMES = 2
FRAME_SIZE = 96
INPUT_SIZE = 150
"""No multiple of 32, so that frames are padded."""
PEOPLE = 2
"""Of a frame, whose charts and maps are kept."""
STEP = 8
"""Every so many rows and columns of the charts are kept."""


def write_checkpoint(model: str, folder: Path) -> Path:
    """A random checkpoint of `model` in the format of detectron2's model zoo."""
    path = Path(folder) / f"{model}.pkl"
    path.write_bytes(pickle.dumps({"model": random_checkpoint(model), "__author__": "random"}))
    return path


def make_fixture() -> dict[str, np.ndarray]:
    """Arrays by `{model}/{frame}/{what}`: boxes (N, 4) and scores (N,) of all people; of the first few the charts coarse (P, 2, 14, 14),
    fine, u and v (P, 25, 14, 14), thinned out, and maps (P, S, S, 3) uint8."""
    from rcnn.detectron2_reference import predict

    arrays = {}
    for model in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            found = predict(model, write_checkpoint(model, folder), random_frames(FRAMES, FRAME_SIZE), INPUT_SIZE, PEOPLE)
        for number, frame in enumerate(found):
            charts = (values[..., ::STEP, ::STEP].numpy() for values in frame.charts)
            values = (frame.boxes, frame.scores, *charts, frame.maps)
            names = ("boxes", "scores", "coarse", "fine", "u", "v", "maps")
            arrays |= {f"{model}/{number}/{name}": value for name, value in zip(names, values, strict=True)}
    return arrays


if __name__ == "__main__":
    np.savez_compressed(PATH, **make_fixture())
