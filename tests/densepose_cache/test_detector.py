"""The detectron2 backend: a real DensePose R-CNN with random weights on real or rendered frames."""

import importlib.util
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from natsort import natsorted
from PIL import Image
from small_cache import SIZE, body_maps, write_source, write_tables

from densepose_cache.clips import read_table
from densepose_cache.config import DensePoseSettings, VideoSettings
from densepose_cache.decode import decode_shard
from densepose_cache.densepose.backend import ClipFrames
from densepose_cache.densepose.detector import Detector, Network, instance_map
from densepose_cache.densepose.models import MODELS, load_model, model_config
from densepose_cache.densepose.person import follow
from densepose_cache.densepose.stage import densepose_shard
from densepose_cache.errors import InputError
from densepose_cache.shards import bucket, shard_name

MODEL = "densepose_rcnn_R_50_FPN_s1x"
HERE = all(importlib.util.find_spec(name) for name in ("detectron2", "densepose"))
needs_detectron2 = [pytest.mark.detectron2, pytest.mark.skipif(not HERE, reason="detectron2 and its DensePose project are not installed")]


def settings(weights, **keys):
    """Settings of the small model of the fixture `checkpoint`, or of the published one where no such file lies beside the weights."""
    small = weights.with_name("small.yaml")
    return DensePoseSettings(
        backend="detectron2", model=str(small) if small.is_file() else MODEL, weights=str(weights), device="cpu", **keys
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint with random weights, damped so that activations stay small, whose head finds people with scores around one half.

    Beside it the configuration `small.yaml`: the published model, but frames at 256 pixels 100 proposals and at most three people.
    """
    import torch
    from detectron2.modeling import build_model

    folder = tmp_path_factory.mktemp("weights")
    cfg = model_config(MODEL, 0.05, "cpu").clone()
    cfg.defrost()
    cfg.INPUT.MIN_SIZE_TEST = 256
    cfg.MODEL.RPN.POST_NMS_TOPK_TEST = 100
    cfg.TEST.DETECTIONS_PER_IMAGE = 3
    (folder / "small.yaml").write_text(cfg.dump())
    torch.manual_seed(0)
    model = build_model(cfg)
    with torch.no_grad():
        for name, parameter in model.backbone.bottom_up.named_parameters():
            if name.endswith("conv3.weight"):
                parameter.mul_(0.2)
        model.roi_heads.box_predictor.cls_score.bias[0] = 4.0
        for parameter in model.roi_heads.densepose_predictor.parameters():
            parameter.normal_(std=0.05)
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    return folder / "model.pth"


@pytest.fixture(scope="module")
def frames(test_data):
    """Three real frames (3, 256, 256, 3) uint8."""
    files = natsorted((test_data / "data/ubc_sample/fashion/1/target").iterdir(), key=lambda path: path.name)
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in files[:3]])


@pytest.fixture(scope="module")
def network(checkpoint):
    return Network(settings(checkpoint, score=0.05), checkpoint.parent)


@pytest.mark.skipif(HERE, reason="detectron2 and its DensePose project are installed")
def test_missing_package_says_how_to_install_it():
    with pytest.raises(InputError, match=r"detectron2.*pip install.*precomputed"):
        model_config(MODEL, 0.7, "cpu")


def test_missing_weights_say_how_to_get_them(tmp_path):
    row = SimpleNamespace(clip="anna")
    with pytest.raises(InputError, match=r"model_final_162be9\.pkl.*densepose-cache fetch"):
        Detector(DensePoseSettings(backend="detectron2"), tmp_path).fingerprint(row)
    with pytest.raises(InputError, match=r"mine\.pth: no such checkpoint"):
        Detector(settings(tmp_path / "mine.pth"), tmp_path).fingerprint(row)


def test_fingerprint_follows_weights_and_threshold(tmp_path):
    row = SimpleNamespace(clip="anna")
    path = tmp_path / "model.pth"
    path.write_bytes(b"one")
    first = Detector(settings(path), tmp_path).fingerprint(row)
    assert first == Detector(settings(path, batch=3), tmp_path).fingerprint(row)
    assert first != Detector(settings(path, score=0.5), tmp_path).fingerprint(row)
    path.write_bytes(b"two")
    assert first != Detector(settings(path), tmp_path).fingerprint(row)


class TestWithDetectron2:
    pytestmark = needs_detectron2

    def test_unknown_model_and_wrong_checkpoints(self, checkpoint, tmp_path):
        import torch

        with pytest.raises(InputError, match=r"nothing_like_it.*known"):
            model_config("nothing_like_it", 0.7, "cpu")
        bad = tmp_path / "bad.pkl"
        bad.write_bytes(b"no pickle")
        with pytest.raises(InputError, match=r"bad\.pkl: cannot be read"):
            load_model(model_config(MODEL, 0.7, "cpu"), bad)
        state = torch.load(checkpoint)["model"]
        torch.save({"model": {key: value for key, value in state.items() if "densepose" not in key}}, tmp_path / "part.pth")
        with pytest.raises(InputError, match=r"part\.pth: is the checkpoint of another model.*densepose"):
            load_model(model_config(MODEL, 0.7, "cpu"), tmp_path / "part.pth")

    @pytest.mark.parametrize("model", list(MODELS))
    def test_every_named_model_builds(self, model):
        from detectron2.modeling import build_model

        network = build_model(model_config(model, 0.7, "cpu"))
        assert network.roi_heads.densepose_predictor is not None

    def test_frames_in_a_batch_equal_detectron2s_own_predictor(self, network, checkpoint, frames):
        import torch
        from detectron2.engine import DefaultPredictor

        cfg = model_config(str(checkpoint.with_name("small.yaml")), 0.05, "cpu").clone()
        cfg.defrost()
        cfg.MODEL.WEIGHTS = str(checkpoint)
        predictor = DefaultPredictor(cfg)
        ours = network(frames[:2])
        for frame, found in zip(frames, ours, strict=False):
            wanted = predictor(frame[..., ::-1])["instances"]
            assert len(found) == len(wanted) > 1
            assert torch.allclose(found.pred_boxes.tensor, wanted.pred_boxes.tensor, atol=1e-2)
            assert torch.allclose(found.scores, wanted.scores, atol=1e-4)
            assert torch.allclose(found.pred_densepose.u, wanted.pred_densepose.u, atol=1e-3)

    def test_map_equals_a_computation_by_hand(self, network, frames):
        import torch.nn.functional as F

        instances = network(frames[:1])[0]
        for number in range(min(len(instances), 4)):
            one = instances[number]
            left, top, right, bottom = one.pred_boxes.tensor[0].tolist()
            x, y, w, h = int(left), int(top), max(int(right - left), 1), max(int(bottom - top), 1)
            head = one.pred_densepose
            fine, coarse, u, v = (
                F.interpolate(getattr(head, name), (h, w), mode="bilinear", align_corners=False)[0].numpy()
                for name in ("fine_segm", "coarse_segm", "u", "v")
            )
            part = fine.argmax(0) * (coarse.argmax(0) > 0)
            wanted = np.zeros((256, 256, 3), np.uint8)
            box = wanted[y : y + h, x : x + w]
            for row, column in zip(*np.nonzero(part), strict=True):
                index = part[row, column]
                chart = [np.clip(np.float32(values[index, row, column]) * np.float32(255), 0, 255) for values in (u, v)]
                box[row, column] = index, *(int(value) for value in chart)
            assert np.array_equal(instance_map(one, 256, 256), wanted)

    def test_maps_follow_one_person_in_any_batch(self, checkpoint, network, frames):
        row = SimpleNamespace(clip="anna")
        clip = ClipFrames(row, frames, np.arange(3), None)
        found = {}
        for batch in (1, 2):
            detector = Detector(settings(checkpoint, score=0.05, batch=batch), checkpoint.parent)
            found[batch] = list(detector.maps(clip))
        last = None
        for time, instances in enumerate(network(frames)):
            boxes = instances.pred_boxes.tensor.numpy()
            person = follow(last, boxes, instances.scores.numpy(), 256)
            last = boxes[person]
            wanted = instance_map(instances[person], 256, 256)
            for maps in found.values():
                assert maps[time].dtype == np.uint8
                assert (maps[time][..., 0] != wanted[..., 0]).mean() < 0.001

    def test_the_stage_writes_a_shard(self, checkpoint, tmp_path):
        write_tables(tmp_path, [write_source(tmp_path / "data", "anna", "train", body_maps(0, 4)) | {"iuv": ""}])
        name = shard_name(bucket("anna", 2))
        table, out = tmp_path / "clips" / f"{name}.csv", tmp_path / "iuv" / f"{name}.h5"
        assert list(read_table(table)["iuv"]) == [""]
        decode_shard(table, tmp_path / "frames.h5", VideoSettings(size=SIZE))
        densepose_shard(table, tmp_path / "frames.h5", out, settings(checkpoint, score=0.05, batch=4))
        with h5py.File(out) as file:
            assert file["anna/iuv"].shape == (4, SIZE, SIZE, 3)
            assert file["anna/iuv"][..., 0].max() <= 24
            assert not file["anna/held"][:].all()
            assert "keypoints" not in file["anna"]
        with pytest.raises(InputError, match="clip anna: nobody was found in any of its 4 frames"):
            densepose_shard(table, tmp_path / "frames.h5", tmp_path / "none.h5", settings(checkpoint, score=1.0, batch=4))
        assert not (tmp_path / "none.h5").exists()
