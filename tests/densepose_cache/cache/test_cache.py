"""The warp stage, the index and the reader on a small cache that the real stages built."""

import multiprocessing
import pickle
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from people import SIZE
from small_cache import SHARDS, WARP, build, read_first, small_cache, write_tables
from source_folders import write_source

from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.shard import bucket, shard_name
from densepose_cache.clips import read_table, write_table
from densepose_cache.config import SampleDraw, VideoSettings, WarpSettings
from densepose_cache.core.errors import InputError
from densepose_cache.iuv.quality import FIGURES, REFERENCE
from densepose_cache.stages.index import build_index
from densepose_cache.stages.warp import warp_shard
from densepose_cache.warp import ENGINES, coarse_warp_grid
from densepose_cache.warp.pairs import draw_samples, evaluation_pairs, sample_pairs


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    return folder, small_cache(folder)[1]


@pytest.fixture
def cache(tmp_path, built):
    """A copy of the built cache to spoil; its folder and the maps of each clip."""
    folder, maps = built
    shutil.copytree(folder, tmp_path / "cache")
    return tmp_path / "cache", maps


def shard_of(clip: str) -> str:
    return shard_name(bucket(clip, SHARDS))


def index(folder):
    build_index(folder / "clips.csv", folder / "frames", folder / "iuv", folder / "warps", SHARDS, folder)


def leftovers(folder) -> list[str]:
    return [path.name for path in folder.rglob("*.tmp")]


def test_every_pair_has_the_right_grid_and_no_other_pair_is_there(built):
    folder, maps = built
    for split, clips in (("train", ["anna", "ben", "carl"]), ("test", ["dora"])):
        reader = SplitReader(folder / f"{split}.h5")
        assert (reader.clips, reader.split, reader.size) == (clips, split, SIZE)
        for clip in clips:
            frames = len(maps[clip])
            wanted = sample_pairs(draw_samples(clip, frames, WARP), 3) if split == "train" else evaluation_pairs(frames)
            assert np.array_equal(reader.pairs(clip), wanted)
            for source, driving in wanted:
                grid = reader.grid(clip, source, driving)
                assert grid.dtype == np.uint16
                assert np.array_equal(grid, coarse_warp_grid(maps[clip][source], maps[clip][driving]).index)


def test_reader_gives_back_what_the_sources_hold(built):
    folder, maps = built
    with SplitReader(folder / "train.h5") as reader:
        for clip in reader.clips:
            frames = len(maps[clip])
            assert reader.length(clip) == frames
            assert reader.fps(clip) == 25
            assert np.array_equal(reader.iuv(clip, slice(None)), maps[clip])
            assert np.array_equal(reader.iuv(clip, [3, 0, 3]), maps[clip][[3, 0, 3]])
            assert np.array_equal(reader.iuv(clip, np.int32(2)), maps[clip][2])
            assert reader.frames(clip, slice(1, 4)).shape == (3, SIZE, SIZE, 3)
            assert (reader.frames(clip, 0).dtype, reader.frames(clip, 0).shape) == (np.uint8, (SIZE, SIZE, 3))
            assert (reader.keypoints(clip) is None) == (clip != "ben")
        assert reader.keypoints("ben").shape == (len(maps["ben"]), 17, 3)
        assert len({reader.digest(clip) for clip in reader.clips}) == 3


def test_chunks_are_single_frames_and_no_chunk_cache_fills_the_memory(built):
    reader = SplitReader(built[0] / "train.h5")
    reader.frames("anna", 0)
    with h5py.File(reader.path, "r", rdcc_nbytes=0) as file:
        shard = shard_of("anna")
        for name in (f"frames/{shard}/anna/rgb", f"iuv/{shard}/anna/iuv"):
            dataset = file[name]
            assert dataset.chunks == (1, *dataset.shape[1:])
            assert dataset.id.get_access_plist().get_chunk_cache()[1] == 0
        warps = file[f"warps/{shard}/anna"]
        assert warps["grid"].chunks is None and len(warps["grid"]) == warps["grid_bounds"][-1]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_reader_goes_into_other_processes(built, method):
    reader = SplitReader(built[0] / "train.h5")
    here = read_first(reader)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(read_first, (reader,)) == here
    assert read_first(pickle.loads(pickle.dumps(reader))) == here


def test_clips_are_closed_when_too_many_are_open(built, monkeypatch):
    monkeypatch.setattr("densepose_cache.cache.reader.OPEN_CLIPS", 2)
    reader = SplitReader(built[0] / "train.h5")
    first = {clip: reader.frames(clip, 0) for clip in reader.clips}
    for clip in reader.clips[::-1]:
        assert np.array_equal(reader.frames(clip, 0), first[clip])
        assert len(reader._open) <= 2


def test_reader_names_what_is_not_there(built):
    reader = SplitReader(built[0] / "train.h5")
    missing = next(pair for pair in np.ndindex(9, 9) if list(pair) not in reader.pairs("anna").tolist())
    with pytest.raises(InputError, match=f"anna has no warp grid from frame {missing[0]} to frame {missing[1]}"):
        reader.grid("anna", *missing)
    with pytest.raises(InputError, match="anna has no warp grid from frame 99"):
        reader.grid("anna", 99, 0)
    with pytest.raises(InputError, match="no clip dora"):
        reader.length("dora")
    with pytest.raises(InputError, match="anna has 9 frames, number 9"):
        reader.frames("anna", 9)
    with pytest.raises(InputError, match="no such shard"):
        SplitReader(built[0] / "none.h5")
    with pytest.raises(InputError, match="'index' in format"):
        SplitReader(built[0] / "frames/000.h5")


def test_cache_may_be_moved(cache, monkeypatch, tmp_path):
    folder, maps = cache
    folder.rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert np.array_equal(SplitReader("train.h5").iuv("anna", 0), maps["anna"][0])


@pytest.mark.parametrize("kind", ["frames", "iuv", "warps"])
def test_lost_or_damaged_shards_are_named(cache, kind):
    folder, _ = cache
    path = folder / kind / f"{shard_of('anna')}.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=rf"^{path}: clip anna cannot be read .*: rm {path} && snakemake --cores all {path}$"):
        SplitReader(folder / "train.h5").pairs("anna")
    (folder / "train.h5").unlink()
    with pytest.raises(InputError, match=rf"{path}: cannot be read as HDF5.*run the"):
        index(folder)
    path.unlink()
    with pytest.raises(InputError, match=rf"{path}: no such shard"):
        index(folder)
    assert not (folder / "train.h5").exists()
    assert leftovers(folder) == []


def test_damaged_chunk_is_one_clear_error(cache):
    folder, _ = cache
    path = folder / "frames" / f"{shard_of('anna')}.h5"
    with h5py.File(path) as file:
        chunk = file["anna/rgb"].id.get_chunk_info(3)
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(bytes(chunk.size))
    with pytest.raises(InputError, match=rf"{path}: clip anna cannot be read"):
        SplitReader(folder / "train.h5").frames("anna", 3)


def test_samples_table(built):
    table = pd.read_csv(built[0] / "samples.csv")
    assert list(table.columns) == ["clip", "epoch", "source", "target"]
    for clip, rows in table.groupby("clip"):
        assert np.array_equal(rows[["epoch", "source", "target"]], draw_samples(clip, len(built[1][clip]), WARP))
    assert sorted(set(table["clip"])) == ["anna", "ben", "carl"]


def test_quality_table_has_every_clip_and_the_figures_of_its_shard(built):
    folder, maps = built
    table = pd.read_csv(folder / "iuv_quality.csv")
    assert list(table.columns) == ["clip", "split", "frames", "backend", "degraded", *FIGURES]
    assert list(table["clip"]) == ["anna", "ben", "carl", "dora"] and list(table["split"]) == ["train"] * 3 + ["test"]
    for row in table.itertuples():
        with h5py.File(folder / "iuv" / f"{shard_of(row.clip)}.h5") as file:
            figures = dict(file[row.clip].attrs)
        assert (row.frames, row.backend, row.degraded) == (len(maps[row.clip]), "precomputed", False)
        unknown = {"mean_score", *(name for name in FIGURES if name.startswith(REFERENCE))}
        assert all(np.isnan(getattr(row, name)) for name in unknown) and not unknown & set(figures)
        assert all(getattr(row, name) == figures[name] for name in FIGURES if name not in unknown)


def test_index_is_the_same_bytes_every_time(cache):
    folder, _ = cache
    names = ("train.h5", "test.h5", "samples.csv", "iuv_quality.csv", "quarantine.csv")
    before = {name: (folder / name).read_bytes() for name in names}
    index(folder)
    assert {name: (folder / name).read_bytes() for name in names} == before


def test_index_sees_an_empty_split(cache):
    folder, _ = cache
    table = read_table(folder / "clips.csv")
    write_table(folder / "clips.csv", table.assign(split="train"))
    with pytest.raises(InputError, match=r"clips\.csv: no clip is in the split `test`"):
        index(folder)


def test_index_sees_shards_that_do_not_belong_together(cache):
    folder, _ = cache
    path = folder / "iuv" / f"{shard_of('dora')}.h5"
    with h5py.File(path, "r+") as file:
        file["dora"].attrs["digest"] = "another"
    with pytest.raises(InputError, match=r"warps/.*clip dora was made from another version of .*iuv/"):
        index(folder)


def test_index_sees_a_clip_that_a_shard_lacks(cache):
    folder, _ = cache
    with h5py.File(folder / "warps" / f"{shard_of('ben')}.h5", "r+") as file:
        del file["ben"]
    with pytest.raises(InputError, match=r"warps/.*no clip ben; run the `warp` stage"):
        index(folder)


def test_other_engines_and_more_workers_give_the_same_shard(cache, monkeypatch):
    folder, _ = cache
    monkeypatch.setattr("densepose_cache.stages.warp.GRIDS_A_WORKER", 10)
    name = shard_of("anna")
    written = []
    for engine in ENGINES:
        for workers in (1, 2):
            path, settings = folder / f"{engine}-{workers}.h5", WARP.model_copy(update={"engine": engine})
            warp_shard(folder / "clips" / f"{name}.csv", folder / "iuv" / f"{name}.h5", path, settings, workers)
            written.append(path.read_bytes())
    assert len(set(written)) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_pairs_searched_together_give_the_same_shard(cache, monkeypatch, workers):
    """The way of a GPU, on the CPU."""
    monkeypatch.setattr("densepose_cache.stages.warp._gpu", lambda: True)
    folder, _ = cache
    name = shard_of("anna")
    out = folder / "together.h5"
    warp_shard(folder / "clips" / f"{name}.csv", folder / "iuv" / f"{name}.h5", out, WARP.model_copy(update={"engine": "torch"}), workers)
    assert out.read_bytes() == (folder / "warps" / f"{name}.h5").read_bytes()


def test_new_samples_leave_the_test_clips_as_they_are(cache):
    folder, _ = cache
    before = {split: h5py.File(folder / f"{split}.h5").attrs["digest"] for split in ("train", "test")}
    build(folder, warp=WarpSettings(seed=1, samples=SampleDraw(epochs=1)))
    after = {split: h5py.File(folder / f"{split}.h5").attrs["digest"] for split in ("train", "test")}
    assert before["test"] == after["test"]
    assert before["train"] != after["train"]


def test_a_replaced_clip_changes_its_own_groups_alone(cache, tmp_path):
    folder, maps = cache
    name = shard_of("anna")
    with h5py.File(folder / "warps" / f"{name}.h5") as file:
        before = {clip: file[clip].attrs["digest"] for clip in file}
    rows = read_table(folder / "clips.csv")[["clip", "split", "video", "iuv"]].to_dict("records")
    new = write_source(tmp_path / "new", "anna", "train", maps["anna"][:8])
    write_tables(folder, [new if row["clip"] == "anna" else row for row in rows])
    build(folder)
    with h5py.File(folder / "warps" / f"{name}.h5") as file:
        changed = [clip for clip in file if file[clip].attrs["digest"] != before[clip]]
    assert changed == ["anna"]
    assert SplitReader(folder / "train.h5").length("anna") == 8


def test_a_stopped_warp_job_leaves_nothing(cache, monkeypatch):
    folder, _ = cache
    name = shard_of("anna")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("densepose_cache.stages.warp.source_frame", fail)
    with pytest.raises(KeyboardInterrupt):
        warp_shard(folder / "clips" / f"{name}.csv", folder / "iuv" / f"{name}.h5", folder / "fresh/000.h5", WARP)
    assert not (folder / "fresh").exists()


def test_too_short_training_clip_is_named(tmp_path):
    maps = np.zeros((4, SIZE, SIZE, 3), np.uint8)
    maps[:, 10:20, 10:20] = 5
    write_tables(tmp_path, [write_source(tmp_path / "data", "short", split, maps) for split in ("train",)])
    with pytest.raises(InputError, match=r"clip short has 4 frames.*needs 6"):
        build(tmp_path, warp=WarpSettings(samples=SampleDraw(targets=6)))
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "warps" / f"{shard_of('short')}.h5").exists()


def test_mixed_sizes_are_refused(cache):
    folder, _ = cache
    for kind in ("frames", "iuv", "warps"):
        (folder / kind).rename(folder / f"{kind}-64")
    build(folder, video=VideoSettings(size=128))
    other = next(name for name in ("ben", "carl") if shard_of(name) != shard_of("anna"))
    for kind in ("frames", "iuv", "warps"):
        shutil.copy(folder / f"{kind}-64" / f"{shard_of(other)}.h5", folder / kind)
    with pytest.raises(InputError, match=r"sizes \[64, 128\]"):
        index(folder)
