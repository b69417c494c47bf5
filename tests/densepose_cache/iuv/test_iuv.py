import numpy as np
import pytest
from PIL import Image

from densepose_cache.core.errors import InputError
from densepose_cache.iuv import PART_NAMES, check_iuv, find_png_order, read_iuv_png, write_iuv_png


def random_map(seed: int, size: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    iuv = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    iuv[..., 0] = rng.integers(0, 25, (size, size))
    iuv[iuv[..., 0] == 0] = 0
    return iuv


@pytest.mark.parametrize("order", ["VUI", "IUV"])
def test_png_round_trip(tmp_path, order):
    iuv = random_map(0)
    write_iuv_png(tmp_path / "a_IUV.png", iuv, order)
    assert np.array_equal(read_iuv_png(tmp_path / "a_IUV.png", order), iuv)
    assert [path.name for path in tmp_path.iterdir()] == ["a_IUV.png"]


def test_default_order_is_opencv_of_an_iuv_array(tmp_path):
    cv2 = pytest.importorskip("cv2")
    iuv = random_map(1)
    cv2.imwrite(str(tmp_path / "a.png"), iuv)
    assert np.array_equal(read_iuv_png(tmp_path / "a.png"), iuv)


def test_part_above_24_names_file_and_value(tmp_path):
    iuv = random_map(2)
    iuv[3, 4, 0] = 31
    Image.fromarray(iuv[..., ::-1]).save(tmp_path / "bad_IUV.png")
    with pytest.raises(InputError, match=r"bad_IUV\.png: read as VUI the part index I is 31, .*neither .* no IUV map"):
        read_iuv_png(tmp_path / "bad_IUV.png")
    with pytest.raises(InputError, match="31"):
        write_iuv_png(tmp_path / "out.png", iuv)
    assert not (tmp_path / "out.png").exists()


def test_the_other_order_is_named_where_it_fits(tmp_path):
    write_iuv_png(tmp_path / "a_IUV.png", random_map(5), "IUV")
    with pytest.raises(InputError, match=r"a_IUV\.png: read as VUI .*written in order IUV, set the key densepose\.png_order, .* --order"):
        read_iuv_png(tmp_path / "a_IUV.png", "VUI")


@pytest.mark.parametrize("order", ["VUI", "IUV"])
def test_the_order_is_found(tmp_path, order):
    """Also where the first picture shows nobody, and no later picture is read than the first one that tells."""
    write_iuv_png(tmp_path / "0.png", np.zeros((4, 4, 3), np.uint8), order)
    write_iuv_png(tmp_path / "1.png", random_map(6), order)
    assert find_png_order([tmp_path / "0.png", tmp_path / "1.png", tmp_path / "not read.png"]) == order


def test_an_order_that_nothing_tells(tmp_path):
    write_iuv_png(tmp_path / "empty.png", np.zeros((4, 4, 3), np.uint8))
    assert find_png_order([tmp_path / "empty.png"]) == "VUI", "any order does"
    Image.fromarray(np.full((4, 4, 3), (3, 200, 7), np.uint8)).save(tmp_path / "both.png")
    with pytest.raises(InputError, match=r"could be in order VUI or IUV.*--order"):
        find_png_order([tmp_path / "empty.png", tmp_path / "both.png"])
    Image.fromarray(np.full((4, 4, 3), 200, np.uint8)).save(tmp_path / "photo.png")
    with pytest.raises(InputError, match=r"photo\.png: neither .* no IUV map"):
        find_png_order([tmp_path / "photo.png"])


def test_background_is_cleared_and_the_input_left_alone():
    iuv = random_map(3)
    iuv[0, 0] = 0, 7, 9
    before = iuv.copy()
    checked = check_iuv(iuv, "map")
    assert not checked[0, 0].any()
    assert np.array_equal(iuv, before)
    body = iuv[..., 0] > 0
    assert np.array_equal(checked[body], iuv[body])


@pytest.mark.parametrize("array", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)])
def test_wrong_arrays_are_refused(array):
    with pytest.raises(InputError, match="somewhere"):
        check_iuv(array, "somewhere")


def test_pictures_that_are_none(tmp_path):
    with pytest.raises(InputError, match="no such"):
        read_iuv_png(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.png"):
        read_iuv_png(tmp_path / "text.png")
    write_iuv_png(tmp_path / "whole.png", random_map(4, 64))
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.png"):
        read_iuv_png(tmp_path / "cut.png")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "grey.png")
    with pytest.raises(InputError, match=r"grey\.png.*three"):
        read_iuv_png(tmp_path / "grey.png")
    with pytest.raises(InputError, match="BGR"):
        read_iuv_png(tmp_path / "whole.png", "BGR")


def test_every_part_has_a_name():
    assert len(PART_NAMES) == len(set(PART_NAMES)) == 25
