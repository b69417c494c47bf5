import numpy as np
import pytest
import torch
from dump_files import KINDS, picture, quantised, random_chart, same_named_classes, write_dump

from densepose_cache.core.errors import InputError
from densepose_cache.densepose.person import Follower
from densepose_cache.exchange.dump import Dump

HEIGHT, WIDTH = 48, 64
BOX = (10.7, 4.2, 40.1, 44.9)


def pasted(chart, left: int, top: int) -> np.ndarray:
    """The chart on a frame, its first pixel at column `left`, row `top`, both within the frame."""
    iuv = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    values = quantised(*chart)
    iuv[top : top + len(values), left : left + values.shape[1]] = values
    return iuv


def read_all(path, score=0.5) -> list:
    dump, follower = Dump(path, score), Follower(1)
    return [dump.frame_map(number, HEIGHT, WIDTH, follower) for number in range(len(dump.names))]


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("kind", KINDS)
def test_results_of_all_years(tmp_path, kind, form):
    chart = random_chart(np.random.default_rng(1), BOX)
    with same_named_classes() as make:
        write_dump(tmp_path / "a.pkl", [picture(make, "/d/walk7.jpg", [BOX], [0.9], [chart], kind)], form)
    dump = Dump(tmp_path / "a.pkl", 0.5)
    assert dump.names == ["walk7"]
    found = read_all(tmp_path / "a.pkl")[0]
    assert np.array_equal(found.iuv, pasted(chart, 10, 4)), "placed at the whole numbers of the box"
    assert found.score == np.float32(0.9) and found.people == 1


def test_u_and_v_out_of_range_are_cut(tmp_path):
    labels, uv = random_chart(np.random.default_rng(2), BOX)
    uv[:, :3], uv[:, 3:6] = 1.2, -0.1
    with same_named_classes() as make:
        write_dump(tmp_path / "a.pkl", [picture(make, "a.jpg", [BOX], [0.9], [(labels, uv)])])
    iuv = read_all(tmp_path / "a.pkl")[0].iuv
    body = iuv[..., 0] > 0
    assert set(np.unique(iuv[4:7][body[4:7]][:, 1:])) == {255} and set(np.unique(iuv[7:10][body[7:10]][:, 1:])) == {0}


def test_one_person_is_followed_over_pictures_in_natural_order(tmp_path):
    """Pictures lie in the file in the order of the directory; the order of people changes, a third one is uncertain."""
    rng = np.random.default_rng(3)
    large, small = [], []
    with same_named_classes() as make:
        entries = []
        for time in range(12):
            boxes = [(20 + time, 2, 45 + time, 46), (2 + time / 2, 20, 14 + time / 2, 44), (50, 1, 62, 40)]
            charts = [random_chart(rng, box) for box in boxes]
            large.append(pasted(charts[0], 20 + time, 2))
            small.append(boxes[1])
            order = [1, 0, 2] if time % 2 else [0, 1, 2]
            scores = [0.9, 0.95, 0.3]
            rows = [[values[k] for k in order] for values in (boxes, scores, charts)]
            entries.append(picture(make, f"C:\\frames\\f{time}.jpg", *rows))
        write_dump(tmp_path / "a.pkl", [entries[k] for k in rng.permutation(12)])
    assert Dump(tmp_path / "a.pkl", 0.5).names == [f"f{time}" for time in range(12)]
    found = read_all(tmp_path / "a.pkl")
    assert all(np.array_equal(each.iuv, expected) for each, expected in zip(found, large, strict=True))
    assert [each.people for each in found] == [2] * 12


def test_pictures_without_a_person(tmp_path):
    rng = np.random.default_rng(4)
    thin = (5.0, 5.0, 5.8, 30.0)
    with same_named_classes() as make:
        entries = [
            {"file_name": "1.jpg"},
            {"file_name": "2.jpg", "scores": torch.zeros(0), "pred_boxes_XYXY": torch.zeros(0, 4), "pred_densepose": None},
            picture(make, "3.jpg"),
            picture(make, "4.jpg", [BOX], [0.4], [random_chart(rng, BOX)]),
            picture(make, "5.jpg", [thin], [0.9], [random_chart(rng, thin)]),
            picture(make, "6.jpg", [BOX], [0.9], [(torch.zeros(40, 29, dtype=torch.long), torch.zeros(2, 40, 29))]),
            picture(make, "7.jpg", [BOX], [0.9], [random_chart(rng, BOX)]),
        ]
        write_dump(tmp_path / "a.pkl", entries)
    assert [each.iuv is not None for each in read_all(tmp_path / "a.pkl")] == [False] * 6 + [True]


def broken(make, **changes) -> dict:
    return picture(make, "a.jpg", [BOX], [0.9], [random_chart(np.random.default_rng(5), BOX)], "chart") | changes


def chart_of(make, labels, uv) -> list:
    return picture(make, "a.jpg", [BOX], [0.9], [(labels, uv)], "chart")["pred_densepose"]


LABELS, UV = torch.ones(40, 29, dtype=torch.long), torch.zeros(2, 40, 29)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (lambda make: {"file_name": "a.jpg"}, "holds no detections; a list with one entry a picture"),
        (lambda make: [], "holds no detections"),
        (lambda make: [{"image": 1}], "holds no detections"),
        (lambda make: [broken(make, pred_boxes_XYXY=torch.zeros(3))], r"entry a\.jpg: pred_boxes_XYXY: is no array"),
        (lambda make: [broken(make, pred_boxes_XYXY=torch.full((1, 4), np.nan))], r"pred_boxes_XYXY: holds something else than finite"),
        (lambda make: [broken(make, pred_boxes_XYXY="box")], r"pred_boxes_XYXY: is no array"),
        (lambda make: [broken(make, scores=torch.zeros(2))], r"entry a\.jpg: scores: is no array"),
        (lambda make: [broken(make, pred_densepose=[])], r"entry a\.jpg: has 1 boxes but no list of as many results"),
        (lambda make: [broken(make, pred_densepose=["x"])], "a result is str, which holds no chart"),
        (lambda make: [broken(make, pred_densepose=[((3, 40, 29), "no PNG")])], "a chart cannot be decoded"),
        (lambda make: [broken(make, pred_densepose=[((3, 41, 29), "x", 1)])], "a chart cannot be decoded"),
        (lambda make: [broken(make, pred_densepose=chart_of(make, LABELS[1:], UV))], "a chart does not have the size of its box, 29x40"),
        (lambda make: [broken(make, pred_densepose=chart_of(make, LABELS, UV[:1]))], "a chart does not have the size of its box"),
        (lambda make: [broken(make, pred_densepose=chart_of(make, "x", UV))], "a chart does not have the size of its box"),
        (lambda make: [broken(make, pred_densepose=chart_of(make, LABELS * 25, UV))], r"a chart holds other labels than 0\.\.24"),
        (lambda make: [broken(make, pred_densepose=chart_of(make, LABELS, UV + np.nan))], "U and V that are no numbers"),
        (lambda make: [broken(make, pred_boxes_XYXY=torch.tensor([BOX]) * 3)], r"reaches to column 120, row 135, but the frames are 64x48"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, entries, reason):
    with same_named_classes() as make:
        write_dump(tmp_path / "a.pkl", entries(make))
    with pytest.raises(InputError, match=rf"a\.pkl: .*{reason}"):
        read_all(tmp_path / "a.pkl")


def test_a_box_that_ends_at_the_border(tmp_path):
    box = (30.5, 10.5, 64.4, 48.3)
    labels, uv = random_chart(np.random.default_rng(6), box)
    with same_named_classes() as make:
        write_dump(tmp_path / "a.pkl", [picture(make, "a.jpg", [box], [0.9], [(labels, uv)])])
    iuv = read_all(tmp_path / "a.pkl")[0].iuv
    assert np.array_equal(iuv[10:47, 30:63], quantised(labels, uv)) and not iuv[:, 63:].any() and not iuv[47:].any()
