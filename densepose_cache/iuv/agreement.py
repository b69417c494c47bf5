"""How far IUV maps agree with other maps of the same frames, such as exact ones."""

import numpy as np

PARTS = 24


class PartCounts:
    """Pixels by the part that they have and the part that they should have, over as many maps as are added."""

    def __init__(self):
        self._pixels = np.zeros((PARTS + 1, PARTS + 1), np.int64)

    def add(self, found: np.ndarray, wanted: np.ndarray):
        """Count pixels of two arrays of parts 0..24 of one shape."""
        index = wanted.ravel().astype(np.intp) * (PARTS + 1) + found.ravel()
        self._pixels += np.bincount(index, minlength=self._pixels.size).reshape(self._pixels.shape)

    def figures(self) -> dict[str, float]:
        """All in [0, 1] and of all pixels together; empty where there is no body to be found.

        `silhouette_iou`: intersection over union of the bodies. `part_accuracy`: share of the body to be found that has the right part.
        `part_miou`: intersection over union, mean of the parts to be found.
        """
        wanted, right = self._pixels.sum(1), np.diag(self._pixels)[1:]
        if not wanted[1:].any():
            return {}
        body, union = self._pixels[1:, 1:].sum(), self._pixels.sum() - self._pixels[0, 0]
        unions = wanted[1:] + self._pixels.sum(0)[1:] - right
        occurs = wanted[1:] > 0
        return {
            "silhouette_iou": float(body / union),
            "part_accuracy": float(right.sum() / wanted[1:].sum()),
            "part_miou": float((right[occurs] / unions[occurs]).mean()),
        }


def agreement(found: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Figures of maps `found` (T, S, S, 3) uint8 against those `wanted`: those of `PartCounts`, and, where any pixel has the right part,
    `u_error` and `v_error`: mean absolute differences in levels of 0..255 over the pixels that have it."""
    counts, gaps, pixels = PartCounts(), np.zeros(2), 0
    for one, other in zip(found, wanted, strict=True):
        counts.add(one[..., 0], other[..., 0])
        same = (one[..., 0] == other[..., 0]) & (one[..., 0] > 0)
        gaps += np.abs(one[same, 1:].astype(int) - other[same, 1:]).sum(0)
        pixels += np.count_nonzero(same)
    errors = dict(zip(("u_error", "v_error"), (gaps / pixels).tolist(), strict=True)) if pixels else {}
    return counts.figures() | errors
