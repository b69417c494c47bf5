"""Side-by-side pictures."""

import numpy as np
import pytest

from dwnet.inference.panels import caption_height, iuv_colours, sheet, sheet_size


@pytest.mark.parametrize("size", [32, 36, 64, 100, 128, 256, 512])
def test_sheet_has_even_sides_and_untouched_panels(size):
    panels = {name: np.full((size, size, 3), number * 40, np.uint8) for number, name in enumerate(("source", "driving", "generated"))}
    picture = sheet(panels)
    width, height = sheet_size(3, size)
    assert picture.shape == (height, width, 3) and width % 2 == height % 2 == 0
    top = caption_height(size)
    for number, panel in enumerate(panels.values()):
        left = number * (size + 2)
        np.testing.assert_array_equal(picture[top:, left : left + size], panel)
    assert (picture[:top] < 128).any(), "captions are drawn"


def test_parts_have_colours_of_their_own_and_background_is_white():
    iuv = np.zeros((1, 25, 3), np.uint8)
    iuv[0, :, 0] = np.arange(25)
    iuv[0, 1:, 1] = 200
    colours = iuv_colours(iuv)
    assert (colours[0, 0] == 255).all()
    assert len(np.unique(colours[0], axis=0)) == 25
