import numpy as np
import pytest
from PIL import Image

from densepose_cache.core.errors import InputError
from densepose_cache.densepose.person import Follower
from densepose_cache.exchange.pictures import Pictures
from densepose_cache.iuv import write_iuv_png

HEIGHT, WIDTH = 40, 60


def body(left: int, top: int, width: int, height: int, part: int) -> np.ndarray:
    """A map with one rectangular person."""
    iuv = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    iuv[top : top + height, left : left + width] = part, 0, 200
    return iuv


def write_people(folder, name: str, *people: np.ndarray):
    """What DensePose's Caffe2 tool writes of `people`, by rising score: the first one keeps a pixel, and has the number 0."""
    merged, numbers = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, iuv in enumerate(people):
        merged[merged == 0] = iuv[merged == 0]
        numbers[numbers == 0] = ((iuv[..., 0] > 0) * number)[numbers == 0]
    folder.mkdir(exist_ok=True)
    write_iuv_png(folder / f"{name}_IUV.png", merged)
    Image.fromarray(numbers).save(folder / f"{name}_INDS.png")


def follow(pictures: Pictures):
    follower = Follower(1)
    return [pictures.frame_map(number, HEIGHT, WIDTH, follower) for number in range(len(pictures.names))]


def test_maps_of_one_person_in_natural_order(tmp_path):
    for time in (0, 2, 10):
        write_iuv_png(tmp_path / f"f{time}_IUV.png", body(time, 5, 8, 20, 1 + time), "IUV")
    write_iuv_png(tmp_path / "f3_IUV.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8), "IUV")
    pictures = Pictures(tmp_path)
    assert pictures.names == ["f0", "f2", "f3", "f10"] and pictures.order == "IUV"
    found = follow(pictures)
    assert [each.people for each in found] == [1, 1, 0, 1] and found[2].iuv is None
    assert all(np.array_equal(found[k].iuv, body(time, 5, 8, 20, 1 + time)) for k, time in ((0, 0), (1, 2), (3, 10)))


def test_the_least_certain_person_has_the_number_of_the_background(tmp_path):
    """A person alone is numbered 0 everywhere."""
    write_people(tmp_path, "a", body(10, 5, 20, 30, 3))
    found = follow(Pictures(tmp_path, people=True))
    assert np.array_equal(found[0].iuv, body(10, 5, 20, 30, 3)) and found[0].people == 1


def test_one_person_is_followed_though_the_numbers_change(tmp_path):
    """The large person stays while a small one walks by; scores, and with them the numbers, swap on every frame."""
    for time in range(8):
        people = [body(20, 2, 14, 34, 2), body(4 + time, 10, 6, 20, 5)]
        write_people(tmp_path, f"f{time}", *people[:: 1 if time % 2 else -1])
    write_people(tmp_path, "f8", body(20, 2, 14, 34, 2))
    found = follow(Pictures(tmp_path, people=True))
    assert [each.people for each in found] == [2] * 8 + [1]
    assert all(np.array_equal(each.iuv, body(20, 2, 14, 34, 2)) for each in found)


def test_a_frame_with_nobody(tmp_path):
    write_people(tmp_path, "f0")
    found = follow(Pictures(tmp_path, order="VUI", people=True))
    assert found[0].iuv is None and found[0].people == 0


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no IUV pictures \(\*_IUV\.png\)"):
        Pictures(tmp_path)
    write_people(tmp_path, "a", body(10, 5, 20, 30, 3))
    write_people(tmp_path, "b", body(10, 5, 20, 30, 3))
    with pytest.raises(InputError, match=r"a_IUV\.png: is 60x40 but the frames are 64x48 pixels"):
        Pictures(tmp_path).frame_map(0, 48, 64, Follower(1))
    Image.fromarray(np.zeros((HEIGHT, WIDTH + 1), np.uint8)).save(tmp_path / "a_INDS.png")
    with pytest.raises(InputError, match=r"a_INDS\.png: is 61x40"):
        follow(Pictures(tmp_path, people=True))
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / "a_INDS.png")
    with pytest.raises(InputError, match=r"a_INDS\.png: person numbers are one 8-bit channel"):
        follow(Pictures(tmp_path, people=True))
    (tmp_path / "a_INDS.png").write_text("no picture")
    with pytest.raises(InputError, match=r"a_INDS\.png: cannot be read as a picture"):
        follow(Pictures(tmp_path, people=True))
    (tmp_path / "b_INDS.png").unlink()
    with pytest.raises(InputError, match=r"b_INDS\.png: missing, but b_IUV\.png is there; .* --format iuv-png"):
        Pictures(tmp_path, people=True)


def test_people_of_a_real_picture(test_data):
    """DensePose's own demo picture: 13 people, some of them in the distance, most of them overlapping others."""
    pictures = Pictures(test_data / "data/densepose_demo", people=True)
    assert pictures.names == ["demo_im"] and pictures.order == "VUI"
    found = pictures.frame_map(0, 600, 1116, Follower(1))
    merged = Pictures(test_data / "data/densepose_demo").frame_map(0, 600, 1116, Follower(1)).iuv
    kept = found.iuv[..., 0] > 0
    assert 8 <= found.people <= 13 and 0.2 < kept.sum() / (merged[..., 0] > 0).sum() < 0.4
    assert np.array_equal(found.iuv[kept], merged[kept]) and not found.iuv[~kept].any()
    assert len(np.unique(found.iuv[..., 0])) > 15, "most parts of one body"
