import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from coded_video import cut, write_coded
from known_video import write_known
from source_folders import frames_folder

from densepose_cache.clips import read_table
from densepose_cache.clips.fetched import replaced
from densepose_cache.clips.videos import video_files
from densepose_cache.config import FramesSource, SampleSource, UrlsSource, VideosSource
from densepose_cache.core.errors import InputError
from densepose_cache.stages.clips import build_clip_table
from densepose_cache.stages.clips import clip_rows as rows_and_missing
from densepose_cache.storage.digest import file_sha256


def clip_rows(source, data):
    """The rows of a source of which nothing may be missing."""
    table, missing = rows_and_missing(source, data)
    assert not len(missing)
    return table


def test_frames_become_a_row_to_train_and_one_to_test(folders, tmp_path):
    table = build_clip_table(FramesSource(kind="frames", path=str(folders)), tmp_path, tmp_path / "cache/clips.csv", 3)
    assert table["clip"].tolist() == ["fashion-1-test", "fashion-1-train", "taichi-1-test", "taichi-1-train"]
    assert table["split"].tolist() == ["test", "train", "test", "train"]
    assert table["start_frame"].tolist() == [7, 0, 15, 0] and table["end_frame"].tolist() == [10, 7, 21, 15]
    assert table["video"][0] == str(folders / "fashion/1/target") and table["iuv"][0] == str(folders / "fashion/1/dp_target")
    assert table["sha256"][0] == table["sha256"][1] == file_sha256(folders / "fashion/1/target")
    assert table["iuv_sha256"][2] == file_sha256(folders / "taichi/1/dp_target")
    assert read_table(tmp_path / "cache/clips.csv").equals(table)


def test_frames_through_a_link(folders, tmp_path):
    (tmp_path / "link").symlink_to(folders)
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer/inner").symlink_to(folders / "fashion")
    assert len(clip_rows(FramesSource(kind="frames", path=str(tmp_path / "link")), tmp_path)) == 4
    assert clip_rows(FramesSource(kind="frames", path=str(tmp_path / "outer")), tmp_path)["clip"][0] == "inner-1-train"


def test_frames_without_maps_leave_the_column_empty(tmp_path):
    frames_folder(tmp_path / "frames", "one", 8, maps=0)
    (tmp_path / "frames/one/dp_target").rmdir()
    assert clip_rows(FramesSource(kind="frames", path=str(tmp_path / "frames")), tmp_path)["iuv"].tolist() == ["", ""]


def test_frames_by_table(folders, tmp_path):
    (tmp_path / "t.csv").write_text(
        "clip,split,start_frame,end_frame,bbox,folder\nhead,train,0,5,1-1-8-8,fashion/1\ntail,test,5,,,fashion/1\ntaichi/1,test,,,,taichi/1\n"
    )
    table = clip_rows(FramesSource(kind="frames", path=str(folders), table=str(tmp_path / "t.csv")), tmp_path)
    assert table["clip"].tolist() == ["head", "tail", "taichi-1"]
    assert table["bbox"].tolist() == ["1-1-8-8", "", ""]
    assert table["video"].tolist() == [str(folders / name / "target") for name in ("fashion/1", "fashion/1", "taichi/1")]
    (tmp_path / "t.csv").write_text("clip,split\nfashion-1,train\nnone,test\n")
    with pytest.raises(InputError, match=r"t\.csv: row 3: .*none/target does not exist"):
        clip_rows(FramesSource(kind="frames", path=str(folders), table=str(tmp_path / "t.csv")), tmp_path)


def test_frames_that_are_missing(tmp_path):
    source = FramesSource(kind="frames", path=str(tmp_path / "ubc"))
    with pytest.raises(InputError, match=r"ubc: no such folder .*github.com/ubc-vision/DwNet.*source\.path"):
        clip_rows(source, tmp_path)
    (tmp_path / "ubc").mkdir()
    with pytest.raises(InputError, match="ubc: holds no folder `target`"):
        clip_rows(source, tmp_path)
    (tmp_path / "ubc/a/target").mkdir(parents=True)
    with pytest.raises(InputError, match="a/target: the folder holds no frames"):
        clip_rows(source, tmp_path)


def test_a_map_too_few(tmp_path):
    frames_folder(tmp_path / "frames", "a", 6, maps=5)
    with pytest.raises(InputError, match=r"dp_target: holds 5 IUV maps but .*target holds 6 frames; `densepose-cache import-iuv"):
        clip_rows(FramesSource(kind="frames", path=str(tmp_path / "frames")), tmp_path)


def test_videos_by_pattern(videos, tmp_path):
    table = clip_rows(VideosSource(kind="videos", path=str(videos)), tmp_path)
    assert table["clip"].tolist() == ["train-a", "train-b", "test-a"]
    assert table["split"].tolist() == ["train", "train", "test"]
    assert table["iuv"].tolist() == ["", str(videos / "train/b.iuv.h5"), ""]


def test_videos_that_are_missing(videos, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: no such folder of videos.*source\.path"):
        clip_rows(VideosSource(kind="videos", path=str(tmp_path / "nowhere")), tmp_path)
    with pytest.raises(InputError, match=r"no test video matches `other/\*`.*source\.test"):
        clip_rows(VideosSource(kind="videos", path=str(videos), test="other/*"), tmp_path)


def test_a_video_in_both_splits_is_refused(videos, tmp_path):
    with pytest.raises(InputError, match=r"videos: train/a\.mp4 would be clip 'train-a' both to train and to test"):
        build_clip_table(VideosSource(kind="videos", path=str(videos), test="train/*"), tmp_path, tmp_path / "c/clips.csv", 1)
    assert not (tmp_path / "c/clips.csv").exists()


def test_videos_that_would_have_one_name_are_both_named(videos, tmp_path):
    for name in ("a b.mp4", "a_b.mov"):
        (videos / "train" / name).touch()
    with pytest.raises(InputError, match=r"videos: both train/a b\.mp4 and train/a_b\.mov would be clip 'train-a_b'; rename one"):
        clip_rows(VideosSource(kind="videos", path=str(videos)), tmp_path)
    (videos / "train/a_b.mov").unlink()
    for name in ("舞蹈.mp4", "跳舞.mp4"):
        (videos / "train" / name).touch()
    names = clip_rows(VideosSource(kind="videos", path=str(videos)), tmp_path)["clip"]
    assert names.is_unique and sum(name.startswith("train-__-") for name in names) == 2


def test_folders_that_several_links_lead_to_are_entered_once(folders, videos, tmp_path):
    (videos / "train/again").symlink_to(videos / "train")
    (videos / "both").mkdir()
    for name in ("one", "two"):
        (videos / "both" / name).symlink_to(videos / "test")
    assert len(video_files(videos)) == 3
    (folders / "all").symlink_to(folders)
    assert len(clip_rows(FramesSource(kind="frames", path=str(folders)), tmp_path)) == 4


def table_source(videos, tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    return VideosSource(kind="videos", path=str(videos), table=str(tmp_path / "t.csv"))


def test_videos_by_table_in_their_own_frames(videos, tmp_path):
    text = "clip,split,video,start,end,bbox,who\none,train,train/a.mp4,0,40,1-2-50-40,x\ntwo,test,train/a.mp4,40,,,y\n"
    table = clip_rows(table_source(videos, tmp_path, text), tmp_path)
    assert table["start_frame"].tolist() == [0, 40] and table["end_frame"].tolist() == [40, pd.NA]
    assert table["bbox"].tolist() == ["1-2-50-40", ""] and table["who"].tolist() == ["x", "y"]
    assert table["video"].tolist() == [str(videos / "train/a.mp4")] * 2


def test_windows_and_boxes_move_to_the_size_and_rate_of_the_file(videos, tmp_path):
    """The reference is twice as large and counts 50 frames a second; the file is 64x48 at 25."""
    text = "clip,split,video,start_frame,end_frame,bbox,fps,width,height\none,train,train/a.mp4,20,120,8-6-100-90,50,128,96\n"
    text += "two,test,test/a.mp4,0,400,,50,,\n"
    table = clip_rows(table_source(videos, tmp_path, text), tmp_path)
    assert table["start_frame"].tolist() == [10, 0]
    assert table["end_frame"].tolist() == [60, 100], "the second window would end after the last frame"
    assert table["bbox"].tolist() == ["4-3-50-45", ""]
    assert not {"fps", "width", "height"} & set(table.columns)


PUBLISHED = """video_id,start,end,bbox,fps,width,height,partition
_yt-ID,0,25,0-0-64-48,25,64,48,train
gone1,0,9,1-1-9-9,25,64,48,train
_yt-ID,30,50,0-0-32-24,25,32,24,test
_yt-ID,30,50,8-8-32-24,25,32,24,test
deep#p1,50,100,10-5-60-40,50.0,64,48,test
"""


def test_a_published_table_as_it_is(videos, tmp_path, capsys):
    """The header of the Tai-Chi metadata: names, windows and boxes, and what is not there."""
    write_coded(videos / "_yt-ID.mp4", 60)
    (videos / "more/below").mkdir(parents=True)
    write_coded(videos / "more/below/deep.mp4", 60)
    source = table_source(videos, tmp_path, PUBLISHED)
    table, missing = rows_and_missing(source, tmp_path)
    assert table["clip"].tolist() == ["v_yt-ID-0-25", "v_yt-ID-30-50", "v_yt-ID-30-50-2", "deep_p1-50-100"]
    assert table["split"].tolist() == ["train", "test", "test", "test"]
    assert table["bbox"].tolist() == ["0-0-64-48", "0-0-64-48", "16-16-64-48", "10-5-60-40"]
    assert table["start_frame"].tolist() == [0, 30, 30, 25] and table["end_frame"].tolist() == [25, 50, 50, 50]
    assert table["video"].tolist() == [str(videos / "_yt-ID.mp4")] * 3 + [str(videos / "more/below/deep.mp4")]
    assert missing.values.tolist() == [["gone1-0-9", "train", f"no video `gone1` in {videos}"]]
    assert "lacks 1 video of" in (said := capsys.readouterr().err) and "1 of 5 clips are left out" in said
    with pytest.raises(InputError, match=r"lacks 1 of the videos that .*t\.csv names, the first is `gone1`; .*source\.missing"):
        rows_and_missing(source.model_copy(update={"missing": "fail"}), tmp_path)


def test_what_is_missing_is_listed_beside_the_clip_table(videos, tmp_path):
    write_coded(videos / "_yt-ID.mp4", 60)
    write_coded(videos / "deep.mp4", 60)
    source, out = table_source(videos, tmp_path, PUBLISHED), tmp_path / "cache/clips.csv"
    assert len(build_clip_table(source, tmp_path, out, 1)) == 4
    assert pd.read_csv(out.with_name("missing.csv"))["clip"].tolist() == ["gone1-0-9"]
    write_coded(videos / "gone1.mp4", 60)
    assert len(build_clip_table(source, tmp_path, out, 1)) == 5
    assert not out.with_name("missing.csv").exists()


def test_a_video_that_is_there_twice(videos, tmp_path):
    (videos / "more").mkdir()
    for place in ("x.mp4", "more/x.webm"):
        (videos / place).touch()
    with pytest.raises(InputError, match=r"the video x is there twice, also as .*x\.mp4"):
        clip_rows(table_source(videos, tmp_path, "video_id,partition\nx,train\n"), tmp_path)


def test_a_rate_that_was_rounded_is_the_same_rate(videos, tmp_path):
    """24000/1001 is published as 23.97: frame numbers must not drift by a frame in 170 seconds."""
    write_coded(videos / "film.mp4", 60, fps=24000 / 1001)
    table = clip_rows(table_source(videos, tmp_path, "video_id,start,end,fps,partition\nfilm,20000,20100,23.97,train\n"), tmp_path)
    assert (table["start_frame"][0], table["end_frame"][0]) == (20000, 20100)


def test_files_that_are_short_or_damaged_are_left_to_decoding(videos, tmp_path, coded, capsys):
    """Whether they stop it or go into quarantine is for the key video.bad_clips to say."""
    write_coded(videos / "short.mp4", 60)
    cut(coded, videos / "torn.mp4", 0.5)
    text = "video_id,start,end,bbox,fps,width,height,partition\nshort,10,200,0-0-64-48,25,64,48,train\n"
    text += "short,80,200,0-0-64-48,25,64,48,test\ntorn,5,10,2-2-9-9,25,640,480,test\n"
    table = clip_rows(table_source(videos, tmp_path, text), tmp_path)
    assert table["start_frame"].tolist() == [10, 80, 5] and table["end_frame"].tolist() == [60, 200, 10]
    assert table["bbox"].tolist() == ["0-0-64-48", "0-0-64-48", "2-2-9-9"]
    assert "warning: " in (said := capsys.readouterr().err) and "torn.mp4" in said


def test_a_flat_folder_is_drawn_into_two_splits(tmp_path):
    folder = tmp_path / "flat"
    for number in range(200):
        path = folder / f"part{number % 3}" / f"v{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / ".hidden").mkdir()
    (folder / ".hidden/x.mp4").touch()
    (folder / "notes.txt").touch()
    (folder / "part0/again").symlink_to(folder)
    source = VideosSource(kind="videos", path=str(folder))
    table = clip_rows(source, tmp_path)
    assert len(table) == 200 and table["clip"][0] == "part0-v0"
    assert 0.1 < (table["split"] == "test").mean() < 0.3
    half = clip_rows(source.model_copy(update={"test_fraction": 0.5}), tmp_path)
    assert (
        set(table["clip"][table["split"] == "test"]) < set(half["clip"][half["split"] == "test"])
        and 80 < (half["split"] == "test").sum() < 120
    )
    for path in (folder / "part1").iterdir():
        path.unlink()
    left = clip_rows(source, tmp_path).set_index("clip")["split"]
    assert left.equals(table.set_index("clip")["split"][left.index]), "the others keep their split"


def test_whatever_can_be_decoded_is_a_video_and_the_rest_is_named(tmp_path, capsys):
    folder = tmp_path / "camera"
    folder.mkdir()
    kinds = ("00001.MTS", "a.m2ts", "b.3gp", "c.wmv", "d.flv", "e.ogv", "f.vob", "g.mxf", "h.mpv", "noSuffix")
    muxers = {"h.mpv": ("-f", "mpegts"), "noSuffix": ("-f", "matroska"), "b.3gp": ("-c:v", "libx264")}
    for name in kinds:
        write_known(folder / name, *muxers.get(name, ()), count=5)
    for name in ("notes.txt", "1.png", "2.png", "3.PNG", "song.xyz", "a.iuv.h5", ".hidden.mts"):
        (folder / name).write_bytes(b"nothing to see\n" * 9)
    source = VideosSource(kind="videos", path=str(folder))
    table = clip_rows(source, tmp_path)
    assert sorted(Path(video).name for video in table["video"]) == sorted(kinds)
    assert f"{folder}: passed over, no videos: 3 files like 1.png, notes.txt, song.xyz\n" == capsys.readouterr().err
    for split in ("train", "test"):
        (folder / split).mkdir()
    (folder / "00001.MTS").rename(folder / "train/00001.MTS")
    (folder / "noSuffix").rename(folder / "test/noSuffix")
    (folder / "notes.txt").rename(folder / "test/notes.txt")
    assert len(clip_rows(source, tmp_path)) == 2
    assert capsys.readouterr().err == f"{folder}: passed over, no videos: notes.txt\n"
    (folder / "table.csv").write_text("video_id,partition\nh,train\nnoSuffix,test\n")
    assert len(clip_rows(source.model_copy(update={"table": str(folder / "table.csv")}), tmp_path)) == 2
    assert "table.csv" not in capsys.readouterr().err


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_both_splits_get_a_video_if_there_are_two(tmp_path, fraction):
    (tmp_path / "v").mkdir()
    for number in range(3):
        (tmp_path / f"v/{number}.mp4").touch()
        source = VideosSource(kind="videos", path=str(tmp_path / "v"), test_fraction=fraction)
        if number:
            assert set(clip_rows(source, tmp_path)["split"]) == {"train", "test"}
        else:
            with pytest.raises(InputError, match=r"v: holds 1 video but at least two are needed.*source\.table"):
                clip_rows(source, tmp_path)


def test_a_folder_with_one_of_two_splits_is_not_drawn(tmp_path):
    (tmp_path / "v/train").mkdir(parents=True)
    (tmp_path / "v/train/a.mp4").touch()
    with pytest.raises(InputError, match=r"no test video matches `test/\*`"):
        clip_rows(VideosSource(kind="videos", path=str(tmp_path / "v")), tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("clip,split,video\na,train,none.mp4\n", r"t\.csv: row 2, column video: .*none\.mp4 does not exist"),
        ("clip,video\na,train/a.mp4\n", r"t\.csv: column split missing"),
        ("split,video\ntrain,train/a.mp4\n", r"t\.csv: column clip missing"),
        ("clip,split,video,bbox\na,train,train/a.mp4,1-2\n", r"t\.csv: row 2, column bbox"),
        ("clip,split,video,fps,start\na,train,train/a.mp4,zero,1\n", r"t\.csv: row 2, column fps: 'zero'"),
        ("clip,split,video,fps,start\na,train,train/a.mp4,25,x\n", r"t\.csv: row 2, column start_frame: 'x'"),
        ("clip,split,video,width,bbox\na,train,train/a.mp4,25,x\n", r"t\.csv: row 2, column bbox: 'x'"),
        ("clip,split,video\na,dev,train/a.mp4\n", r"t\.csv: row 2, column split"),
        ("video_id,partition\nnone,train\n", r"holds none of the 1 videos that .*t\.csv names .*source\.path"),
    ],
)
def test_errors_of_tables_name_file_row_and_column(videos, tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        clip_rows(table_source(videos, tmp_path, text), tmp_path)


def test_a_table_that_is_missing_comes_with_the_ways_to_get_it(videos, tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: no such table of clips\. .*Tai-Chi metadata.*source\.table"):
        clip_rows(VideosSource(kind="videos", path=str(videos), table=str(tmp_path / "none.csv")), tmp_path)


def test_sample_rows(tmp_path):
    source = SampleSource(kind="sample")
    with pytest.raises(InputError, match=r"manifest\.csv: no such file; run `densepose-cache sample`"):
        clip_rows(source, tmp_path)
    (tmp_path / "manifest.csv").write_text("clip,split,video,iuv\na,train,a.mp4,a.iuv.h5\n")
    with pytest.raises(InputError, match=r"a\.mp4: named in .*manifest\.csv but missing"):
        clip_rows(source, tmp_path)
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.iuv.h5").touch()
    row = clip_rows(source, tmp_path).iloc[0]
    assert row[["clip", "split", "video", "iuv"]].to_dict() == {
        "clip": "a",
        "split": "train",
        "video": str(tmp_path / "a.mp4"),
        "iuv": str(tmp_path / "a.iuv.h5"),
    }


def test_fetched_rows(tmp_path):
    source = UrlsSource(kind="urls", train="train.txt", test="test.txt")
    with pytest.raises(InputError, match=r"fetched\.csv: no such file; run `densepose-cache fetch`.*kind `videos`"):
        clip_rows(source, tmp_path)
    text = "url,split,clip,video,status\nhttp://x/a.mp4,train,a,a.mp4,ok\nhttp://x/b.mp4,test,b,b.mp4,gone: HTTP 404\n"
    (tmp_path / "fetched.csv").write_text(text + "http://x/c.mp4,test,c,c.mp4,ok\n")
    with pytest.raises(InputError, match=r"a\.mp4: named in"):
        clip_rows(source, tmp_path)
    for name in ("a.mp4", "c.mp4", "c.iuv.h5"):
        (tmp_path / name).touch()
    table, missing = rows_and_missing(source, tmp_path)
    assert table["clip"].tolist() == ["a", "c"] and table["iuv"].tolist() == ["", str(tmp_path / "c.iuv.h5")]
    assert missing.values.tolist() == [["b", "test", "gone: HTTP 404"]]
    (tmp_path / "fetched.csv").write_text("url,split,clip,video,status\nhttp://x/b.mp4,test,b,b.mp4,gone\n")
    with pytest.raises(InputError, match="not one video could be fetched"):
        clip_rows(source, tmp_path)


def test_a_side_file_beside_the_frames_comes_before_pictures(folders, tmp_path):
    """Also where the folder of pictures lacks maps, and where pictures of person numbers lie in it."""
    (folders / "fashion/1/target.iuv.h5").touch()
    (folders / "fashion/1/dp_target/frame3_IUV.png").unlink()
    (folders / "taichi/1/dp_target/frame3_INDS.png").touch()
    table = clip_rows(FramesSource(kind="frames", path=str(folders)), tmp_path)
    assert table["iuv"].tolist() == [str(folders / "fashion/1/target.iuv.h5")] * 2 + [str(folders / "taichi/1/dp_target")] * 2


def test_real_frames(test_data, tmp_path):
    table = clip_rows(FramesSource(kind="frames", path=str(test_data / "data/ubc_sample")), tmp_path)
    assert table["clip"].tolist() == ["fashion-1-train", "fashion-1-test", "taichi-1-train", "taichi-1-test"]
    assert table["end_frame"].tolist() == [260, 371, 227, 324]


def test_videos_in_the_place_of_downloaded_ones_are_known_by_size_and_time(tmp_path):
    """Of a table from before it said so, all videos are named: their sizes and times are what is compared from then on."""
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"video")
        os.utime(tmp_path / name, ns=(1, 1))
    head = "url,split,clip,video,status"
    rows = ["http://x/a.mp4,train,a,a.mp4,ok", "http://x/b.mp4,test,b,b.mp4,ok", "http://x/c,test,c,c.mp4,gone"]
    assert replaced(tmp_path) == []
    (tmp_path / "fetched.csv").write_text("\n".join([head, *rows]))
    assert replaced(tmp_path) == [["a.mp4", "5", "1"], ["b.mp4", "5", "1"]]
    (tmp_path / "fetched.csv").write_text("\n".join([f"{head},size,changed", *(f"{row},5,1" for row in rows[:2]), f"{rows[2]},,"]))
    assert replaced(tmp_path) == []
    os.utime(tmp_path / "b.mp4", ns=(1, 2))
    assert replaced(tmp_path) == [["b.mp4", "5", "2"]]
    (tmp_path / "b.mp4").unlink()
    assert replaced(tmp_path) == []


@pytest.mark.parametrize("length", [200, 240, 251])
def test_names_that_are_too_long_for_later_files_are_shortened(videos, tmp_path, length):
    """Every later name fits, also that of a side file beside a video whose own has 255 bytes."""
    one, other = ("n" * (length - 1) + letter for letter in "ab")
    shutil.copy(videos / "train/a.mp4", videos / f"train/{one}.mp4")
    shutil.copy(videos / "train/a.mp4", videos / f"test/{other}.mp4")
    table = clip_rows(VideosSource(kind="videos", path=str(videos)), tmp_path)
    found = sorted(name for name in table["clip"] if "nnn" in name)
    assert len(set(found)) == 2 and all(len(name) <= 240 for name in table["clip"])
    assert (found == [f"test-{other}", f"train-{one}"]) == (length == 200)


def test_long_names_of_folders_of_frames_are_shortened(tmp_path):
    frames_folder(tmp_path, "n" * 240, 8)
    table = clip_rows(FramesSource(kind="frames", path=str(tmp_path)), tmp_path)
    assert [len(name) for name in table["clip"]] == [240, 240] and table["clip"][0].endswith("-train")


def test_a_long_name_in_a_table_is_refused(videos, tmp_path):
    source = table_source(videos, tmp_path, f"clip,split,video\n{'n' * 241},train,train/a.mp4\n")
    with pytest.raises(InputError, match=r"row 2, column clip: 'nnn.* has 241 characters, but .*: take at most 240"):
        clip_rows(source, tmp_path)


@pytest.mark.parametrize("name", ["train/x.mp4", "train/x", "train/a.iuv.h5", "x.mp4", "anna"])
def test_a_link_without_a_target_is_named_with_it(videos, tmp_path, name):
    """Where it is a video, the maps beside one, or a whole folder, in split and flat folders."""
    root = videos if name.startswith("train") else tmp_path / "flat"
    if root != videos:
        root.mkdir()
        for video in ("1.mp4", "2.mp4"):
            shutil.copy(videos / "train/a.mp4", root / video)
    (root / name).symlink_to("/nowhere/x")
    with pytest.raises(InputError, match=rf"{name} is a link to /nowhere/x"):
        clip_rows(VideosSource(kind="videos", path=str(root)), tmp_path)


def test_a_source_that_is_a_link_without_a_target_is_named_with_it(tmp_path):
    (tmp_path / "data").symlink_to("/nowhere/data")
    for source in (VideosSource(kind="videos", path=f"{tmp_path}/data"), FramesSource(kind="frames", path=f"{tmp_path}/data")):
        with pytest.raises(InputError, match="data is a link to /nowhere/data"):
            clip_rows(source, tmp_path)


@pytest.mark.parametrize("folder", ["target", "dp_target", "."])
def test_links_without_a_target_in_folders_of_frames(tmp_path, folder):
    frames_folder(tmp_path, "1", 8)
    if folder == ".":
        (tmp_path / "2").symlink_to("/nowhere/2")
    else:
        shutil.rmtree(tmp_path / "1" / folder)
        (tmp_path / "1" / folder).symlink_to("/nowhere/2")
    with pytest.raises(InputError, match="is a link to /nowhere/2"):
        clip_rows(FramesSource(kind="frames", path=str(tmp_path)), tmp_path)


@pytest.mark.parametrize("place", ["train", ""])
def test_a_name_of_an_older_encoding_is_refused(videos, tmp_path, place):
    root = videos if place else tmp_path / "flat"
    root.mkdir(exist_ok=True)
    shutil.copy(videos / "train/a.mp4", root / place / os.fsdecode(b"caf\xe9.mp4"))
    with pytest.raises(InputError, match=r"caf\\xe9\.mp4: the name is not UTF-8"):
        clip_rows(VideosSource(kind="videos", path=str(root)), tmp_path)
