"""What a detector's maps depend on, and what is said where its weights are missing."""

from types import SimpleNamespace

import numpy as np
import pytest

from densepose_cache.config import DensePoseSettings
from densepose_cache.densepose.backend import ClipFrames
from densepose_cache.densepose.detector import Detector
from densepose_cache.densepose.install import missing_packages
from densepose_cache.errors import InputError
from densepose_cache.sample.render import Clip

ROW = SimpleNamespace(clip="anna")


def settings(weights, **keys):
    return DensePoseSettings(**{"backend": "torchvision", "weights": str(weights), "device": "cpu"} | keys)


def test_missing_weights_say_how_to_get_them(tmp_path):
    with pytest.raises(InputError, match=r"model_final_162be9\.pkl.*densepose-cache fetch"):
        Detector(DensePoseSettings(), tmp_path).fingerprint(ROW)
    with pytest.raises(InputError, match=r"mine\.pth: no such checkpoint"):
        Detector(settings(tmp_path / "mine.pth"), tmp_path).fingerprint(ROW)


def test_a_checkpoint_whose_digest_is_not_known_is_not_fetched(tmp_path):
    with pytest.raises(InputError, match=r"R_101_FPN_DL_WC1_s1x is not known.*download https://.*model_final_f359f3\.pkl yourself"):
        Detector(DensePoseSettings(model="densepose_rcnn_R_101_FPN_DL_WC1_s1x"), tmp_path).fingerprint(ROW)
    with pytest.raises(InputError, match=r"'mine': give the path of its checkpoint"):
        Detector(DensePoseSettings(model="mine"), tmp_path).fingerprint(ROW)


def test_fingerprint_follows_what_changes_the_maps_and_nothing_else(tmp_path):
    path = tmp_path / "model.pth"
    path.write_bytes(b"one")
    first = Detector(settings(path), tmp_path).fingerprint(ROW)
    assert first == Detector(settings(path, batch=3, backend="auto"), tmp_path).fingerprint(ROW)
    assert first != Detector(settings(path, score=0.5), tmp_path).fingerprint(ROW)
    assert first != Detector(settings(path, input_size=512), tmp_path).fingerprint(ROW)
    assert first != Detector(settings(path, precision="bf16"), tmp_path).fingerprint(ROW)
    path.write_bytes(b"two")
    assert first != Detector(settings(path), tmp_path).fingerprint(ROW)


def test_the_embedded_network_needs_no_weights_and_follows_a_rendered_person(tmp_path):
    clip = list(Clip(np.random.default_rng(3), size=128, frames=3, fps=5, motion="walk", background="plain"))
    frames = np.stack([frame.rgb for frame in clip])
    detector = Detector(DensePoseSettings(backend="embedded", device="cpu", batch=2), tmp_path)
    assert detector.fingerprint(ROW) != Detector(DensePoseSettings(backend="embedded", score=0.5), tmp_path).fingerprint(ROW)
    found = list(detector.maps(ClipFrames(ROW, frames, np.arange(3), None)))
    for one, frame in zip(found, clip, strict=True):
        body, wanted = one.iuv[..., 0] > 0, frame.iuv[..., 0] > 0
        assert (body & wanted).sum() > 0.5 * (body | wanted).sum()
        assert one.people == 1 and 0.7 <= one.score <= 1


def test_auto_takes_detectron2_where_it_is_installed(tmp_path):
    assert Detector(DensePoseSettings(), tmp_path).name == ("torchvision" if missing_packages() else "detectron2")
    assert Detector(settings(tmp_path), tmp_path).name == "torchvision"
