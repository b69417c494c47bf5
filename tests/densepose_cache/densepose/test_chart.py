"""Charts in a box: a case by hand, and DensePose's own converter where it is installed."""

import importlib.util

import numpy as np
import pytest
import torch

from densepose_cache.densepose.chart import box_pixels, labels_and_uv

HERE = all(importlib.util.find_spec(name) for name in ("detectron2", "densepose"))


def test_boxes_are_cut_to_whole_pixels():
    assert box_pixels(np.array([2.9, 3.2, 7.8, 9.1], np.float32)) == (2, 3, 4, 5)
    assert box_pixels(np.array([-0.5, 0, 0.2, 300.0], np.float32)) == (0, 0, 1, 300)
    assert box_pixels(np.array([5, 6, 5.5, 6.9], np.float32)) == (5, 6, 1, 1)
    near = np.array([0.1, 0, 3.1, 2], np.float64)
    assert box_pixels(near)[2] == int(np.float32(3.1) - np.float32(0.1))


def test_a_chart_by_hand():
    """Two places become four pixels: bilinear weights 1, 3/4, 1/4, 0 of the left one."""
    coarse = torch.tensor([[[[1.0, -4.0]], [[0.0, 0.0]]]])
    fine, u, v = torch.zeros(3, 1, 25, 1, 2)
    fine[0, 3] = torch.tensor([[1.0, 5.0]])
    fine[0, 7] = torch.tensor([[2.0, 1.0]])
    u[0, 3], u[0, 7], v[0, 3], v[0, 7] = torch.tensor([[[0.0, 0.8]], [[0.4, 0.0]], [[1.0, 1.0]], [[0.2, 0.6]]])
    labels, uv = labels_and_uv(coarse, fine, u, v, np.array([10.5, 20.0, 14.6, 21.9], np.float32))
    assert labels.dtype == torch.uint8
    assert labels.tolist() == [[0, 3, 3, 3]]
    assert torch.allclose(uv, torch.tensor([[[0, 0.2, 0.6, 0.8]], [[0, 1, 1, 1]]]))


def test_a_box_thinner_than_a_pixel_gets_one():
    fine = torch.zeros(1, 25, 4, 4)
    fine[:, 5] = 1
    coarse = torch.stack([torch.zeros(4, 4), torch.ones(4, 4)])[None]
    labels, uv = labels_and_uv(coarse, fine, fine, fine, np.array([3.0, 3.0, 3.2, 5.5], np.float32))
    assert labels.shape == (2, 1) and (labels == 5).all() and (uv == 1).all()


@pytest.mark.detectron2
@pytest.mark.skipif(not HERE, reason="detectron2 and its DensePose project are not installed")
@pytest.mark.parametrize("channels", [2, 15])
@pytest.mark.parametrize("box", [(10.2, 3.9, 93.1, 201.5), (0, 0, 256, 256), (250.9, 100, 251.2, 180.4), (17, 30.5, 130.99, 31.6)])
def test_equal_bit_for_bit_to_the_densepose_project(box, channels):
    from densepose.converters import ToChartResultConverter
    from densepose.structures import DensePoseChartPredictorOutput
    from detectron2.structures import Boxes

    generator = torch.Generator().manual_seed(channels)
    coarse, fine, u, v = (torch.randn(1, count, 112, 112, generator=generator) for count in (channels, 25, 25, 25))
    output = DensePoseChartPredictorOutput(coarse_segm=coarse, fine_segm=fine, u=u, v=v)
    wanted = ToChartResultConverter.convert(output, Boxes(torch.tensor([box])))
    labels, uv = labels_and_uv(coarse, fine, u, v, np.array(box, np.float32))
    assert torch.equal(labels.long(), wanted.labels)
    assert torch.equal(uv, wanted.uv)
