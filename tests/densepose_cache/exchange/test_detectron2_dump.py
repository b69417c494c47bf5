"""Dumps of detectron2's own classes and tool, against what its own visualiser draws of the same instances."""

import importlib.util
from argparse import Namespace

import numpy as np
import pytest
import torch
from dump_files import write_dump

from densepose_cache.densepose.person import Follower
from densepose_cache.exchange.dump import Dump

HERE = all(importlib.util.find_spec(name) for name in ("detectron2", "densepose"))
pytestmark = [
    pytest.mark.detectron2,
    pytest.mark.skipif(not HERE, reason="detectron2 and its DensePose project are not installed"),
]
HEIGHT, WIDTH, COUNT = 96, 128, 5
IDENTITY = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
"""A colour map that leaves numbers as they are."""


def instances(time: int):
    """A large person and a small one on a frame, with random network outputs of 28x28."""
    from densepose.structures import DensePoseChartPredictorOutput, decorate_predictor_output_class_with_confidences
    from detectron2.structures import Boxes, Instances

    torch.manual_seed(time)
    boxes = [[20.3 + time, 5.8, 78.9 + time, 95.9], [90.2, 30.1 + time, 110.7, 70.4 + time]]
    order = [1, 0] if time % 2 else [0, 1]
    planes = {"coarse_segm": 2, "fine_segm": 25, "u": 25, "v": 25}
    outputs = {
        name: torch.nn.functional.interpolate(torch.rand(2, count, 7, 7), (28, 28), mode="bilinear") for name, count in planes.items()
    }
    found = Instances((HEIGHT, WIDTH))
    found.pred_boxes = Boxes(torch.tensor(boxes)[order])
    found.scores = torch.tensor([0.98, 0.9])
    outputs |= dict.fromkeys(("sigma_1", "sigma_2", "kappa_u", "kappa_v", "fine_segm_confidence"))
    outputs["coarse_segm_confidence"] = torch.rand(2, 1, 28, 28)
    found.pred_densepose = decorate_predictor_output_class_with_confidences(DensePoseChartPredictorOutput)(**outputs)
    return found, order.index(0)


def drawn(found, person: int) -> np.ndarray:
    """I, U, V as detectron2's visualiser puts them on a black frame."""
    from densepose.vis import densepose_results as vis
    from densepose.vis.extractor import DensePoseResultExtractor

    extracted = DensePoseResultExtractor()(found[person : person + 1])
    planes = []
    for channel in (vis._extract_i_from_iuvarr, vis._extract_u_from_iuvarr, vis._extract_v_from_iuvarr):
        painter = vis.DensePoseMaskedColormapResultsVisualizer(channel, vis._extract_i_from_iuvarr, cmap=IDENTITY, alpha=1.0)
        planes.append(painter.visualize(np.zeros((HEIGHT, WIDTH, 3), np.uint8), extracted)[..., 0])
    return np.stack(planes, axis=-1)


def entries() -> list[dict]:
    """What the tool `apply_net.py dump` makes of the instances of every frame."""
    from densepose.vis.extractor import DensePoseResultExtractor

    result = []
    for time in range(COUNT):
        found, _ = instances(time)
        result.append({"file_name": f"frames/frame{time}.jpg", "scores": found.scores, "pred_boxes_XYXY": found.pred_boxes.tensor})
        result[-1]["pred_densepose"] = DensePoseResultExtractor()(found)[0]
    return result


def check(path):
    dump, follower = Dump(path, 0.5), Follower(1)
    assert dump.names == [f"frame{time}" for time in range(COUNT)]
    for time in range(COUNT):
        found = dump.frame_map(time, HEIGHT, WIDTH, follower)
        expected = drawn(*instances(time))
        assert np.array_equal(found.iuv, expected) and len(np.unique(expected[..., 0])) > 10
        assert found.people == 2


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_import_equals_the_visualiser_pixel_for_pixel(tmp_path, form):
    check(write_dump(tmp_path / "results.pkl", entries(), form))


def test_import_of_what_the_tool_itself_writes(tmp_path):
    tool = pytest.importorskip("apply_net", reason="projects/DensePose of detectron2's sources is not on PYTHONPATH")
    context = tool.DumpAction.create_context(Namespace(output=str(tmp_path / "out/results.pkl")), None)
    for time in reversed(range(COUNT)):
        tool.DumpAction.execute_on_outputs(context, {"file_name": f"frames/frame{time}.jpg"}, instances(time)[0])
    tool.DumpAction.postexecute(context)
    check(tmp_path / "out/results.pkl")


@pytest.mark.parametrize("kind", ["quantized", "compressed"])
def test_quantised_and_compressed_results(tmp_path, kind):
    from densepose.structures import chart_result

    for entry in (found := entries()):
        results = [chart_result.quantize_densepose_chart_result(result) for result in entry["pred_densepose"]]
        if kind == "compressed":
            results = [chart_result.compress_quantized_densepose_chart_result(result) for result in results]
        entry["pred_densepose"] = results
    check(write_dump(tmp_path / "results.pkl", found))
