"""Videos and pictures that cannot be decoded: in quarantine, or what stops the stage all the same, and what is done again."""

import h5py
import numpy as np
import pandas as pd
import pytest
from coded_video import coded_frame, cut
from people import SIZE
from PIL import Image

from densepose_cache.cache.quarantine import blamed_on_clip
from densepose_cache.clips import write_table
from densepose_cache.clips.digests import digest_files
from densepose_cache.config import VideoSettings
from densepose_cache.core.errors import ClipError, InputError
from densepose_cache.stages import decode
from densepose_cache.stages.decode import decode_shard
from densepose_cache.video import reading

FAIL, LEAVE_OUT = (VideoSettings(size=SIZE, bad_clips=policy) for policy in ("fail", "quarantine"))


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
    monkeypatch.setattr(decode, "plan_clip", lambda clip, settings: names.append(clip.name) or plan(clip, settings))
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


def test_a_bad_clip_is_tried_again_by_another_version_of_the_reader(videos, coded, damaged, planned, monkeypatch):
    """And no other: in it may be what the new one reads."""
    rows = [{"video": coded, "end_frame": 8}, {"video": damaged}]
    with monkeypatch.context() as older:
        older.setattr(decode, "READER", 1)
        first = videos(rows)
    planned.clear()
    again = videos(rows)
    assert planned == ["c1"] and again["c0"] == first["c0"] and again["c1"]["digest"] != first["c1"]["digest"]
    planned.clear()
    assert videos(rows) == again and planned == []
