import numpy as np
import pytest
from PIL import Image

from densepose_cache.core.errors import InputError
from densepose_cache.iuv import read_iuv_png, write_iuv_png
from densepose_cache.rendered.figure.chart import chart_mesh
from densepose_cache.rendered.fitting.align import Aligner
from densepose_cache.rendered.fitting.compare import AlignedMap, clip_folders, draw, error_table, pixel_pairs
from densepose_cache.rendered.fitting.fit_chart import KNOTS, START, TWINS, fit_table, samples_of, source, start_table, with_twins
from densepose_cache.rendered.render import RenderedClip, clip_generator


def align(iuv, sex):
    aligner = Aligner(chart_mesh(), sex, len(iuv), np.random.default_rng(0))
    return AlignedMap(iuv, aligner.align(iuv), sex)


def test_the_body_finds_the_pose_of_a_rendered_map(tmp_path):
    clip = RenderedClip(clip_generator(0, "train", 3), size=128, frames=3, fps=5, motion="arms")
    write_iuv_png(tmp_path / "map.png", clip.render(1).iuv)
    found = align(read_iuv_png(tmp_path / "map.png"), int(clip.figure.looks.sex == "woman"))
    pairs = pixel_pairs([found], chart_mesh())
    assert (pairs.part == pairs.rendered_part).mean() > 0.9
    table = error_table(pairs)
    assert table.u_error.mean() < 8
    assert table.v_error.mean() < 12
    picture = draw([found], chart_mesh())
    assert isinstance(picture, Image.Image)
    assert picture.size == (128, 256)


def test_the_chart_is_close_to_real_maps(test_data):
    folder = test_data / "data/ubc_sample/fashion/1/dp_target"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    aligned = [align(read_iuv_png(folder / f"frame{k}_IUV.png"), 1) for k in (0, 200)]
    pairs = pixel_pairs(aligned, chart_mesh())
    assert (pairs.part == pairs.rendered_part).mean() > 0.85
    table = error_table(pairs[pairs.part.isin((1, 2, 7, 8, 9, 10, 13, 14, 15, 16, 23, 24))])
    assert table.u_error.mean() < 9
    assert table.v_error.mean() < 10


def test_a_folder_without_maps_is_named(tmp_path):
    with pytest.raises(InputError, match="dp_target"):
        clip_folders(tmp_path)


def test_a_fitted_table_follows_the_samples_and_keeps_its_plane_elsewhere():
    rng = np.random.default_rng(0)
    p, q = rng.random(20000) * 0.5, rng.random(20000)
    u, v = 20 + 180 * p, 200 - 100 * q
    fitted = fit_table(2, np.column_stack([p, q, u, v]))
    grid = np.linspace(0, 1, KNOTS)
    np.testing.assert_allclose(fitted[0][:3], np.repeat(20 + 180 * grid[:3, None], KNOTS, 1), atol=6)
    np.testing.assert_allclose(fitted[1][:3], np.repeat(200 - 100 * grid[None], 3, 0), atol=6)
    assert (np.diff(fitted[0], axis=0) > 0).all()


def test_tables_are_written_as_a_module(tmp_path):
    tables = with_twins({part: start_table(part) for part in START})
    names = {}
    exec(source(tables), names)
    assert sorted(names["TABLES"]) == list(range(1, 25))
    for right, (left, mirrored) in TWINS.items():
        u, other = np.array(names["TABLES"][right][0]), np.array(names["TABLES"][left][0])
        np.testing.assert_allclose(other, 255 - u if mirrored else u, atol=1)


def test_twins_share_their_samples():
    import pandas as pd

    pairs = pd.DataFrame({"part": [3, 4, 4], "rendered_part": [3, 4, 3], "p": 0.5, "q": 0.5, "u": [100, 155, 0], "v": [7, 8, 9]})
    np.testing.assert_array_equal(samples_of(3, pairs), [[0.5, 0.5, 100, 7], [0.5, 0.5, 100, 8]])
