"""MediaPipe's pose model as a COCO keypoint detector. It runs on the CPU."""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from densepose_cache.core.errors import InputError

NAME = "mediapipe"
TASK = Path(__file__).with_name("pose_landmarker.task")
"""The pose model (full) that ships with the package; `pose_landmarker.json` beside it says where it comes from."""
COCO_LANDMARKS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""Numbers of COCO's 17 joints among the model's 33 landmarks."""
PRESENT = 0.5
"""A joint is present if the model's visibility is at least this."""
PEOPLE = 8
"""At most so many people are found in a frame. What is found of one of them does not depend on this number."""
LEAST_SIDE = 256
"""Smaller frames are enlarged to this side first: the model places joints of small pictures up to a pixel too far left and up."""


class MediaPipePose:
    """Detector over single frames, each on its own: no tracking, so the order of frames does not matter.

    Raises InputError if MediaPipe cannot use the model file `weights` or if the system's OpenGL libraries are missing.
    """

    name = NAME

    def __init__(self, weights: Path):
        self.weights = weights
        self._started = False
        with _quiet_native_log():
            self._model = _load(self.weights)

    def detect(self, frame: np.ndarray) -> np.ndarray:
        """Joints (P, 17, 3) float32 of the people in `frame` (H, W, 3) uint8 RGB."""
        import mediapipe

        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(_enlarged(frame)))
        with contextlib.nullcontext() if self._started else _quiet_native_log():
            people = self._model.detect(image).pose_landmarks
        self._started = self._started or bool(people)
        joints = np.zeros((len(people), len(COCO_LANDMARKS), 3), np.float32)
        height, width = frame.shape[:2]
        for person, marks in zip(joints, people, strict=True):
            chosen = [marks[number] for number in COCO_LANDMARKS]
            person[:] = [[mark.x * width - 0.5, mark.y * height - 0.5, mark.visibility >= PRESENT] for mark in chosen]
        return joints

    def close(self):
        """Free the model; `detect` cannot be called afterwards."""
        self._model.close()


def _enlarged(frame: np.ndarray) -> np.ndarray:
    scale = LEAST_SIDE / max(frame.shape[:2])
    if scale <= 1:
        return frame
    height, width = (round(side * scale) for side in frame.shape[:2])
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))


def _load(task: Path):
    try:
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(task)), running_mode=vision.RunningMode.IMAGE, num_poses=PEOPLE
        )
        return vision.PoseLandmarker.create_from_options(options)
    except (FileNotFoundError, RuntimeError, ValueError) as error:
        raise InputError(f"{task}: MediaPipe cannot use this pose model ({error}); install the package again") from None
    except OSError as error:
        raise InputError(
            f"MediaPipe cannot start ({error}): it needs the system libraries libGL, libEGL and libGLESv2; install them "
            "(Debian and Ubuntu: libgl1 libegl1 libgles2), or go without keypoint metrics"
        ) from None


@contextlib.contextmanager
def _quiet_native_log():
    """Keep what native code prints at start-up off the standard error stream; print it after all if an exception leaves the block."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
