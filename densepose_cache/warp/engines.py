"""The engines that compute coarse warp grids, by name. They give equal grids and differ in speed alone.

`kdtree` asks scikit-learn's trees, `lattice` the compiled search of `lattice.py`, `torch` the charts of `charts.py` on a GPU if there is
one, else on the CPU.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from .grid import SourceTrees, WarpGrid

ENGINES = ("kdtree", "lattice", "torch")
THREADED = frozenset({"lattice", "torch"})
"""Engines that compute without the interpreter's lock, so that threads share the work; others need processes."""


class SourceFrame(Protocol):
    """The IUV map of a source frame, made ready for any number of searches, from several threads, too."""

    def grids(self, driving_iuvs: Sequence[np.ndarray]) -> list[WarpGrid]:
        """The grids to the IUV maps `driving_iuvs`, each (H, W, 3) uint8 like the source's. Raises ValueError for other arrays."""


def source_frame(engine: str, source_iuv: np.ndarray) -> SourceFrame:
    """The source frame with IUV map `source_iuv` (H, W, 3) uint8, ready to be searched by `engine`, one of ENGINES.

    Raises ValueError if there is no such engine or the array is no IUV map.
    """
    if engine == "kdtree":
        return SourceTrees(source_iuv)
    if engine == "lattice":
        from .lattice import SourceLattice

        return SourceLattice(source_iuv)
    if engine == "torch":
        from .charts import SourceCharts

        return SourceCharts(source_iuv)
    raise ValueError(f"there is no warp engine {engine!r}; take one of {', '.join(ENGINES)}")
