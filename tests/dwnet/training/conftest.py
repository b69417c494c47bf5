"""A small cache, a batch of noise, and a compiler that has compiled nothing yet."""

from pathlib import Path

import pytest
import torch
from small_cache import small_cache
from step_networks import noise_map

from dwnet.model.warping import grid_from_index
from dwnet.training.data import Batch


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """The folder of a small cache, for all tests of a file."""
    folder = tmp_path_factory.mktemp("cache")
    small_cache(folder)
    return folder


@pytest.fixture
def batch(generator) -> Batch:
    """Two samples of noise, with all that `generator` is given."""
    random = torch.Generator().manual_seed(0)
    source, real = (torch.rand(*shape, 3, 64, 64, generator=random) * 2 - 1 for shape in ((2,), (3, 2)))
    *grids, smooth = (grid_from_index(torch.randint(0, 4096, (3, 2, 64, 64), generator=random), 64, 64) for _ in range(3))
    iuv, more = noise_map(random, 3, 2), {}
    if generator == "compose":
        distances = ("source_distance", "previous_distance", "smooth_distance", "edge")
        more = {"smooth_grid": smooth} | {name: torch.rand(3, 2, 64, 64, generator=random) for name in distances}
        more |= {name: torch.rand(3, 2, 64, 64, generator=random) < 0.5 for name in ("source_visible", "previous_visible")}
        more |= {"plate": torch.rand(2, 3, 64, 64, generator=random) * 2 - 1, "source_iuv": noise_map(random, 2)}
    batch = Batch(["anna", "ben"], source, real, iuv, *grids, **more)
    for name in ("grid", "visible", "distance"):
        if (first := getattr(batch, f"source_{name}")) is not None:
            getattr(batch, f"previous_{name}")[0] = first[0]
    return batch


@pytest.fixture
def fresh_compiler():
    yield
    torch.compiler.reset()
