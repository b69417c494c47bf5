import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.video import ffmpeg_binary, read_frames

PAD = (10, 20, 30)


@st.composite
def geometries(draw):
    width, height = draw(st.integers(8, 120)), draw(st.integers(8, 120))
    left, top = draw(st.integers(-20, width - 1)), draw(st.integers(-20, height - 1))
    right = draw(st.integers(max(left, 0) + 1, width + 20))
    bottom = draw(st.integers(max(top, 0) + 1, height + 20))
    box = draw(st.sampled_from([None, (left, top, right, bottom)]))
    return Geometry.from_box(width, height, box, draw(st.sampled_from([16, 64, 128])))


def smooth_frame(width: int, height: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.asarray(Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC))


@settings(max_examples=60, deadline=None)
@given(geometries())
def test_json_and_square(geometry):
    assert Geometry.from_json(geometry.to_json()) == geometry
    left, top, right, bottom = geometry.box
    x, y = geometry.origin
    assert geometry.side == max(right - left, bottom - top)
    assert x <= left and y <= top and right <= x + geometry.side and bottom <= y + geometry.side
    assert abs((x + geometry.side / 2) - (left + right) / 2) <= 0.5 and abs((y + geometry.side / 2) - (top + bottom) / 2) <= 0.5


@settings(max_examples=60, deadline=None)
@given(geometries())
def test_labels_are_the_pixels_under_the_centres(geometry):
    iuv = np.random.default_rng(1).integers(1, 256, (geometry.height, geometry.width, 3), dtype=np.uint8)
    out = geometry.labels(iuv)
    assert out.shape == (geometry.size, geometry.size, 3) and out.dtype == np.uint8
    left, top, right, bottom = geometry.box
    for row, column in np.random.default_rng(2).integers(0, geometry.size, (20, 2)):
        x = int(np.floor((column + 0.5) * geometry.side / geometry.size)) + geometry.origin[0]
        y = int(np.floor((row + 0.5) * geometry.side / geometry.size)) + geometry.origin[1]
        inside = max(left, 0) <= x < min(right, geometry.width) and max(top, 0) <= y < min(bottom, geometry.height)
        assert np.array_equal(out[row, column], iuv[y, x] if inside else (0, 0, 0))


def test_labels_of_many_frames_at_once():
    geometry = Geometry.from_box(40, 30, (3, -2, 38, 29), 16)
    iuv = np.random.default_rng(1).integers(0, 256, (5, 30, 40, 3), dtype=np.uint8)
    assert np.array_equal(geometry.labels(iuv), np.stack([geometry.labels(one) for one in iuv]))


@settings(max_examples=60, deadline=None)
@given(geometries(), st.floats(0, 1), st.floats(0, 1))
def test_points_follow_the_pixels(geometry, across, down):
    x, y = across * (geometry.width - 1), down * (geometry.height - 1)
    moved = geometry.points(np.array([[x, y, 1.0]], np.float32))[0]
    scale = geometry.size / geometry.side
    assert moved[0] == pytest.approx((x + 0.5 - geometry.origin[0]) * scale - 0.5, abs=1e-3)
    assert moved[1] == pytest.approx((y + 0.5 - geometry.origin[1]) * scale - 0.5, abs=1e-3)
    inside = all(-0.5 <= value < geometry.size - 0.5 for value in moved[:2])
    assert moved[2] == (1 if inside else 0)


def test_a_point_stays_on_its_spot():
    """A bright square keeps the keypoint at its centre, in the picture as in the labels."""
    frame = np.zeros((60, 100, 3), np.uint8)
    frame[20:30, 70:80] = 255
    geometry = Geometry.from_box(100, 60, (50, 5, 90, 55), 128)
    point = geometry.points(np.array([74.5, 24.5, 1], np.float64))
    for picture in (geometry.image(frame, (0, 0, 0)), geometry.labels(frame)):
        rows, columns = np.nonzero(picture[..., 0] > 127)
        assert (columns.mean(), rows.mean()) == pytest.approx((point[0], point[1]), abs=0.5)


@pytest.mark.parametrize("size", [16, 64])
def test_identity_is_exact(size):
    geometry = Geometry.from_box(size, size, None, size)
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    points = np.stack([*rng.uniform(0, size - 1, (2, 17)), np.ones(17)], -1).astype(np.float32)
    assert geometry.identity and geometry.filters() == []
    assert np.array_equal(geometry.image(frame), frame)
    assert np.array_equal(geometry.labels(frame), frame)
    assert np.array_equal(geometry.points(points), points)
    same = Geometry.from_box(size, size, (0, 0, size, size), size)
    assert same == geometry


CASES = [
    (101, 75, None, 64),
    (40, 30, None, 64),
    (101, 75, (-7, 5, 60, 90), 64),
    (64, 64, None, 64),
    (101, 75, (3, 3, 50, 67), 64),
    (300, 211, (11, 13, 290, 200), 128),
    (31, 33, (-3, -5, 40, 50), 16),
]


@pytest.mark.parametrize(("width", "height", "box", "size"), CASES)
def test_ffmpeg_and_arrays_agree(tmp_path, width, height, box, size):
    frame = smooth_frame(width, height)
    raw = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}", "-i", "pipe:"]
    command = [ffmpeg_binary(), "-loglevel", "error", *raw, "-c:v", "ffv1", "-pix_fmt", "gbrp", str(tmp_path / "a.mkv")]
    subprocess.run(command, input=frame.tobytes(), check=True)
    geometry = Geometry.from_box(width, height, box, size)
    assert np.array_equal(next(read_frames(tmp_path / "a.mkv")), frame)
    decoded = next(read_frames(tmp_path / "a.mkv", filters=geometry.filters(PAD), size=(size, size)))
    difference = np.abs(decoded.astype(int) - geometry.image(frame, PAD))
    assert difference.max() <= (1 if geometry.side > size else 8)
    assert difference.mean() < 0.25


def test_shrinking_keeps_the_mean():
    frame = smooth_frame(150, 150)
    small = Geometry.from_box(150, 150, None, 64).image(frame)
    assert small.mean() == pytest.approx(frame.mean(), abs=0.1)


@pytest.mark.parametrize(("box", "reason"), [((5, 5, 5, 9), "is empty"), ((9, 5, 5, 9), "is empty"), ((50, 0, 60, 9), "outside")])
def test_impossible_boxes(box, reason):
    with pytest.raises(InputError, match=reason):
        Geometry.from_box(50, 40, box, 64)


def test_another_size_is_refused():
    geometry = Geometry.from_box(50, 40, None, 64)
    with pytest.raises(InputError, match="IUV map is 40x50 but 50x40"):
        geometry.labels(np.zeros((50, 40, 3), np.uint8))
    with pytest.raises(InputError, match="frame is 40x50 but 50x40"):
        geometry.image(np.zeros((50, 40, 3), np.uint8))
