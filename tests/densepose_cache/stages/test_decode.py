import json
from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from coded_video import coded_frame, cut, ffmpeg, number_of, write_coded
from known_video import circle_size, write_known, write_raw
from PIL import Image

from densepose_cache.clips import Clip, write_table
from densepose_cache.clips.digests import digest_files
from densepose_cache.config import VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.stages import decode
from densepose_cache.stages.decode import CONVERTED, clip_digest, decode_shard, resample, video_conversion
from densepose_cache.video import read_frames
from densepose_cache.video.conversion import Conversion

SMALL = VideoSettings(size=64)


@pytest.fixture
def shard(tmp_path):
    """Decode rows of a clip table; gives the open shard."""

    def run(*rows, settings=SMALL):
        rows = [{"clip": f"c{k}", "split": "train"} | row | {"video": str(row["video"])} for k, row in enumerate(rows)]
        table = pd.DataFrame(rows)
        table["sha256"] = table["video"].map(digest_files(table["video"], tmp_path))
        write_table(tmp_path / "clips.csv", table)
        decode_shard(tmp_path / "clips.csv", tmp_path / "out.h5", settings)
        return h5py.File(tmp_path / "out.h5")

    return run


@pytest.fixture
def folder(tmp_path):
    """A folder of 12 coded frames of 64x48."""
    (tmp_path / "target").mkdir()
    for number in range(12):
        Image.fromarray(coded_frame(number)).save(tmp_path / f"target/frame{number}.png")
    return tmp_path / "target"


def pixels(dataset) -> np.ndarray:
    """Frames as cache/FORMAT.md reads them."""
    return np.cumsum(dataset[:], axis=-3, dtype=np.uint8)


def numbers(group) -> list[int]:
    return [number_of(frame) for frame in pixels(group["rgb"])]


def test_windows_of_a_video_become_clips(shard, coded):
    with shard({"video": coded}, {"video": coded, "start_frame": 30, "end_frame": 41, "split": "test"}) as file:
        assert numbers(file["c0"]) == list(range(100))
        assert numbers(file["c1"]) == file["c1/source_frame"][:].tolist() == list(range(30, 41))
        assert file["c1/rgb"].shape == (11, 64, 64, 3) and file["c1/rgb"].dtype == np.uint8
        assert file["c1/rgb"].chunks == (1, 64, 64, 3) and file["c1/source_frame"].dtype == np.int32
        facts = dict(file["c1"].attrs)
        assert facts["split"] == "test" and facts["fps"] == 25 and len(facts["digest"]) == 64
        assert Geometry.from_json(facts["geometry"]) == Geometry.from_box(64, 48, None, 64)
        assert json.loads(file.attrs["settings"])["size"] == 64 and file.attrs["stage"] == "decode"


def test_frames_are_the_videos_own(shard, coded):
    """Bars that make the frame square have the pad colour; nothing else changes where no resize is needed."""
    with shard({"video": coded, "end_frame": 5}, settings=VideoSettings(size=64, pad=(1, 2, 3))) as file:
        rgb = pixels(file["c0/rgb"])
    assert (rgb[:, :8] == (1, 2, 3)).all() and (rgb[:, 56:] == (1, 2, 3)).all()
    assert np.array_equal(rgb[:, 8:56], np.stack(list(read_frames(coded, 0, 5))))


def test_boxes_are_cut(shard, coded, folder):
    with shard({"video": coded, "bbox": "16-8-48-40"}, {"video": folder, "bbox": "16-8-48-40"}) as file:
        for clip, count in (("c0", 12), ("c1", 12)):
            for number in range(count):
                bars = pixels(file[clip]["rgb"])[number][32, 8::16].mean(axis=-1) > 128
                assert bars.tolist() == [bool(number >> bit & 1) for bit in (2, 3, 4, 5)]


def test_folders_of_frames(shard, folder):
    with shard({"video": folder, "start_frame": 2}) as file:
        assert numbers(file["c0"]) == file["c0/source_frame"][:].tolist() == list(range(2, 12))
        assert file["c0"].attrs["fps"] == 25


def test_rates(shard, coded):
    with shard({"video": coded, "start_frame": 10, "end_frame": 60}, settings=VideoSettings(size=64, fps=10)) as file:
        assert numbers(file["c0"]) == file["c0/source_frame"][:].tolist()
        assert file["c0/source_frame"][:5].tolist() == [10, 12, 15, 17, 20] and len(file["c0/source_frame"]) == 20
        assert file["c0"].attrs["fps"] == 10


def test_rates_of_a_variable_video(shard, coded, tmp_path):
    """Frames 0, 4, 8, ... to 40, then every one: at 25 frames a second the first ones are shown four times."""
    ffmpeg("-i", coded, "-vf", "select='not(mod(n,4))+gte(n,40)'", "-fps_mode", "vfr", tmp_path / "variable.mp4")
    with shard({"video": tmp_path / "variable.mp4"}, settings=VideoSettings(size=64, fps=25)) as file:
        shown = numbers(file["c0"])
    assert shown == [n // 4 * 4 for n in range(40)] + list(range(40, 100))


def test_a_folder_has_no_rate_but_may_be_given_one(shard, folder):
    with pytest.raises(InputError, match=r"target: video\.fps is 5 but a folder of frames has no rate"):
        shard({"video": folder}, settings=VideoSettings(size=64, fps=5))
    with shard({"video": folder, "fps": "10"}, settings=VideoSettings(size=64, fps=5)) as file:
        assert numbers(file["c0"]) == [0, 2, 4, 6, 8, 10]


def test_resampling_by_hand():
    seconds = np.array([0.0, 0.1, 0.2, 0.3, 1.0, 1.1])
    assert resample(seconds, 0, 6, 10).tolist() == [0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 4, 5]
    assert resample(seconds, 3, 6, 5).tolist() == [3, 3, 3, 3]
    assert resample(seconds + 7, 0, 3, 20).tolist() == [0, 0, 1, 1, 2, 2]
    assert resample(seconds + 7, 2, 4, 10).tolist() == [2] + [3] * 7


def test_unchanged_clips_are_not_decoded_again(shard, coded, tmp_path, monkeypatch):
    rows = [{"video": coded, "end_frame": 8}, {"video": coded, "start_frame": 50, "end_frame": 58}]
    with shard(*rows) as file:
        before = file["c1/rgb"][:]
    planned = []
    plan = decode.plan_clip
    monkeypatch.setattr(decode, "plan_clip", lambda clip, settings: planned.append(clip.name) or plan(clip, settings))
    (tmp_path / "out.h5").unlink()
    shard(*rows).close()
    assert planned == []
    rows[0]["end_frame"] = 9
    with shard(*rows) as file:
        assert planned == ["c0"] and len(file["c0/rgb"]) == 9
        assert np.array_equal(file["c1/rgb"][:], before)
    planned.clear()
    rows[1]["split"] = "test"
    with shard(*rows) as file:
        assert planned == ["c1"] and file["c1"].attrs["split"] == "test"
    planned.clear()
    shard(*rows, settings=VideoSettings(size=128)).close()
    assert planned == ["c0", "c1"]


def test_digests_of_clips_of_plain_videos_are_those_of_old_caches():
    """Literal ones, of before other kinds of video were converted: clips that are read as before are taken over. So are converted ones."""

    def row(**changes) -> Clip:
        return Clip("a", Path("a.mp4"), **{"split": "train", "sha256": "0" * 64} | changes)

    def found(clip, settings, **needs):
        return clip_digest(clip, settings, lambda video: Conversion(**needs))

    cut = row(start_frame=3, end_frame=9, bbox="1-2-30-40", split="test", fps="25")
    settings = VideoSettings(size=64, fps=12.5, pad=(1, 2, 3))
    assert found(row(), VideoSettings()) == "9b4acdf2c7b7b0169d8011de5c411b50f2b6ba7c4f26b6f2182b7fbdac97515a"
    assert found(cut, settings) == "b3fd839f8dea79368917bd242c7f5c7aeb1eb038f2287fd6097a2501595de047"
    wide = found(row(), VideoSettings(), aspect=Fraction(16, 11))
    assert wide == "cc9052b5855c006c825c9c3e4edb205b7a24bde9158e355d311ebe732ca62984"


def test_only_clips_that_are_read_in_another_way_are_decoded_anew(shard, coded, tmp_path, monkeypatch):
    """A cache of before has the digest of a plain video for each clip."""
    wide = write_known(tmp_path / "wide.mkv", "-c:v", "libx264", "-vf", "setsar=16/11")
    rows = {"video": coded, "end_frame": 8}, {"video": wide}
    with monkeypatch.context() as before:
        before.setattr(decode, "video_conversion", lambda video: Conversion())
        with shard(*rows) as file:
            old = file["c0/rgb"][:], file["c1"].attrs["digest"]
    planned = []
    plan = decode.plan_clip
    monkeypatch.setattr(decode, "plan_clip", lambda clip, settings: planned.append(clip.name) or plan(clip, settings))
    with shard(*rows) as file:
        assert planned == ["c1"] and np.array_equal(file["c0/rgb"][:], old[0]) and file["c1"].attrs["digest"] != old[1]


def test_clips_are_taken_over_when_their_videos_are_gone(shard, coded, tmp_path):
    """How they are read then cannot be asked."""
    video = tmp_path / "video.mp4"
    video.write_bytes(coded.read_bytes())
    with shard({"video": video, "end_frame": 8}) as file:
        before = file["c0"].attrs["digest"]
    video.unlink()
    decode_shard(tmp_path / "clips.csv", tmp_path / "out.h5", SMALL)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["c0"].attrs["digest"] == before and len(file["c0/rgb"]) == 8


def test_what_was_converted_is_said_once_and_stands_in_the_shard(shard, coded, tmp_path, capfd):
    wide = write_known(tmp_path / "wide.mkv", "-c:v", "libx264", "-vf", "setsar=16/11", size=(88, 144), aspect=16 / 11)
    with shard({"video": coded, "end_frame": 8, "bbox": ""}, {"video": wide, "bbox": "0-36-128-108"}) as file:
        assert CONVERTED not in file["c0"].attrs and file["c1"].attrs[CONVERTED] == "pixels of 16:11 made square"
        geometry = Geometry.from_json(file["c1"].attrs["geometry"])
        assert (geometry.width, geometry.height, geometry.box) == (128, 144, (0, 36, 128, 108))
        across, down = circle_size(pixels(file["c1/rgb"])[0])
    assert abs(across - down) <= 2 and 26 <= across <= 30, "a circle of 58 pixels in a box that is halved"
    assert capfd.readouterr().err.count("clip c1: pixels of 16:11 made square\n") == 1


def test_transparency_shows_the_colour_of_the_bars(shard, tmp_path):
    frame = np.zeros((48, 64, 4), np.uint8)
    frame[:, :32] = (200, 40, 40, 255)
    path = write_raw(tmp_path / "a.mov", [frame] * 4, "-c:v", "qtrle", "-pix_fmt", "argb", pixels="rgba")
    with shard({"video": path}, settings=VideoSettings(size=64, pad=(1, 2, 3))) as file:
        assert pixels(file["c0/rgb"])[0, 32, [10, 50]].tolist() == [[200, 40, 40], [1, 2, 3]]
        assert file["c0"].attrs[CONVERTED] == "transparency composed over video.pad"


def test_frames_of_other_sizes_are_said(shard, tmp_path, capfd):
    parts = [write_known(tmp_path / f"{n}.ts", "-c:v", "libx264", size=size) for n, size in enumerate([(64, 48), (128, 96)])]
    ffmpeg("-i", f"concat:{parts[0]}|{parts[1]}", "-c", "copy", tmp_path / "both.ts")
    with shard({"video": tmp_path / "both.ts"}) as file:
        assert len(file["c0/rgb"]) == 12
        assert file["c0"].attrs[CONVERTED] == "frames of other sizes scaled to 64x48, from frame 6 on"
    assert "clip c0: frames of other sizes" in capfd.readouterr().err


def test_an_empty_shard(tmp_path):
    write_table(tmp_path / "clips.csv", pd.DataFrame({"clip": []}))
    decode_shard(tmp_path / "clips.csv", tmp_path / "out.h5", SMALL)
    with h5py.File(tmp_path / "out.h5") as file:
        assert len(file) == 0 and file.attrs["stage"] == "decode"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"end_frame": 3}, r"coded\.mp4: clip 'c0' has 3 frames .* at least 4"),
        ({"start_frame": 97}, r"coded\.mp4: clip 'c0' has 3 frames"),
        ({"start_frame": 90, "end_frame": 101}, r"coded\.mp4: the window 90\.\.101 of clip 'c0' goes past the end; there are 100 frames"),
        ({"start_frame": 100}, r"coded\.mp4: the window 100\.\."),
        ({"bbox": "70-0-90-20"}, r"coded\.mp4: clip 'c0': bbox 70-0-90-20 lies outside of the frame of 64x48"),
    ],
)
def test_windows_and_boxes_that_do_not_fit(shard, coded, tmp_path, row, reason):
    with pytest.raises(InputError, match=reason):
        shard({"video": coded} | row)
    assert not list(tmp_path.glob("*.h5*")) + list(tmp_path.glob(".out*"))


def test_a_clip_of_two_frames(shard, tmp_path):
    with pytest.raises(InputError, match=r"two\.mp4: clip 'c0' has 2 frames"):
        shard({"video": write_coded(tmp_path / "two.mp4", 2)})


def test_a_truncated_video_leaves_nothing(shard, coded, tmp_path):
    damaged = tmp_path / "hole.mp4"
    data = bytearray(coded.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    damaged.write_bytes(data)
    for video in (damaged, cut(coded, tmp_path / "short.mp4", 0.6)):
        with pytest.raises(InputError, match=rf"{video.name}: the video is truncated or damaged"):
            shard({"video": coded, "end_frame": 10}, {"video": video})
        assert not list(tmp_path.glob("*.h5*")) + list(tmp_path.glob(".out*"))


def test_an_older_shard_survives_an_error(shard, coded, tmp_path):
    shard({"video": coded, "end_frame": 8}).close()
    before = (tmp_path / "out.h5").read_bytes()
    with pytest.raises(InputError):
        shard({"video": coded, "end_frame": 2})
    assert (tmp_path / "out.h5").read_bytes() == before


def test_a_picture_of_another_size_is_named(shard, folder, tmp_path):
    Image.fromarray(coded_frame(3, 32, 48)).save(folder / "frame3.png")
    with pytest.raises(InputError, match=r"frame3\.png: is 32x48 but frame0\.png is 64x48"):
        shard({"video": folder})
    assert not list(tmp_path.glob("*.h5*"))


def test_missing_video_and_folder(tmp_path):
    for video in ("none.mp4", "no/folder"):
        write_table(tmp_path / "clips.csv", pd.DataFrame([{"clip": "a", "split": "train", "video": str(tmp_path / video)}]))
        with pytest.raises(InputError, match=rf"{video}: no such video"):
            decode_shard(tmp_path / "clips.csv", tmp_path / "out.h5", SMALL)


def test_real_frames_at_their_own_size_are_kept_bit_for_bit(shard, test_data):
    target = test_data / "data/ubc_sample/fashion/1/target"
    with shard({"video": target, "start_frame": 9, "end_frame": 13}, settings=VideoSettings(size=256)) as file:
        for row, number in enumerate(range(9, 13)):
            assert np.array_equal(pixels(file["c0/rgb"])[row], np.asarray(Image.open(target / f"frame{number}.png").convert("RGB")))


def deep(frame):
    return np.asarray(frame).mean(axis=-1).astype(np.uint16) * 257


def transparent(frame):
    return np.dstack([frame, np.full(frame.shape[:2], 0, np.uint8)])


def opaque(frame):
    return np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)])


@pytest.mark.parametrize(
    ("change", "said"),
    [(deep, "16-bit grey scaled to 8 bits"), (transparent, "transparency composed over video.pad")],
)
def test_what_is_done_to_pictures_is_said_and_noted(shard, folder, capsys, change, said):
    for path in folder.iterdir():
        Image.fromarray(change(np.asarray(Image.open(path)))).save(path)
    with shard({"video": folder}, settings=VideoSettings(size=64, pad=(9, 200, 9))) as file:
        assert file["c0"].attrs[CONVERTED] == said
        assert numbers(file["c0"]) == list(range(12)) if change is deep else (pixels(file["c0/rgb"]) == (9, 200, 9)).all()
    assert capsys.readouterr().err.count(f"clip c0: {said}\n") == 1


@pytest.mark.parametrize("change", [None, opaque, deep, transparent])
def test_digests_of_plain_pictures_are_what_they_always_were(folder, change):
    """Of all kinds of pictures that were read rightly before, so that no clip of a cache is decoded again."""
    for path in folder.iterdir() if change else ():
        Image.fromarray(change(np.asarray(Image.open(path)))).save(path)
    found = clip_digest(Clip("a", folder, "train", start_frame=2, fps="25", sha256="0" * 64), SMALL, video_conversion)
    before = "6044dde7a3f0b5e30508778247b208251c67fb4c6f1135549fe3b2c7a44d8da6"
    converted = "3a90f6da939a8beda893589a4881db4687eb6e66a5d4aba7ab80e3fa7e260bff"
    assert found == (before if change in (None, opaque) else converted)


def test_the_digest_is_that_of_the_frames_in_the_window(folder):
    path = folder / "frame1.png"
    Image.fromarray(transparent(np.asarray(Image.open(path)))).save(path)
    clips = [Clip("a", folder, "train", start_frame=start, sha256="0" * 64) for start in (1, 2)]
    digests = [clip_digest(clip, SMALL, video_conversion) for clip in clips]
    path.unlink()
    Image.fromarray(coded_frame(1)).save(path)
    plain = [clip_digest(clip, SMALL, video_conversion) for clip in clips]
    assert [one == other for one, other in zip(digests, plain, strict=True)] == [False, True]
