"""A chart pasted into a frame, against a computation by hand."""

import numpy as np
import torch

from densepose_cache.densepose.paste import paste_chart


def chart(height=4, width=3):
    labels = torch.arange(height * width).reshape(height, width) % 25
    uv = torch.linspace(-0.1, 1.1, 2 * height * width).reshape(2, height, width)
    return labels, uv


def by_hand(labels, uv, left, top, size):
    iuv = np.zeros((size, size, 3), np.uint8)
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            y, x, part = top + row, left + column, int(labels[row, column])
            if part and 0 <= y < size and 0 <= x < size:
                u, v = (int(min(max(float(np.float32(uv[k, row, column]) * np.float32(255)), 0), 255)) for k in (0, 1))
                iuv[y, x] = part, u, v
    return iuv


def test_inside_and_over_every_edge():
    labels, uv = chart()
    for left, top in [(1, 2), (-1, 2), (6, 2), (2, -3), (2, 7), (-2, -2), (7, 6)]:
        assert np.array_equal(paste_chart(labels, uv, left, top, 8, 8), by_hand(labels, uv, left, top, 8)), (left, top)


def test_wholly_outside_is_empty():
    for left, top in [(-5, 2), (9, 2), (2, -9), (2, 8)]:
        assert not paste_chart(*chart(), left, top, 8, 8).any()


def test_background_has_no_coordinates():
    labels, uv = chart()
    iuv = paste_chart(torch.zeros_like(labels), uv, 1, 1, 8, 8)
    assert not iuv.any()
