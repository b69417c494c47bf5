"""A cache of a hundred small clips: index, reader, and the arithmetic that carries measured times to more of them."""

import sys
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
CLIPS, SHARDS = 100, 8


@pytest.fixture(scope="module")
def benchmarks():
    """The modules of the benchmark."""
    sys.path.insert(0, str(BENCHMARKS))
    import scale
    import scale_model
    import synthetic_cache

    yield scale, scale_model, synthetic_cache
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def cache(benchmarks, tmp_path_factory):
    """Folder of a cache of many clips, indexed."""
    from densepose_cache.config import VideosSource
    from densepose_cache.stages.clips import build_clip_table
    from densepose_cache.stages.index import build_index

    folder = tmp_path_factory.mktemp("many")
    synthetic = benchmarks[2]
    synthetic.render_people(folder / "people")
    synthetic.link_videos(folder / "people", folder / "data", CLIPS)
    table = build_clip_table(VideosSource(kind="videos", path=str(folder / "data")), folder, folder / "clips.csv", SHARDS)
    synthetic.write_shards(folder / "people", table, folder, SHARDS)
    build_index(folder / "clips.csv", folder / "frames", folder / "iuv", folder / "warps", SHARDS, folder)
    return folder


def test_index_over_many_clips(cache, benchmarks, monkeypatch):
    monkeypatch.setattr(benchmarks[0], "RANDOM_SAMPLES", 100)
    opened = benchmarks[0].open_cache(cache)
    synthetic = benchmarks[2]
    train = CLIPS - CLIPS // synthetic.TEST_EVERY
    assert (opened["clips"], opened["samples"]) == (train, train * 2 * (synthetic.FRAMES - 2))
    assert pd.read_csv(cache / "samples.csv")["clip"].nunique() == train
    assert opened["open_files"] < 64 + 3 * SHARDS


@pytest.mark.parametrize("kind", ["frames", "iuv", "warps"])
def test_stages_take_the_copied_clips_for_their_own(cache, benchmarks, kind):
    from densepose_cache.stages.decode import decode_shard
    from densepose_cache.stages.densepose import densepose_shard
    from densepose_cache.stages.warp import warp_shard

    table, settings = cache / "clips/000.csv", benchmarks[2].SETTINGS
    frames, iuv, warps = (cache / name / "000.h5" for name in ("frames", "iuv", "warps"))
    path = {"frames": frames, "iuv": iuv, "warps": warps}[kind]
    before = path.stat().st_ino
    run = {
        "frames": lambda: decode_shard(table, frames, settings["decode"]),
        "iuv": lambda: densepose_shard(table, frames, iuv, settings["densepose"]),
        "warps": lambda: warp_shard(table, iuv, warps, settings["warp"]),
    }
    run[kind]()
    assert path.stat().st_ino == before, "a shard of unchanged clips is linked, not written anew"


def test_lines_go_through_their_points(benchmarks):
    model = benchmarks[1]
    assert model.line([(1, 5.0), (3, 9.0), (5, 13.0)]) == pytest.approx((3, 2))
    assert model.reached(lambda clips: 2 * clips, 600) == pytest.approx(300, rel=0.01)


def test_model_names_what_breaks_first_and_the_best_number_of_shards(benchmarks):
    measured = {
        "clips": {"start": 1.0, "clip": 1e-3, "shard": 2e-3},
        "dry_run": {"start": 1.0, "shard": 1e-2},
        "dry_run_megabytes": {"start": 100.0, "shard": 0.1},
        "first_index": {"start": 1.0, "clip": 4e-3},
        "index": {"start": 1.0, "clip": 1e-4},
        "index_megabytes": {"start": 100.0, "clip": 1e-2},
        "index_bytes": 1000.0,
        "open": {"start": 0.1, "clip": 1e-2},
        "samples": {"remember": 1e-7, "columns": 1e-7, "csv": 1e-7, "read": 1e-8, "write_bytes": 60.0, "read_bytes": 8.0}
        | {"column_bytes": 1.0, "csv_bytes": 20.0},
        "bytes": {"frame": 1e5, "map": 3e4, "grid": 1e4, "grids_a_sample": 4.0, "copied_a_second": 5e8},
    }
    scale = benchmarks[1].Scale(measured, frames=100, samples_a_clip=200)
    breaks = scale.breaks(clips_a_shard=16)
    assert next(iter(breaks)) == "training opens the cache, seconds" and list(breaks.values()) == sorted(breaks.values())
    assert scale.opening(breaks["training opens the cache, seconds"]) == pytest.approx(600, rel=0.1)
    best = scale.best_shards(1e5)
    assert all(scale.change(1e5, best) < scale.change(1e5, best * factor) for factor in (0.8, 1.25))
    assert scale.at(1000, 10)["terabytes"] == pytest.approx(1000 * (100 * 1.3e5 + 200 * 4 * 1e4) / 1e12)
