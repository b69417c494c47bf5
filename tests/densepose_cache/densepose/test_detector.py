"""What a detector's maps depend on, and what is said where its weights are missing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from densepose_cache.cache.shard import ShardWriter
from densepose_cache.clips import Clip
from densepose_cache.config import DensePoseSettings
from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backend import ClipFrames
from densepose_cache.densepose.backends.install import missing_packages
from densepose_cache.densepose.choice import choose_backend
from densepose_cache.densepose.detector import Detector
from densepose_cache.densepose.network import Detections
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.storage.reuse import kept

CLIP = Clip("anna", Path("anna.mp4"))


def settings(weights, **keys):
    return DensePoseSettings(**{"backend": "torchvision", "weights": str(weights), "device": "cpu"} | keys)


def test_missing_weights_say_how_to_get_them(tmp_path):
    with pytest.raises(InputError, match=r"model_final_162be9\.pkl.*densepose-cache fetch"):
        Detector(DensePoseSettings(backend="rcnn"), tmp_path).fingerprint(CLIP)
    with pytest.raises(InputError, match=r"mine\.pth: no such checkpoint"):
        Detector(settings(tmp_path / "mine.pth"), tmp_path).fingerprint(CLIP)


def test_auto_is_the_rcnn_where_its_weights_are(tmp_path):
    def chosen(**keys):
        return choose_backend(DensePoseSettings(**keys), tmp_path).backend

    assert chosen() == Detector(DensePoseSettings(), tmp_path).name == "embedded"
    assert chosen(weights="mine.pth") == "rcnn"
    (tmp_path / "model_final_162be9.pkl").touch()
    assert chosen() == "rcnn" and Detector(DensePoseSettings(), tmp_path).name in ("detectron2", "torchvision")
    assert all(chosen(backend=name) == name for name in ("precomputed", "rcnn", "detectron2", "torchvision", "embedded"))


def test_auto_stays_with_what_has_made_the_maps(tmp_path):
    shard, weights = tmp_path / "iuv/000.h5", tmp_path / "model_final_162be9.pkl"
    for made in ("embedded", "rcnn", "precomputed"):
        with ShardWriter(shard, "densepose", {"backend": made}):
            pass
        for there in (False, True):
            weights.unlink(missing_ok=True)
            if there:
                weights.touch()
            wanted = made if made != "precomputed" else "rcnn" if there else "embedded"
            assert choose_backend(DensePoseSettings(), tmp_path, tmp_path).backend == wanted
    assert choose_backend(DensePoseSettings(backend="embedded"), tmp_path, tmp_path).backend == "embedded"
    shard.write_bytes(b"no shard")
    assert choose_backend(DensePoseSettings(), tmp_path, tmp_path).backend == "rcnn"


def test_any_shard_says_what_has_made_the_maps(tmp_path):
    """Also where the first one is damaged or gone, and where all are, of which the writer keeps what they were."""
    shards = [tmp_path / f"iuv/{name}.h5" for name in ("000", "001", "1000")]
    (tmp_path / "model_final_162be9.pkl").touch()
    for shard in shards:
        with ShardWriter(shard, "densepose", {"backend": "embedded"}):
            pass

    def chosen():
        return choose_backend(DensePoseSettings(), tmp_path, tmp_path).backend

    shards[0].write_bytes(b"damaged")
    assert chosen() == "embedded"
    for shard in shards:
        shard.unlink()
        assert chosen() == "embedded"
    for shard in shards:
        kept(shard).unlink()
    assert chosen() == "rcnn"


def test_only_the_rcnn_needs_a_known_model(tmp_path):
    unknown = {"model": "densepose_rcnn_R_101_FPN_DL_WC1_s1x"}
    for backend in ("precomputed", "embedded"):
        assert choose_backend(DensePoseSettings(backend=backend, **unknown), tmp_path).backend == backend


def test_a_checkpoint_whose_digest_is_not_known_is_not_fetched(tmp_path):
    with pytest.raises(InputError, match=r"R_101_FPN_DL_WC1_s1x is not known.*download https://.*model_final_f359f3\.pkl yourself"):
        Detector(DensePoseSettings(model="densepose_rcnn_R_101_FPN_DL_WC1_s1x"), tmp_path).fingerprint(CLIP)
    with pytest.raises(InputError, match=r"'mine': give the path of its checkpoint"):
        Detector(DensePoseSettings(model="mine"), tmp_path).fingerprint(CLIP)


def test_fingerprint_follows_what_changes_the_maps_and_nothing_else(tmp_path):
    path = tmp_path / "model.pth"
    path.write_bytes(b"one")
    first = Detector(settings(path), tmp_path).fingerprint(CLIP)
    assert first == Detector(settings(path, batch=3, backend="auto"), tmp_path).fingerprint(CLIP)
    assert first != Detector(settings(path, score=0.5), tmp_path).fingerprint(CLIP)
    assert first != Detector(settings(path, input_size=512), tmp_path).fingerprint(CLIP)
    assert first != Detector(settings(path, precision="bf16"), tmp_path).fingerprint(CLIP)
    path.write_bytes(b"two")
    assert first != Detector(settings(path), tmp_path).fingerprint(CLIP)


def test_the_embedded_network_needs_no_weights_and_follows_a_rendered_person(tmp_path):
    clip = list(RenderedClip(np.random.default_rng(3), size=128, frames=3, fps=5, motion="walk", background="plain"))
    frames = np.stack([frame.rgb for frame in clip])
    detector = Detector(DensePoseSettings(backend="embedded", device="cpu", batch=2), tmp_path)
    assert detector.fingerprint(CLIP) != Detector(DensePoseSettings(backend="embedded", score=0.5), tmp_path).fingerprint(CLIP)
    found = list(detector.maps(ClipFrames(CLIP, frames, np.arange(3), None)))
    for one, frame in zip(found, clip, strict=True):
        body, wanted = one.iuv[..., 0] > 0, frame.iuv[..., 0] > 0
        assert (body & wanted).sum() > 0.5 * (body | wanted).sum()
        assert one.people == 1 and 0.7 <= one.score <= 1


def test_smooth_crops_change_the_maps_and_do_not_depend_on_the_batch(tmp_path):
    frames = np.stack(
        [frame.rgb for frame in RenderedClip(np.random.default_rng(3), size=128, frames=5, fps=5, motion="walk", background="plain")]
    )

    def maps(**keys):
        detector = Detector(DensePoseSettings(backend="embedded", device="cpu", **keys), tmp_path)
        return detector.fingerprint(CLIP), np.stack([found.iuv for found in detector.maps(ClipFrames(CLIP, frames, np.arange(5), None))])

    (plain, rough), (other, one), (_, two) = maps(batch=5), maps(batch=5, smooth=True), maps(batch=2, smooth=True)
    assert plain != other and np.array_equal(rough[0], one[0]) and (rough[3] != one[3]).any()
    assert (one != two).any(-1).mean() < 0.005


class SmallMemory:
    """A network that finds as many people as a frame's number says, and has room for `room` frames."""

    def __init__(self, room):
        self.room, self.batches = room, []

    def prepare(self, frame):
        return int(frame[0, 0, 0])

    def detect(self, prepared):
        self.batches.append(len(prepared))
        if len(prepared) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB. And more")
        boxes = [np.array([[30.0 * person, 0, 30.0 * person + 20, 60] for person in range(people)]).reshape(-1, 4) for people in prepared]
        return Detections(boxes, [np.linspace(0.9, 0.8, people) for people in prepared], None)

    def maps(self, found, people):
        for person in people:
            iuv = np.zeros((64, 64, 3), np.uint8)
            iuv[..., 0] = 0 if person is None else 1 + person
            yield iuv


def followed(room, tmp_path, batch=8):
    frames = np.zeros((20, 64, 64, 3), np.uint8)
    frames[:, 0, 0, 0] = [1, 2, 0, 2, 1] * 4
    detector = Detector(DensePoseSettings(backend="embedded", device="cpu", batch=batch), tmp_path)
    detector._network = network = SmallMemory(room)
    return list(detector.maps(ClipFrames(CLIP, frames, np.arange(20), None))), network.batches


def test_where_the_memory_is_too_small_fewer_frames_at_once_give_the_same_maps(tmp_path, caplog):
    wanted, batches = followed(8, tmp_path)
    assert batches == [8, 8, 4]
    found, batches = followed(3, tmp_path)
    assert batches == [8, 4, 2, 2, 2, 2] + [2] * 6 and caplog.text.count("too small for") == 2
    for one, other in zip(found, wanted, strict=True):
        assert (one.score, one.people, one.near_tie) == (other.score, other.people, other.near_tie)
        assert np.array_equal(one.iuv, other.iuv)
    with pytest.raises(InputError, match=r"too small for a single frame \(CUDA out of memory\); lower densepose\.input_size"):
        followed(0, tmp_path)


def test_rcnn_takes_detectron2_where_it_is_installed(tmp_path):
    assert Detector(DensePoseSettings(backend="rcnn"), tmp_path).name == ("torchvision" if missing_packages() else "detectron2")
    assert Detector(settings(tmp_path), tmp_path).name == "torchvision"
