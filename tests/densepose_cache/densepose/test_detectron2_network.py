"""DensePose R-CNN of detectron2 with random weights on real frames, against detectron2's own one-image predictor."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from natsort import natsorted
from people import SIZE, body_maps
from PIL import Image
from small_cache import write_tables
from source_folders import write_source

from densepose_cache.cache.shard import bucket, shard_name
from densepose_cache.cache.stack import Stack
from densepose_cache.clips import Clip, read_table
from densepose_cache.config import DensePoseSettings, VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backend import ClipFrames
from densepose_cache.densepose.backends.detectron2_network import Detectron2Network, load_rcnn, model_config
from densepose_cache.densepose.backends.install import missing_packages
from densepose_cache.densepose.backends.models import MODELS
from densepose_cache.densepose.detector import Detector
from densepose_cache.densepose.paste import paste_chart
from densepose_cache.densepose.person import Follower
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard

MODEL = "densepose_rcnn_R_50_FPN_s1x"
HERE = not missing_packages()


def here(test):
    """Marks a test that needs detectron2."""
    reason = "detectron2 and its DensePose project are not installed"
    return pytest.mark.detectron2(pytest.mark.skipif(not HERE, reason=reason)(test))


def settings(checkpoint, **keys):
    """Settings of the small model of the fixture `checkpoint`."""
    keys = {"score": 0.05, "input_size": 256, "device": "cpu"} | keys
    return DensePoseSettings(backend="detectron2", model=str(checkpoint.with_name("small.yaml")), weights=str(checkpoint), **keys)


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
    import torch

    return Detectron2Network(str(checkpoint.with_name("small.yaml")), checkpoint, 0.05, 256, torch.device("cpu"), None)


@pytest.fixture(scope="module")
def predictor(checkpoint):
    """detectron2's own: one picture (H, W, 3) BGR in, its instances out."""
    from detectron2.engine import DefaultPredictor

    cfg = model_config(str(checkpoint.with_name("small.yaml")), 0.05, "cpu").clone()
    cfg.defrost()
    cfg.MODEL.WEIGHTS = str(checkpoint)
    predictor = DefaultPredictor(cfg)
    return lambda frame: predictor(frame[..., ::-1])["instances"]


@pytest.mark.skipif(HERE, reason="detectron2 and its DensePose project are installed")
def test_missing_package_says_how_to_install_it():
    with pytest.raises(InputError, match=r"detectron2.*pip install.*precomputed"):
        model_config(MODEL, 0.7, "cpu")


@here
def test_unknown_model_and_wrong_checkpoints(checkpoint, tmp_path):
    import torch

    with pytest.raises(InputError, match=r"nothing_like_it.*published"):
        model_config("nothing_like_it", 0.7, "cpu")
    bad = tmp_path / "bad.pkl"
    bad.write_bytes(b"no pickle")
    with pytest.raises(InputError, match=r"bad\.pkl"):
        load_rcnn(model_config(MODEL, 0.7, "cpu"), bad)
    state = torch.load(checkpoint)["model"]
    torch.save({"model": {key: value for key, value in state.items() if "densepose" not in key}}, tmp_path / "part.pth")
    with pytest.raises(InputError, match=r"part\.pth: is the checkpoint of another model.*densepose"):
        load_rcnn(model_config(MODEL, 0.7, "cpu"), tmp_path / "part.pth")


@here
@pytest.mark.parametrize("model", list(MODELS))
def test_every_named_model_builds(model):
    from detectron2.modeling import build_model

    network = build_model(model_config(model, 0.7, "cpu"))
    assert network.roi_heads.densepose_predictor is not None


def reference_map(person):
    """IUV map of one person by detectron2's own converter."""
    from densepose.converters import ToChartResultConverter

    chart = ToChartResultConverter.convert(person.pred_densepose, person.pred_boxes)
    left, top = (int(edge) for edge in person.pred_boxes.tensor[0, :2])
    return paste_chart(chart.labels, chart.uv, left, top, 256, 256)


def differing(ours, theirs) -> set[str]:
    """Keys in which two sections, or two plain values, differ, those of training left out."""
    if not isinstance(ours, dict):
        return set() if ours == theirs else {"value"}
    return {key for key in theirs if "TRAIN" not in key and ours[key] != theirs[key]}


@here
def test_configurations_equal_detectron2s_yaml_files(tmp_path):
    """The keys that this package carries, against the project's files where its sources are at hand."""
    import densepose
    from densepose import add_densepose_config
    from detectron2.config import get_cfg

    folders = [parent / "configs" for parent in Path(densepose.__file__).parents[:2]]
    folders += [Path(folder) for folder in [os.environ.get("DENSEPOSE_CONFIGS", "")] if folder]
    folder = next((folder for folder in folders if (folder / f"{MODEL}.yaml").is_file()), None)
    if folder is None:
        pytest.skip("the DensePose project's YAML files are not here; DENSEPOSE_CONFIGS may name their folder")
    for model in MODELS:
        wanted = get_cfg()
        add_densepose_config(wanted)
        wanted.merge_from_file(str(folder / f"{model}.yaml"))
        ours = model_config(model, wanted.MODEL.ROI_HEADS.SCORE_THRESH_TEST, wanted.MODEL.DEVICE)
        for name in ("BACKBONE", "RESNETS", "FPN", "RPN", "ANCHOR_GENERATOR", "ROI_HEADS", "ROI_BOX_HEAD", "PIXEL_MEAN", "PIXEL_STD"):
            assert differing(ours.MODEL[name], wanted.MODEL[name]) == set(), (model, name)
        assert differing(ours.MODEL.ROI_DENSEPOSE_HEAD, wanted.MODEL.ROI_DENSEPOSE_HEAD) <= {"POINT_REGRESSION_WEIGHTS"}, model
        assert {key for key in wanted.INPUT if "TEST" in key and ours.INPUT[key] != wanted.INPUT[key]} == set()


@here
def test_frames_in_a_batch_equal_detectron2s_own_predictor(network, predictor, frames):
    found = network.detect([network.prepare(frame) for frame in frames])
    for chosen in (0, -1):
        numbers = [range(len(boxes))[chosen] for boxes in found.boxes]
        for frame, boxes, scores, number, iuv in zip(frames, found.boxes, found.scores, numbers, network.maps(found, numbers), strict=True):
            wanted = predictor(frame)
            assert len(boxes) == len(wanted) > 1
            assert np.allclose(boxes, wanted.pred_boxes.tensor, atol=1e-2)
            assert np.allclose(scores, wanted.scores, atol=1e-4)
            person = wanted[number]
            reference = reference_map(person)
            same = iuv[..., 0] == reference[..., 0]
            assert same.mean() >= 0.999
            assert reference[..., 0].any()
            assert np.abs(iuv.astype(int) - reference)[same].max() <= 1


@here
def test_nobody_chosen_gives_no_map(network, frames):
    found = network.detect([network.prepare(frame) for frame in frames[:2]])
    first, second = network.maps(found, [None, 0])
    assert first is None
    assert second.shape == (256, 256, 3)


@here
def test_half_precision_finds_the_same_people(checkpoint, network, frames):
    import torch

    half = Detectron2Network(str(checkpoint.with_name("small.yaml")), checkpoint, 0.05, 256, torch.device("cpu"), torch.bfloat16)
    found, wanted = (each.detect([each.prepare(frame) for frame in frames[:1]]) for each in (half, network))
    assert np.allclose(found.scores[0][0], wanted.scores[0][0], atol=0.02)
    assert half.maps(found, [0])[0].any()


@here
def test_maps_follow_one_person_in_any_batch(checkpoint, predictor, frames):
    clip = ClipFrames(Clip("anna", Path("anna.mp4")), frames, np.arange(3), None)
    found = {}
    for batch in (1, 2):
        found[batch] = list(Detector(settings(checkpoint, batch=batch), checkpoint.parent).maps(clip))
    follower = Follower(256)
    for time, frame in enumerate(frames):
        instances = predictor(frame)
        choice = follower.choose(instances.pred_boxes.tensor.numpy(), instances.scores.numpy())
        person = instances[choice.person]
        wanted = reference_map(person)
        for maps in found.values():
            assert maps[time].people == choice.people
            assert maps[time].score == pytest.approx(float(instances.scores[choice.person]), abs=1e-4)
            assert maps[time].iuv.dtype == np.uint8
            assert (maps[time].iuv[..., 0] != wanted[..., 0]).mean() < 0.001


@here
def test_the_stage_writes_a_shard(checkpoint, tmp_path):
    write_tables(tmp_path, [write_source(tmp_path / "data", "anna", "train", body_maps(0, 4)) | {"iuv": ""}])
    name = shard_name(bucket("anna", 2))
    table, out = tmp_path / "clips" / f"{name}.csv", tmp_path / "iuv" / f"{name}.h5"
    assert list(read_table(table)["iuv"]) == [""]
    decode_shard(table, tmp_path / "frames.h5", VideoSettings(size=SIZE))
    densepose_shard(table, tmp_path / "frames.h5", out, settings(checkpoint, batch=4))
    with h5py.File(out) as file:
        assert file["anna/iuv"].shape == (4, SIZE, SIZE, 3)
        assert Stack(file["anna/iuv"])[:][..., 0].max() <= 24
        assert not file["anna/held"][:].all()
        assert "keypoints" not in file["anna"]
    with pytest.raises(InputError, match="clip anna: nobody was found in any of its 4 frames"):
        densepose_shard(table, tmp_path / "frames.h5", tmp_path / "none.h5", settings(checkpoint, score=1.0, batch=4))
    assert not (tmp_path / "none.h5").exists()
