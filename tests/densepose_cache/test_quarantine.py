"""Bad clips: what goes into quarantine, what stops a stage all the same, and what is done again."""

from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
from coded_video import coded_frame, cut
from PIL import Image
from small_cache import SHARDS, SIZE, WARP, body_maps, build, write_source, write_tables

from densepose_cache import decode
from densepose_cache.clips import write_table
from densepose_cache.clips.digests import digest_files
from densepose_cache.config import DensePoseSettings, VideoSettings
from densepose_cache.decode import decode_shard
from densepose_cache.densepose import stage
from densepose_cache.densepose.backend import ClipFrames
from densepose_cache.densepose.stage import densepose_shard
from densepose_cache.errors import ClipError, InputError
from densepose_cache.index import build_index
from densepose_cache.inspect import describe
from densepose_cache.iuv import write_iuv_png
from densepose_cache.quarantine import blamed_on_clip, read_quarantine
from densepose_cache.reader import SplitReader
from densepose_cache.shards import bucket, shard_name
from densepose_cache.video import reading
from densepose_cache.warp.stage import warp_shard

FAIL, LEAVE_OUT = (VideoSettings(size=SIZE, bad_clips=policy) for policy in ("fail", "quarantine"))
MAPS = DensePoseSettings(backend="precomputed", bad_clips="quarantine")


@pytest.fixture
def videos(tmp_path, coded):
    """Decode rows of a clip table into out.h5; gives attributes and names of datasets by clip."""

    def run(rows, settings=LEAVE_OUT):
        table = pd.DataFrame([{"clip": f"c{k}", "split": "train"} | row | {"video": str(row["video"])} for k, row in enumerate(rows)])
        table["sha256"] = table["video"].map(digest_files(table["video"], tmp_path))
        write_table(tmp_path / "clips.csv", table)
        decode_shard(tmp_path / "clips.csv", tmp_path / "out.h5", settings)
        with h5py.File(tmp_path / "out.h5") as file:
            return {clip: dict(file[clip].attrs) | {"data": sorted(file[clip])} for clip in file}

    return run


@pytest.fixture
def damaged(tmp_path, coded):
    """The coded video with a hole in its middle: its first frames decode."""
    path = tmp_path / "hole.mp4"
    data = bytearray(coded.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    path.write_bytes(data)
    return path


@pytest.fixture
def planned(monkeypatch):
    """Names of the clips that were looked at since it was cleared."""
    names, plan = [], decode.plan_clip
    monkeypatch.setattr(decode, "plan_clip", lambda clip, settings: names.append(clip["clip"]) or plan(clip, settings))
    return names


def test_a_damaged_video_is_left_out_and_the_others_are_whole(videos, coded, damaged, tmp_path, capsys):
    good = {"video": coded, "end_frame": 8}
    found = videos([good, {"video": damaged, "split": "test"}, {"video": cut(coded, tmp_path / "short.mp4", 0.6)}, good])
    said = capsys.readouterr().err
    for clip, name, split in (("c1", "hole.mp4", "test"), ("c2", "short.mp4", "train")):
        assert found[clip]["data"] == [] and found[clip]["split"] == split
        assert f"{name}: the video is truncated or damaged" in found[clip]["quarantined"]
        assert f"clip {clip} is left out: {found[clip]['quarantined']}" in said
    assert said.count("left out") == 2 and "quarantined" not in found["c0"]
    assert found["c0"]["data"] == found["c3"]["data"] == ["rgb", "source_frame"]
    with h5py.File(tmp_path / "out.h5") as file:
        assert np.array_equal(file["c0/rgb"][:], file["c3/rgb"][:]) and len(file["c0/rgb"]) == 8


def test_what_was_written_of_a_bad_clip_takes_no_room(videos, coded, damaged, tmp_path):
    good = {"video": coded}
    videos([good, good])
    alone = (tmp_path / "out.h5").stat().st_size
    (tmp_path / ".out.h5.kept").unlink()
    videos([good, {"video": damaged}, good])
    assert (tmp_path / "out.h5").stat().st_size < 1.1 * alone + 4096


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"end_frame": 3}, "has 3 frames"),
        ({"start_frame": 90, "end_frame": 101}, "goes past the end"),
        ({"bbox": "70-0-90-20"}, "lies outside"),
    ],
)
def test_windows_and_boxes_that_do_not_fit(videos, coded, row, reason):
    found = videos([{"video": coded, "end_frame": 8, "bbox": ""}, {"video": coded, "bbox": ""} | row])
    assert reason in found["c1"]["quarantined"] and "quarantined" not in found["c0"]


def test_a_picture_of_another_size(videos, coded, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(6):
        Image.fromarray(coded_frame(number)).save(folder / f"{number}.png")
    Image.fromarray(coded_frame(3, 32, 48)).save(folder / "3.png")
    assert "3.png: is 32x48" in videos([{"video": folder}])["c0"]["quarantined"]
    (folder / "3.png").write_bytes(b"no picture")
    assert "3.png: cannot be read" in videos([{"video": folder}])["c0"]["quarantined"]


def test_errors_that_are_not_the_clips_stop_the_stage(videos, coded, tmp_path, monkeypatch):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(6):
        Image.fromarray(coded_frame(number)).save(folder / f"{number}.png")
    with pytest.raises(InputError, match=r"video\.fps is 5"):
        videos([{"video": folder}], VideoSettings(size=SIZE, fps=5, bad_clips="quarantine"))
    write_table(tmp_path / "clips.csv", pd.DataFrame([{"clip": "a", "split": "train", "video": str(tmp_path / "none.mp4")}]))
    with pytest.raises(InputError, match=r"none\.mp4: no such video"):
        decode_shard(tmp_path / "clips.csv", tmp_path / "out.h5", LEAVE_OUT)
    killed = tmp_path / "killed"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setattr(reading, "ffmpeg_binary", lambda: str(killed))
    with pytest.raises(RuntimeError, match=r"coded\.mp4: ffmpeg was killed"):
        videos([{"video": coded}])
    assert not (tmp_path / "out.h5").exists()


def test_what_the_system_refuses_is_not_blamed_on_the_clip(tmp_path):
    """Only what follows from the clip's content is; else a lost network share would leave clips out for good."""

    def refused(cause):
        with blamed_on_clip(tmp_path):
            try:
                raise cause
            except OSError as error:
                raise InputError(f"cannot be read ({error})") from None

    with pytest.raises(ClipError, match="no JPEG"):
        refused(OSError("no JPEG"))
    for cause in (PermissionError(13, "Permission denied"), BlockingIOError(11, "locked"), OSError(5, "Input/output error")):
        with pytest.raises(InputError) as caught:
            refused(cause)
        assert not isinstance(caught.value, ClipError)
    with pytest.raises(InputError) as caught, blamed_on_clip(tmp_path / "none"):
        raise InputError("truncated")
    assert not isinstance(caught.value, ClipError)


def test_only_what_changed_is_tried_again(videos, coded, damaged, tmp_path, planned):
    rows = [{"video": coded, "end_frame": 8}, {"video": damaged}]
    first = videos(rows)
    planned.clear()
    assert videos(rows) == first and planned == []
    rows[1]["video"] = cut(coded, damaged, 1)
    assert "quarantined" not in videos(rows)["c1"] and planned == ["c1"]


def test_another_policy_tries_the_bad_clip_alone(videos, coded, damaged, planned, tmp_path):
    rows = [{"video": coded, "end_frame": 8}, {"video": damaged}]
    first = videos(rows)
    planned.clear()
    with pytest.raises(InputError, match=r"hole\.mp4: the video is truncated.*or set video\.bad_clips to quarantine"):
        videos(rows, FAIL)
    assert planned == ["c1"]
    planned.clear()
    assert videos(rows) == first and planned == [], "the shard before outlives the error"
    assert videos(rows[:1], FAIL)["c0"]["digest"] == first["c0"]["digest"] and planned == []


def test_a_clip_that_works_after_all_is_another_one_to_the_stages_behind(videos, coded, monkeypatch):
    """With the same inputs: a decoder that was mended, say."""
    rows = [{"video": coded, "end_frame": 8}]
    with monkeypatch.context() as broken:
        broken.setattr(decode, "_frames", lambda *_: (_ for _ in ()).throw(ClipError("no codec")))
        bad = videos(rows)["c0"]
    assert bad["quarantined"] == "no codec"
    assert videos(rows, FAIL)["c0"]["digest"] != bad["digest"]


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
    monkeypatch.setattr(stage, "_write_clip", lambda writer, job, *rest: written.append(job.row.clip) or write(writer, job, *rest))
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
    assert not list((cache.folder / "iuv").iterdir())


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
        clip = ClipFrames(SimpleNamespace(clip="anna"), file["anna/rgb"], np.arange(9), None)
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
