"""Bad clips on their way through the stages: what goes into quarantine, what stops a stage all the same, and what is done again."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from people import SIZE, body_maps
from PIL import Image
from small_cache import SHARDS, WARP, build, write_tables
from source_folders import write_source

from densepose_cache.cache.quarantine import read_quarantine
from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.shard import bucket, shard_name
from densepose_cache.cache.stack import Stack
from densepose_cache.cli.inspect import describe
from densepose_cache.clips import Clip
from densepose_cache.config import DensePoseSettings, VideoSettings
from densepose_cache.core.errors import ClipError, InputError
from densepose_cache.densepose.backend import ClipFrames
from densepose_cache.iuv import write_iuv_png
from densepose_cache.stages import densepose as stage
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard
from densepose_cache.stages.index import build_index
from densepose_cache.stages.warp import warp_shard

FAIL, LEAVE_OUT = (VideoSettings(size=SIZE, bad_clips=policy) for policy in ("fail", "quarantine"))
MAPS = DensePoseSettings(backend="precomputed", bad_clips="quarantine")


class Cache:
    """Clips `anna`, `ben`, `carl` (train), `dora`, `eva` (test) as folders of frames with maps, and what the stages make of them."""

    SPLITS = {"anna": "train", "ben": "train", "carl": "train", "dora": "test", "eva": "test"}  # noqa: RUF012

    def __init__(self, folder):
        self.folder = folder
        self.rows = [
            write_source(folder / "data", name, split, body_maps(seed, 9), side_file=name in ("ben", "eva"))
            for seed, (name, split) in enumerate(self.SPLITS.items())
        ]

    def row(self, clip):
        return next(row for row in self.rows if row["clip"] == clip)

    def build(self, video=LEAVE_OUT, densepose=MAPS):
        write_tables(self.folder, self.rows)
        build(self.folder, video, densepose)

    def group(self, kind, clip):
        """Attributes of a clip's group in a shard, and the names of its datasets."""
        with h5py.File(self.folder / kind / f"{shard_name(bucket(clip, SHARDS))}.h5") as file:
            return dict(file[clip].attrs) | {"data": sorted(file[clip])}

    def quarantine(self):
        return [tuple(row) for row in read_quarantine(self.folder / "quarantine.csv").itertuples(index=False)]

    def spoil_frames(self, clip):
        (self.folder / "data" / clip / "target/frame3.png").write_bytes(b"no picture")

    def empty_maps(self, clip, numbers):
        for number in numbers:
            write_iuv_png(self.folder / "data" / clip / f"dp_target/frame{number}_IUV.png", np.zeros((SIZE, SIZE, 3), np.uint8))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def test_clips_that_are_well_leave_an_empty_table(cache, capsys):
    cache.build()
    assert (cache.folder / "quarantine.csv").read_text() == "clip,split,stage,reason\n"
    assert "quarantine" not in capsys.readouterr().err


def test_bad_clips_are_handed_on_left_out_and_listed(cache, capsys):
    cache.spoil_frames("anna")
    cache.empty_maps("carl", range(9))
    cache.build()
    for kind in ("frames", "iuv", "warps"):
        found = cache.group(kind, "anna")
        assert found["data"] == [] and "frame3.png: cannot be read as a picture" in found["quarantined"]
    assert cache.group("frames", "carl")["data"] == ["rgb", "source_frame"]
    assert cache.group("iuv", "carl")["data"] == cache.group("warps", "carl")["data"] == []
    (anna, carl) = cache.quarantine()
    assert anna[:3] == ("anna", "train", "decode") and "frame3.png" in anna[3]
    assert carl[:3] == ("carl", "train", "densepose") and "any of its 9 frames" in carl[3]
    assert f"warning: 2 of 5 clips are in quarantine and left out, see {cache.folder / 'quarantine.csv'}" in capsys.readouterr().err
    assert set(pd.read_csv(cache.folder / "samples.csv")["clip"]) == {"ben"}
    assert list(pd.read_csv(cache.folder / "iuv_quality.csv")["clip"]) == ["ben", "dora", "eva"]
    with SplitReader(cache.folder / "train.h5") as reader:
        assert reader.clips == ["ben"] and "any of its 9 frames" in reader.quarantined("carl") and reader.quarantined("ben") is None
        with pytest.raises(InputError, match=r"train\.h5: clip anna is in quarantine: .*frame3\.png"):
            reader.length("anna")
    with SplitReader(cache.folder / "test.h5") as reader:
        assert reader.clips == ["dora", "eva"] and reader.quarantined("anna") is None
    assert "in quarantine: carl (densepose): clip carl: nobody" in describe(cache.folder / "train.h5")
    text = describe(cache.folder / "iuv" / f"{shard_name(bucket('carl', SHARDS))}.h5", "carl")
    assert "of them in quarantine" in text and "quarantined: clip carl: nobody" in text


def test_mended_clips_come_back_and_nothing_else_is_done(cache, monkeypatch):
    cache.spoil_frames("anna")
    cache.empty_maps("carl", range(9))
    cache.build()
    before = {kind: {clip: cache.group(kind, clip)["digest"] for clip in cache.SPLITS} for kind in ("frames", "iuv", "warps")}
    written, write = [], stage._write_clip
    monkeypatch.setattr(
        stage, "_write_clip", lambda writer, pending, *rest: written.append(pending.clip.name) or write(writer, pending, *rest)
    )
    cache.build()
    assert written == [], "what is in quarantine is not tried again"
    Image.fromarray(np.full((SIZE, SIZE, 3), 9, np.uint8)).save(cache.folder / "data/anna/target/frame3.png")
    write_iuv_png(cache.folder / "data/carl/dp_target/frame0_IUV.png", body_maps(2, 1)[0])
    cache.build(densepose=MAPS.model_copy(update={"max_missing": 0.5}))
    assert sorted(written) == ["anna", "carl"]
    assert [row[0] for row in cache.quarantine()] == ["carl"] and "8 of 9 frames" in cache.quarantine()[0][3]
    with SplitReader(cache.folder / "train.h5") as reader:
        assert reader.clips == ["anna", "ben"]
    for kind, digests in before.items():
        changed = {clip for clip, value in digests.items() if cache.group(kind, clip)["digest"] != value}
        assert changed == ({"anna"} if kind == "frames" else {"anna", "carl"})


def test_policies_are_the_stages_own(cache):
    cache.spoil_frames("anna")
    cache.empty_maps("carl", range(9))
    with pytest.raises(InputError, match=r"frame3\.png.*video\.bad_clips"):
        cache.build(video=FAIL)
    with pytest.raises(InputError, match=r"clip carl.*densepose\.bad_clips"):
        cache.build(densepose=DensePoseSettings(backend="precomputed"))
    cache.build()
    digest = cache.group("iuv", "eva")["digest"]
    cache.empty_maps("carl", [])
    for number, iuv in enumerate(body_maps(2, 9)):
        write_iuv_png(cache.folder / f"data/carl/dp_target/frame{number}_IUV.png", iuv)
    cache.build(densepose=DensePoseSettings(backend="precomputed"))
    assert [row[0] for row in cache.quarantine()] == ["anna"]
    assert cache.group("iuv", "eva")["digest"] == digest, "the policy is no part of a good clip's digest"


def spoil_number(cache):
    (cache.folder / "data/anna/dp_target/frame0_IUV.png").unlink()


def spoil_part(cache):
    Image.fromarray(np.full((SIZE, SIZE, 3), 30, np.uint8)).save(cache.folder / "data/anna/dp_target/frame5_IUV.png")


def spoil_size(cache):
    write_iuv_png(cache.folder / "data/anna/dp_target/frame2_IUV.png", body_maps(0, 1, 32)[0])


def spoil_row(cache):
    cache.row("anna")["iuv"] = ""


def spoil_side_file(cache):
    path = cache.folder / "data/ben/ben.iuv.h5"
    path.write_bytes(path.read_bytes()[:5000])


def spoil_keypoints(cache):
    with h5py.File(cache.folder / "data/ben/ben.iuv.h5", "r+") as file:
        points = file["keypoints"][:]
        del file["keypoints"]
        file.create_dataset("keypoints", data=points, chunks=points.shape, fletcher32=True)
        chunk = file["keypoints"].id.get_chunk_info(0)
    with (cache.folder / "data/ben/ben.iuv.h5").open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"x" * 8)


@pytest.mark.parametrize(
    ("spoil", "clip", "reason"),
    [
        (spoil_number, "anna", "holds 8 IUV maps"),
        (spoil_part, "anna", "the part index I is 30"),
        (spoil_size, "anna", "frame2_IUV.png: the IUV map is 32x32"),
        (spoil_row, "anna", "clip anna has no IUV maps"),
        (spoil_side_file, "ben", "ben.iuv.h5: cannot be read as HDF5"),
        (spoil_keypoints, "ben", "`keypoints` is damaged"),
    ],
)
def test_maps_that_are_missing_damaged_or_do_not_fit(cache, spoil, clip, reason):
    spoil(cache)
    cache.build()
    assert [(row[0], row[2]) for row in cache.quarantine()] == [(clip, "densepose")]
    assert reason in cache.quarantine()[0][3]
    assert cache.group("iuv", clip)["data"] == []


def test_frames_without_a_person(cache):
    cache.empty_maps("anna", [4])
    cache.build()
    assert cache.quarantine() == []
    cache.build(densepose=MAPS.model_copy(update={"missing": "fail"}))
    assert "nobody was found in frame 4" in cache.quarantine()[0][3]
    cache.build(densepose=MAPS.model_copy(update={"max_missing": 0.1}))
    assert "1 of 9 frames" in cache.quarantine()[0][3]


def test_a_detector_that_cannot_run_stops_the_stage(cache):
    with pytest.raises(InputError) as caught:
        cache.build(densepose=DensePoseSettings(backend="torchvision", bad_clips="quarantine"))
    assert not isinstance(caught.value, ClipError)
    assert not (cache.folder / "iuv").exists()


def test_side_files_that_are_gone_stop_the_stage(cache):
    write_tables(cache.folder, cache.rows)
    (cache.folder / "data/ben/ben.iuv.h5").unlink()
    with pytest.raises(InputError, match=r"ben\.iuv\.h5: the IUV maps of clip ben are missing"):
        build(cache.folder, LEAVE_OUT, MAPS)


def test_damaged_frames_stop_the_stage(cache):
    cache.build()
    name = shard_name(bucket("anna", SHARDS))
    path = cache.folder / "frames" / f"{name}.h5"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=f"{name}.h5: cannot be read as HDF5"):
        densepose_shard(cache.folder / "clips" / f"{name}.csv", path, cache.folder / "iuv" / f"{name}.h5", MAPS)


def test_a_damaged_frame_is_not_blamed_on_the_clip(cache, tmp_path):
    cache.build()
    path = cache.folder / "frames" / f"{shard_name(bucket('anna', SHARDS))}.h5"
    with h5py.File(path) as file:
        chunk = file["anna/rgb"].id.get_chunk_info(3)
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(bytes(chunk.size))
    with h5py.File(path) as file:
        clip = ClipFrames(Clip("anna", Path("anna.mp4")), Stack(file["anna/rgb"]), np.arange(9), None)
        assert clip.read(1, 3).shape == (2, SIZE, SIZE, 3)
        with pytest.raises(InputError, match=rf"{path.name}: clip anna is damaged.*`decode`") as caught:
            clip.read(2, 5)
    assert not isinstance(caught.value, ClipError)


def test_a_split_without_a_clip_left_says_why(cache):
    cache.spoil_frames("dora")
    cache.row("eva")["iuv"] = ""
    with pytest.raises(
        InputError, match=r"split `test` has no clip left.*dora \(decode\): .*frame3\.png.*eva \(densepose\): clip eva has no"
    ):
        cache.build()
    assert not (cache.folder / "test.h5").exists() and not (cache.folder / "quarantine.csv").exists()


def test_stale_shards_of_a_bad_clip_are_seen(cache):
    """The frames of a mended clip do not go with maps that are still in quarantine."""
    cache.spoil_frames("anna")
    cache.build()
    Image.fromarray(np.full((SIZE, SIZE, 3), 9, np.uint8)).save(cache.folder / "data/anna/target/frame3.png")
    write_tables(cache.folder, cache.rows)
    name = shard_name(bucket("anna", SHARDS))
    decode_shard(cache.folder / "clips" / f"{name}.csv", cache.folder / "frames" / f"{name}.h5", LEAVE_OUT)
    folders = [cache.folder / kind for kind in ("frames", "iuv", "warps")]
    with pytest.raises(InputError, match="anna was made from another version"):
        build_index(cache.folder / "clips.csv", *folders, SHARDS, cache.folder)


def test_shards_are_the_same_bytes_every_time(cache):
    cache.spoil_frames("anna")
    cache.empty_maps("carl", range(9))
    cache.build()
    name = shard_name(bucket("anna", SHARDS))
    table = cache.folder / "clips" / f"{name}.csv"
    again = cache.folder / "again"
    decode_shard(table, again / "frames.h5", LEAVE_OUT)
    densepose_shard(table, again / "frames.h5", again / "iuv.h5", MAPS)
    warp_shard(table, again / "iuv.h5", again / "warps.h5", WARP)
    for kind in ("frames", "iuv", "warps"):
        assert (again / f"{kind}.h5").read_bytes() == (cache.folder / kind / f"{name}.h5").read_bytes()


@pytest.mark.parametrize(
    ("text", "reason"), [(None, "no such table"), ("", "cannot be read"), ("clip,reason\na,b\n", "must have the columns")]
)
def test_a_table_that_is_none(tmp_path, text, reason):
    if text is not None:
        (tmp_path / "quarantine.csv").write_text(text)
    with pytest.raises(InputError, match=rf"quarantine\.csv: {reason}"):
        read_quarantine(tmp_path / "quarantine.csv")
