"""The two DensePose R-CNNs side by side: torchvision's operators and detectron2's own one-image predictor, same weights, real frames.

Random weights make a network that blows rounding up far more than a trained one, and it finds dozens of people that are none, so that now
and then an overlap or a score lies within rounding of its threshold. One box in twenty may be lost to that; all others must agree.
"""

import numpy as np
import pytest
import torch
from PIL import Image
from rcnn.detectron2_reference import SCORE, predict
from rcnn.make_rcnn_fixture import PATH, make_fixture, write_checkpoint

from densepose_cache.densepose.backends.install import missing_packages
from densepose_cache.densepose.backends.torchvision_rcnn import TorchvisionNetwork

PEOPLE = 2
FILES = ("fashion/1/target/frame0", "taichi/1/target/0000000", "fashion/1/target/frame100", "taichi/1/target/0000050")
pytestmark = [
    pytest.mark.detectron2,
    pytest.mark.skipif(bool(missing_packages()), reason="detectron2 and its DensePose project are not installed"),
]


@pytest.fixture(scope="module")
def frames(test_data):
    """Four real frames (256, 256, 3) uint8."""
    return [np.asarray(Image.open(test_data / "data/ubc_sample" / f"{name}.png").convert("RGB")) for name in FILES]


def check_people(network: TorchvisionNetwork, found, frame: int, wanted, errors: dict):
    """Compare boxes, scores, and the first people's charts and maps of one frame; add the largest differences to `errors`."""
    boxes, scores = found.boxes[frame], found.scores[frame]
    assert abs(len(boxes) - len(wanted.boxes)) <= 1 + len(wanted.boxes) // 20
    if not len(boxes) or not len(wanted.boxes):
        return
    distance = np.abs(wanted.boxes[:, None] - boxes).max(axis=-1)
    match, near = distance.argmin(axis=1), distance.min(axis=1) < 0.05
    assert (~near).sum() <= 1 + len(near) // 20
    errors["box"].append(distance.min(axis=1)[near].max())
    errors["score"].append(np.abs(scores[match] - wanted.scores)[near].max())
    for person in np.flatnonzero(near[: len(wanted.maps)]):
        ours = int(match[person])
        with torch.inference_mode():
            charts = network.model.charts(found.state.levels, [frame], found.state.boxes[frame][ours : ours + 1])
        for name, values, expected in zip(("coarse", "fine", "u", "v"), charts, wanted.charts, strict=True):
            errors[name].append((values[0] - expected[person]).abs().max().item())
        iuv = network.maps(found, [ours if number == frame else None for number in range(len(found.boxes))])[frame]
        same = iuv[..., 0] == wanted.maps[person][..., 0]
        errors["other parts"].append(1 - same.mean())
        errors["UV"].append(np.abs(iuv.astype(int) - wanted.maps[person])[same].max())


@pytest.mark.parametrize(
    ("model", "size", "batches", "count"),
    [
        ("R_50_FPN", 256, (1, 4), 4),
        ("R_101_FPN_DL_WC2M", 256, (2,), 2),
        ("R_50_FPN_WC1", 256, (2,), 2),
        ("R_50_FPN", 800, (2,), 2),
    ],
)
def test_equal_to_detectron2(frames, tmp_path, model, size, batches, count):
    model = f"densepose_rcnn_{model}_s1x"
    weights = write_checkpoint(model, tmp_path)
    wanted = predict(model, weights, frames[:count], size, PEOPLE)
    assert sum(len(frame.boxes) for frame in wanted) >= 3
    network = TorchvisionNetwork(model, weights, SCORE, size, torch.device("cpu"), None)
    for batch in batches:
        errors = {name: [] for name in ("box", "score", "coarse", "fine", "u", "v", "other parts", "UV")}
        for start in range(0, count, batch):
            some = range(start, min(start + batch, count))
            found = network.detect([network.prepare(frames[number]) for number in some])
            for place, number in enumerate(some):
                check_people(network, found, place, wanted[number], errors)
        worst = {name: float(max(values)) for name, values in errors.items()}
        print(f"{model} at {size}, batch {batch}, people {[len(frame.boxes) for frame in wanted]}: {worst}")
        assert worst["box"] < 0.05 and worst["score"] < 1e-3
        assert max(worst["coarse"], worst["fine"]) < 0.02 and max(worst["u"], worst["v"]) < 0.003
        assert worst["other parts"] <= 0.001 and worst["UV"] <= 1


def test_the_recorded_figures_are_detectron2s():
    made = make_fixture()
    with np.load(PATH) as recorded:
        assert made.keys() == set(recorded)
        for name, values in made.items():
            assert values.shape == recorded[name].shape
            if name.endswith("maps"):
                assert (values[..., 0] == recorded[name][..., 0]).mean() >= 0.999
            else:
                assert np.abs(values - recorded[name]).max() < 0.01
