"""Keypoint detectors: what ships, and whether joints are where they are."""

import contextlib
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models.detection import keypointrcnn_resnet50_fpn

from densepose_cache.core.coco import JOINTS
from densepose_cache.core.errors import InputError
from densepose_cache.iuv import read_iuv_png
from densepose_cache.storage.digest import file_sha256
from dwnet.evaluation.keypoints import mediapipe_pose
from dwnet.evaluation.keypoints.keypoint_rcnn import KeypointRcnn, joints_of
from dwnet.evaluation.keypoints.mediapipe_pose import TASK, MediaPipePose

LEFT = {"left_elbow": (15, 17, 19, 21), "left_wrist": (4, 19, 21), "left_knee": (8, 10, 12, 14), "left_ankle": (5, 12, 14)}
RIGHT = {"right_elbow": (16, 18, 20, 22), "right_wrist": (3, 20, 22), "right_knee": (7, 9, 11, 13), "right_ankle": (6, 11, 13)}


@pytest.fixture(scope="module")
def pose():
    try:
        detector = MediaPipePose(TASK)
    except InputError as error:
        pytest.skip(str(error))
    yield detector
    detector.close()


def test_the_shipped_model_is_that_of_its_record():
    record = json.loads(TASK.with_suffix(".json").read_text())
    assert file_sha256(TASK) == record["sha256"] == "6a89a1b81e5c62fb7cb58df10888679d10cb029167886b6f4e5a6528256624cc"
    assert record["package"] == "mediapipe==0.10.21" and "Apache-2.0" in record["licence"]


def test_joints_lie_on_the_right_body_parts(pose, test_data):
    clip = test_data / "data" / "ubc_sample" / "fashion" / "1"
    frame = np.asarray(Image.open(clip / "target" / "frame0.png").convert("RGB"))
    parts = read_iuv_png(clip / "dp_target" / "frame0_IUV.png")[..., 0]
    (joints,) = pose.detect(frame)
    assert joints.shape == (17, 3) and joints.dtype == np.float32 and set(np.unique(joints[:, 2])) <= {0.0, 1.0}
    assert joints[:, 2].sum() >= 15
    radius = frame.shape[0] // 20
    for name, wanted in (LEFT | RIGHT | {"nose": (23, 24)}).items():
        x, y, present = joints[JOINTS.index(name)]
        near = parts[max(0, int(y) - radius) : int(y) + radius, max(0, int(x) - radius) : int(x) + radius]
        assert not present or np.isin(near, wanted).any(), name


def test_an_empty_frame_has_no_joints(pose):
    assert pose.detect(np.full((128, 128, 3), 255, np.uint8)).shape == (0, 17, 3)


@pytest.mark.parametrize("kind", ["fashion", "taichi"])
def test_one_person_is_found_as_if_only_one_were_asked_for(pose, test_data, monkeypatch, kind):
    monkeypatch.setattr(mediapipe_pose, "PEOPLE", 1)
    files = sorted((test_data / "data" / "ubc_sample" / kind / "1" / "target").glob("*.png"))
    with contextlib.closing(MediaPipePose(TASK)) as single:
        for path in files[:: len(files) // 4]:
            frame = np.asarray(Image.open(path).convert("RGB"))
            (wanted,) = single.detect(frame)
            np.testing.assert_array_equal(pose.detect(frame), [wanted])
            pair = np.concatenate([frame, frame[:, ::-1]], 1)
            found = pose.detect(pair)
            assert len(found) == 2
            np.testing.assert_array_equal(found[:1], single.detect(pair))


def test_the_order_of_frames_does_not_matter(pose, test_data):
    folder = test_data / "data" / "ubc_sample" / "taichi" / "1" / "target"
    files = sorted(folder.glob("*.png"))
    frames = [np.asarray(Image.open(path).convert("RGB")) for path in (files[0], files[-1])]
    first = pose.detect(frames[0])
    pose.detect(frames[1])
    np.testing.assert_array_equal(pose.detect(frames[0]), first)


def test_a_broken_or_missing_model_is_named(tmp_path):
    (tmp_path / "broken.task").write_bytes(b"no model")
    for name in ("broken.task", "missing.task"):
        with pytest.raises(InputError, match=rf"{name}: MediaPipe cannot use this pose model .*; install the package again"):
            MediaPipePose(tmp_path / name)


def test_sure_people_and_sure_joints_are_taken_the_surest_person_first():
    keypoints = torch.zeros(3, 17, 3)
    keypoints[1, :, 0], keypoints[1, :, 1] = torch.arange(17) + 0.5, 20.5
    scores = torch.full((3, 17), 5.0)
    scores[1, 3] = 1.0
    people = joints_of({"scores": torch.tensor([0.8, 0.9, 0.6]), "keypoints": keypoints, "keypoints_scores": scores})
    assert people.shape == (2, 17, 3) and people.dtype == np.float32
    np.testing.assert_array_equal(people[1], np.tile(np.float32([-0.5, -0.5, 1]), (17, 1)))
    joints = people[0]
    np.testing.assert_allclose(joints[:, 0], np.arange(17))
    np.testing.assert_allclose(joints[:, 1], 20)
    assert joints[:, 2].tolist() == [1, 1, 1, 0] + [1] * 13
    assert not len(joints_of({"scores": torch.tensor([0.3]), "keypoints": keypoints[:1], "keypoints_scores": scores[:1]}))
    assert not len(joints_of({"scores": torch.zeros(0), "keypoints": keypoints[:0], "keypoints_scores": scores[:0]}))


def test_keypoint_rcnn_loads_its_own_weights_and_no_others(tmp_path):
    torch.save(keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict(), tmp_path / "own.pth")
    detector = KeypointRcnn(tmp_path / "own.pth")
    detector._model.transform.min_size, detector._model.transform.max_size = (64,), 64
    detector._model.roi_heads.detections_per_img = 2
    assert detector.detect(np.zeros((64, 64, 3), np.uint8)).shape[1:] == (17, 3)
    torch.save({"backbone": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth: no weights of torchvision's keypointrcnn"):
        KeypointRcnn(tmp_path / "other.pth")
