import numpy as np
import pytest

from densepose_cache.core.coco import JOINTS
from densepose_cache.rendered.figure.motion import MOTIONS
from densepose_cache.rendered.figure.person import STYLES
from densepose_cache.rendered.render import RenderedClip, clip_generator
from densepose_cache.rendered.scene import BACKGROUNDS

SIZE = 96


def make(index=0, split="train", seed=0, frames=12, size=SIZE, **choices):
    return RenderedClip(clip_generator(seed, split, index), size=size, frames=frames, fps=6, **choices)


def rgb(index=0, split="train", seed=0):
    return make(index, split, seed).render(0).rgb


def test_the_same_seed_gives_the_same_clip():
    for first, second in zip(make(3), make(3), strict=True):
        np.testing.assert_array_equal(first.rgb, second.rgb)
        np.testing.assert_array_equal(first.iuv, second.iuv)
        np.testing.assert_array_equal(first.keypoints, second.keypoints)


def test_another_seed_split_or_index_gives_another_picture():
    pictures = [rgb(), rgb(index=1), rgb(split="test"), rgb(seed=1)]
    for k, one in enumerate(pictures):
        for other in pictures[:k]:
            assert (one != other).any(-1).mean() > 0.05


def test_no_two_people_share_their_shape_and_test_people_are_new():
    train = [make(k, frames=2).figure.looks.coefficients for k in range(8)]
    test = [make(k, "test", frames=2).figure.looks.coefficients for k in range(4)]
    everyone = np.array(train + test)
    gaps = np.linalg.norm(everyone[:, None] - everyone[None], axis=-1) + 9 * np.eye(len(everyone))
    assert gaps.min() > 0.5


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("outfit", STYLES)
def test_every_motion_in_every_outfit_gives_a_whole_person(motion, outfit):
    for t, frame in enumerate(make(5, motion=motion, outfit=outfit, frames=4)):
        parts = frame.iuv[..., 0]
        assert parts.max() <= 24
        assert not frame.iuv[parts == 0].any()
        assert {1, 2} & set(np.unique(parts)), t
        assert len(np.unique(parts)) >= 10
        assert 0.03 < frame.silhouette.mean() < 0.5
        assert (parts > 0)[frame.silhouette].mean() > 0.6
        edge = np.concatenate([frame.silhouette[0], frame.silhouette[-1], frame.silhouette[:, 0], frame.silhouette[:, -1]])
        assert not edge.any()


def test_u_and_v_use_their_range_and_are_smooth_inside_a_part():
    iuv = make(2, motion="turn", size=256).render(0).iuv.astype(int)
    assert np.ptp(iuv[..., 1]) > 200
    assert np.ptp(iuv[..., 2]) > 150
    torso = (iuv[:, :-1, 0] == 2) & (iuv[:, 1:, 0] == 2) | (iuv[:, :-1, 0] == 1) & (iuv[:, 1:, 0] == 1)
    steps = np.abs(np.diff(iuv[..., 1:], axis=1))[torso]
    assert torso.sum() > 500
    assert np.percentile(steps, 95) < 25


def test_keypoints_lie_on_the_person_and_visibility_follows_the_view():
    inside, faces = [], {}
    for index in range(3):
        clip = make(index, motion="turn", frames=16)
        for t, frame in enumerate(clip):
            column, row = frame.keypoints[:, :2].astype(int).T
            inside.append(frame.silhouette[np.clip(row, 0, SIZE - 1), np.clip(column, 0, SIZE - 1)])
            facing = float(np.cos(clip.motion.heading[t]))
            faces.setdefault(facing > 0.7, []).append(frame.keypoints[JOINTS.index("nose"), 2])
            if facing < -0.7:
                faces.setdefault("behind", []).append(frame.keypoints[JOINTS.index("nose"), 2])
    assert np.mean(inside) > 0.95
    assert np.mean(faces[True]) > 0.95
    assert np.mean(faces["behind"]) < 0.05


def test_left_keypoints_are_on_the_right_of_a_picture_of_someone_who_faces_us():
    clip = make(1, motion="turn", frames=40)
    t = int(np.argmax(np.cos(clip.motion.heading)))
    frame = clip.render(t)
    points = dict(zip(JOINTS, frame.keypoints, strict=True))
    for joint in ("shoulder", "hip", "ear"):
        assert points[f"left_{joint}"][0] > points[f"right_{joint}"][0]
    assert points["nose"][1] < points["left_hip"][1] < points["left_ankle"][1]
    left, right = (frame.iuv[..., 0] == part for part in (24, 23))
    assert np.nonzero(left)[1].mean() > np.nonzero(right)[1].mean()


def test_skirts_cover_what_densepose_does_not_see():
    shares = [
        (frame.silhouette & (frame.iuv[..., 0] == 0)).sum() / frame.silhouette.sum()
        for index in range(4)
        for frame in make(index, outfit="skirt", motion="walk", frames=3)
    ]
    assert np.mean(shares) > 0.05


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_the_background_stands_still(background):
    clip = make(4, background=background, motion="arms", frames=6)
    frames = [frame for frame in clip]
    free = ~np.any([frame.silhouette for frame in frames], axis=0)
    free[SIZE * 3 // 4 :] = False
    free[:, 1:-1] &= free[:, :-2] & free[:, 2:]
    free[1:-1] &= free[:-2] & free[2:]
    assert free.mean() > 0.3
    for frame in frames[1:]:
        assert np.abs(frame.rgb[free].astype(int) - frames[0].rgb[free]).max() <= 1


@pytest.mark.parametrize("size", [64, 512])
def test_any_size_renders_the_same_kind_of_picture(size):
    frame = make(7, size=size, frames=3).render(1)
    assert frame.rgb.shape == frame.iuv.shape == (size, size, 3)
    assert 0.03 < frame.silhouette.mean() < 0.5
