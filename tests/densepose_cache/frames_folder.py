"""A folder of frames in the official layout."""

import numpy as np
from PIL import Image


def frames_folder(root, name, count, maps=None):
    for folder, number, pattern in (("target", count, "frame{}.png"), ("dp_target", count if maps is None else maps, "frame{}_IUV.png")):
        place = root / name / folder
        place.mkdir(parents=True)
        for k in range(number):
            Image.fromarray(np.full((8, 8, 3), k, np.uint8)).save(place / pattern.format(k))
