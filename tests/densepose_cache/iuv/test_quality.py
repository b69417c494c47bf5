"""Figures of IUV maps: known values, and that they answer to what they name."""

import itertools

import h5py
import numpy as np
import pytest
from natsort import natsorted

from densepose_cache.iuv import read_iuv_png
from densepose_cache.iuv.degrade import degrade_iuv
from densepose_cache.iuv.maps import ClipMaps
from densepose_cache.iuv.quality import FIGURES, REFERENCE, measure
from densepose_cache.rendered.write import write_sample

SIZE = 48


def found(iuv, held=(), scores=None, people=None, near_ties=()):
    """Maps (T, S, S, 3) on which one person was found, except on the frames `held`."""
    count = len(iuv)
    number = np.arange(count)
    return ClipMaps(
        np.asarray(iuv, np.uint8),
        np.isin(number, held),
        np.full(count, np.nan, np.float32) if scores is None else np.float32(scores),
        np.ones(count, np.int32) if people is None else np.int32(people),
        np.isin(number, near_ties),
    )


def walking(frames=9, step=1, slope=3):
    """A body of two parts that moves by `step` pixels a frame; U and V are linear in its own coordinates."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    maps = np.zeros((frames, SIZE, SIZE, 3), np.uint8)
    for time in range(frames):
        across = columns - 4 - step * time
        body = (across >= 0) & (across < 24) & (rows >= 6) & (rows < 42)
        chart = np.stack([np.where(rows < 24, 2, 11), 40 + slope * across, 30 + slope * rows], -1)
        maps[time] = np.where(body[..., None], chart, 0)
    return maps


@pytest.mark.parametrize("step", [0, 1, 2])
def test_steady_motion_of_a_linear_chart_does_not_flicker(step):
    quality = measure(found(walking(step=step)))
    assert (quality.part_flicker, quality.uv_flicker) == (0, 0)
    assert quality.body_share == pytest.approx(24 * 36 / SIZE**2)


def test_counts():
    maps = found(walking(4), held=[1], scores=[0.5, np.nan, 0.7, 0.9], people=[1, 0, 3, 2], near_ties=[2])
    quality = measure(maps)
    assert quality.detection_rate == 0.75
    assert quality.mean_score == pytest.approx(0.7)
    assert (quality.people_max, quality.people_mean, quality.frames_with_several, quality.near_ties) == (3, 1.5, 2, 1)


def test_known_flips_and_jumps():
    """On one of three frames 10 pixels of 864 have another part, and 20 others U higher by 6."""
    maps = walking(3, step=0)
    maps[1, 8, 4:14, 0] = 7
    maps[1, 30, 4:24, 1] += 6
    quality = measure(found(maps))
    assert quality.part_flicker == 10 / 864
    assert quality.uv_flicker == 20 * 6 / 2 / (864 - 10)


def test_a_silhouette_that_pops_counts():
    maps = walking(3, step=0)
    maps[1, 6:10] = 0
    assert measure(found(maps)).part_flicker == pytest.approx(4 / 36)
    maps = walking(3, step=0)
    maps[1, 0:2, :10] = (3, 1, 1)
    assert measure(found(maps)).part_flicker == pytest.approx(20 / (864 + 20))


def test_flicker_grows_with_noise():
    rng = np.random.default_rng(0)
    figures = []
    for level in (0, 1, 2, 4, 8):
        maps = walking(20).astype(int)
        body = maps[..., 0] > 0
        maps[..., 1:] += np.where(body[..., None], np.rint(level * rng.normal(size=maps[..., 1:].shape)), 0).astype(int)
        swap = body & (rng.random(body.shape) < level / 100)
        maps[swap, 0] = 20
        figures.append(measure(found(maps)))
    for earlier, later in itertools.pairwise(figures):
        assert later.uv_flicker > 1.5 * earlier.uv_flicker and later.part_flicker > 1.5 * earlier.part_flicker
    expected = 8 * np.sqrt(1.5) * np.sqrt(2 / np.pi)  # mean of |x - (y + z) / 2| of normal numbers
    assert figures[-1].uv_flicker == pytest.approx(expected, rel=0.03)


def test_held_frames_are_left_out_of_flicker():
    maps = walking(9, step=2)
    maps[4] = maps[3]
    assert measure(found(maps)).uv_flicker > 0
    quality = measure(found(maps, held=[4]))
    assert (quality.part_flicker, quality.uv_flicker) == (0, 0)


def test_what_cannot_be_measured_is_none():
    for maps in (found(walking(2)), found(walking(5), held=[2])):
        quality = measure(maps)
        assert quality.part_flicker is None and quality.uv_flicker is None and quality.mean_score is None
        unknown = ("mean_score", "part_flicker", "uv_flicker")
        assert list(quality.known()) == [name for name in FIGURES if name not in unknown and not name.startswith(REFERENCE)]
    empty = measure(found(np.zeros((3, 8, 8, 3)), held=[0, 1, 2]))
    assert (empty.body_share, empty.detection_rate, empty.part_flicker) == (0, 0, None)


def test_values_are_plain_numbers():
    assert {type(value) for value in measure(found(walking(), scores=np.ones(9))).known().values()} == {int, float}


def test_defects_of_rendered_people_show(tmp_path):
    write_sample(tmp_path, train=1, test=0, size=96, frames=12, workers=1)
    with h5py.File(tmp_path / "sample-train-0000.iuv.h5") as file:
        exact = file["iuv"][:]
    rendered = measure(found(exact))
    degraded = measure(found(degrade_iuv(exact, np.random.default_rng(0))))
    assert rendered.part_flicker < 0.05 and rendered.uv_flicker < 5
    assert degraded.part_flicker > 1.2 * rendered.part_flicker


@pytest.mark.parametrize("kind", ["fashion", "taichi"])
def test_real_maps_flicker_by_a_few_levels(test_data, kind):
    files = natsorted((test_data / f"data/ubc_sample/{kind}/1/dp_target").glob("*_IUV.png"), key=lambda path: path.name)[:30]
    quality = measure(found(np.stack([read_iuv_png(path) for path in files])))
    assert 0.001 < quality.part_flicker < 0.2
    assert 0.5 < quality.uv_flicker < 20
