"""Batches of pairs, and the kernels for a GPU, against a search written out."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_maps import KINDS, brute_force, map_lists, random_map

from densepose_cache.warp import charts

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def random_clip(seed: int, frames: int = 6, size: int = 20) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([random_map(rng, size, size, np.arange(5), KINDS[n % len(KINDS)]) for n in range(frames)])


def assert_equal(maps: np.ndarray, pairs: np.ndarray, found: list[np.ndarray]):
    found = np.concatenate(found)
    assert found.dtype == np.uint16
    assert len(found) == len(pairs)
    for index, (source, driving) in zip(found, pairs, strict=True):
        assert np.array_equal(index, brute_force(maps[source], maps[driving])), (source, driving)


@settings(max_examples=50, deadline=None)
@given(maps=map_lists(), data=st.data())
def test_pairs_of_any_maps_equal_brute_force(maps, data):
    maps = np.stack(maps)
    number = st.integers(0, len(maps) - 1)
    pairs = np.array(sorted(data.draw(st.lists(st.tuples(number, number), min_size=1, max_size=8))))
    assert_equal(maps, pairs, list(charts.pair_indices(maps, pairs, CPU)))


@pytest.mark.parametrize("together", [1, 2, 100])
@pytest.mark.parametrize("pixels", [1, 800, 1 << 20])
def test_any_cut_into_batches_gives_the_same_grids(monkeypatch, together, pixels):
    """Source frames searched together, and pairs at once, in every number."""
    monkeypatch.setattr(charts, "PIXELS_ON_CPU", pixels)
    monkeypatch.setattr(
        charts, "_runs", lambda counts, many: [slice(n, min(n + together, len(counts))) for n in range(0, len(counts), together)]
    )
    maps = random_clip(1)
    pairs = np.array([(source, driving) for source in (0, 1, 3, 5) for driving in range(6) if driving != source])
    found = list(charts.pair_indices(maps, pairs, CPU))
    assert max(map(len, found)) == min(max(pixels // 400, 1), 5 * min(together, 4))
    assert_equal(maps, pairs, found)


def test_runs_hold_as_many_charts_as_fit(monkeypatch):
    monkeypatch.setattr(charts, "CHART_BYTES", 10 << 18)
    needed = np.array([4, 6, 1, 12, 9, 0, 1, 3])
    assert list(charts._runs(needed, True)) == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 7), slice(7, 8)]
    assert list(charts._runs(needed, False)) == [slice(n, n + 1) for n in range(8)]
    assert list(charts._runs(needed[:0], True)) == []


def test_no_pairs_no_grids():
    assert list(charts.pair_indices(random_clip(2), np.zeros((0, 2), np.int32), CPU)) == []


def test_parts_above_24_and_other_arrays_are_refused():
    maps, pairs = random_clip(3), np.array([(0, 1)])
    maps[4, 2, 2, 0] = 25
    with pytest.raises(ValueError, match=r"0\.\.24, one of these has 25"):
        next(charts.pair_indices(maps, pairs, CPU))
    for bad in (maps[0], maps.astype(np.float32), maps[..., :2]):
        with pytest.raises(ValueError, match="uint8"):
            next(charts.pair_indices(bad, pairs, CPU))
    with pytest.raises(ValueError, match="2048x2048"):
        charts.SourceCharts(np.zeros((2049, 2048, 3), np.uint8), CPU)


def test_the_largest_frames_have_room_for_their_last_pixel():
    source, driving = np.zeros((2, 2048, 2048, 3), np.uint8)
    source[2047, 2046:], driving[5, :2] = (9, 255, 255), ((9, 0, 0), (9, 255, 254))
    index = charts.SourceCharts(source, CPU).grids([driving])[0].index
    assert (index[5, :2] == 2048 * 2048 - 2).all()


def test_where_triton_fails_grids_are_found_without_it(monkeypatch, capsys):
    pytest.importorskip("triton")
    kernels = importlib.import_module("densepose_cache.warp.chart_kernels")

    def broken(device):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(kernels, "try_out", broken)
    charts._kernels.cache_clear()
    assert charts._kernels("cuda") is None
    assert "no compiler" in capsys.readouterr().err
    charts._kernels.cache_clear()


@pytest.mark.slow
def test_interpreted_kernels_equal_brute_force():
    pytest.importorskip("triton")
    folder = Path(__file__).parent
    environment = os.environ | {
        "TRITON_INTERPRET": "1",
        "PYTHONPATH": os.pathsep.join([str(folder.parents[1] / "support"), str(folder.parents[2])]),
    }
    script = folder / "interpreted_kernels.py"
    result = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "equal\n"), result.stderr


@pytest.mark.parametrize("capability", [75, 90])
def test_kernels_compile_for_gpus(capability, tmp_path, monkeypatch):
    """Turing, the oldest that PyTorch's wheels serve, and Hopper: what Triton makes of the kernels passes NVIDIA's assembler."""
    triton = pytest.importorskip("triton")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from densepose_cache.warp import chart_kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    number = dict.fromkeys(["stride", "count", "pixels"], "i32")
    for kernel, size, warps in (
        (chart_kernels.sweep_kernel, "COLUMNS", 1),
        (chart_kernels.list_kernel, "PIXELS", 4),
        (chart_kernels.search_kernel, "QUERIES", 4),
    ):
        known = number | {"frames": "*u8", size: "constexpr"}
        signature = {name: known.get(name, "*i32") for name in kernel.arg_names}
        source = ASTSource(kernel, signature, {size: getattr(chart_kernels, size)})
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": warps})
        assert compiled.asm["cubin"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_grids_of_a_gpu_equal_brute_force(capsys):
    """With the kernels, and without them; small and wide frames, runs of source frames, one source frame alone."""
    device = torch.device("cuda")
    assert charts._kernels("cuda"), capsys.readouterr().err
    for seed, size in ((5, 20), (6, 64)):
        maps = random_clip(seed, 12, size)
        pairs = np.array([(source, driving) for source in range(12) for driving in range(12)])
        assert_equal(maps, pairs, list(charts.pair_indices(maps, pairs, device)))
        grids = charts.SourceCharts(maps[3], device).grids(list(maps))
        assert_equal(maps, pairs[36:48], [np.stack([grid.index for grid in grids])])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "_kernels", lambda kind: None)
        assert_equal(maps, pairs, list(charts.pair_indices(maps, pairs, device)))
