from pathlib import Path

import pandas as pd
import pytest

from densepose_cache.clips import Clip, clip_digests, format_box, parse_box, read_clips, read_table, table_digest, write_table
from densepose_cache.clips.table import clip_name
from densepose_cache.core.errors import InputError

GOOD = {"clip": "a+b-c_1.x", "split": "train", "video": "v.mp4", "start_frame": "3", "end_frame": "9", "bbox": "1-2-30-40"}


def write(tmp_path, *rows):
    pd.DataFrame([GOOD | row for row in rows]).reindex(
        columns=["clip", "split", "video", "start_frame", "end_frame", "bbox", "iuv", "sha256", "iuv_sha256", "note"]
    ).to_csv(tmp_path / "clips.csv", index=False)
    return tmp_path / "clips.csv"


def test_round_trip_keeps_everything(tmp_path):
    path = write(tmp_path, {"note": "007"}, {"clip": "b", "start_frame": "", "end_frame": "", "bbox": "", "note": "NA"})
    table = read_table(path)
    assert table["start_frame"].dtype == "Int64" and table["start_frame"].tolist() == [3, pd.NA]
    assert table["bbox"].tolist() == ["1-2-30-40", ""]
    assert table["note"].tolist() == ["007", "NA"]
    write_table(tmp_path / "again.csv", table)
    assert read_table(tmp_path / "again.csv").equals(table)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.csv", "clips.csv"]


@pytest.mark.parametrize("column", ["split", "start_frame", "end_frame", "bbox", "sha256", "iuv_sha256"])
def test_the_digest_is_of_what_clips_show_and_not_of_where_they_lie(tmp_path, column):
    other = {"split": "test", "start_frame": "4", "end_frame": "8", "bbox": "1-2-30-41", "sha256": "1", "iuv_sha256": "2"}
    table = read_table(write(tmp_path, {}, {"clip": "b"}))
    moved = read_table(write(tmp_path, {"video": "w.mp4", "iuv": "x", "note": "new"}, {"clip": "b"}))
    assert table_digest(table) == table_digest(table[::-1]) == table_digest(moved) and len(set(clip_digests(table))) == 1
    changed = read_table(write(tmp_path, {column: other[column]}, {"clip": "b"}))
    assert table_digest(changed) != table_digest(table) and clip_digests(changed)["b"] == clip_digests(table)["b"]
    assert table_digest(read_table(write(tmp_path, {}, {"clip": "c"}))) != table_digest(table)


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"clip": "../up"}, "clip", "no clip name"),
        ({"clip": "-first"}, "clip", "no clip name"),
        ({"clip": "a b"}, "clip", "no clip name"),
        ({"clip": "a/b"}, "clip", "no clip name"),
        ({"clip": ""}, "clip", "no clip name"),
        ({"clip": "twice"}, "clip", "stands in row 2, too"),
        ({"split": "validation"}, "split", "allowed: train, test"),
        ({"video": ""}, "video", "no video"),
        ({"start_frame": "9"}, "end_frame", "is empty"),
        ({"start_frame": "", "end_frame": "0"}, "end_frame", "is empty"),
        ({"start_frame": "-1"}, "start_frame", "no frame number"),
        ({"end_frame": "soon"}, "end_frame", "no frame number"),
        ({"end_frame": "2.5"}, "end_frame", "no frame number"),
        ({"bbox": "1,2,3,4"}, "bbox", "left-top-right-bottom"),
        ({"bbox": "1-2-3"}, "bbox", "left-top-right-bottom"),
        ({"bbox": "30-2-3-9"}, "bbox", "is empty"),
    ],
)
def test_errors_name_file_row_and_column(tmp_path, change, column, reason):
    path = write(tmp_path, {"clip": "twice"}, change)
    with pytest.raises(InputError, match=rf"clips\.csv: row 3, column {column}: .*{reason}"):
        read_table(path)


def test_missing_and_malformed_files(tmp_path):
    path = tmp_path / "clips.csv"
    with pytest.raises(InputError, match="no such table"):
        read_table(path)
    path.write_text("")
    with pytest.raises(InputError, match="not a CSV table"):
        read_table(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(InputError, match=r"clips\.csv"):
        read_table(path)
    path.write_text("clip,split\na,train\n")
    with pytest.raises(InputError, match=r"columns video, start_frame, .* missing; found: clip, split"):
        read_table(path)


def test_nothing_is_written_of_a_wrong_table(tmp_path):
    with pytest.raises(InputError):
        write_table(tmp_path / "clips.csv", pd.DataFrame([GOOD | {"split": "x"}]))
    assert not list(tmp_path.iterdir())


def test_the_first_wrong_row_is_named_and_its_first_column(tmp_path):
    path = write(tmp_path, {"clip": "a"}, {"clip": "b", "bbox": "1-2", "video": ""}, {"clip": "/"}, {"clip": "a"}, {"clip": "a"})
    with pytest.raises(InputError, match=r"row 3, column video"):
        read_table(path)
    with pytest.raises(InputError, match=r"row 4, column clip: 'a' stands in row 2, too"):
        read_table(write(tmp_path, {"clip": "a"}, {"clip": "b"}, {"clip": "a"}, {"clip": "a"}))


@pytest.mark.parametrize(
    ("text", "box"), [("", None), ("1-2-3-4", (1, 2, 3, 4)), ("-5--6-7-8", (-5, -6, 7, 8)), ("0.6-1.2-9.5-20", (1, 1, 10, 20))]
)
def test_boxes(text, box):
    assert parse_box(text) == Clip("a", Path("v.mp4"), bbox=text).box == box
    assert not box or parse_box(format_box(*box)) == box


def test_clips_say_what_the_table_says(tmp_path):
    path = write(tmp_path, {"iuv": "m.iuv.h5", "sha256": "ab", "iuv_sha256": "cd"}, {"clip": "b", "start_frame": "", "end_frame": "7.0"})
    first, second = read_clips(path)
    assert first == Clip("a+b-c_1.x", Path("v.mp4"), "train", 3, 9, "1-2-30-40", "", Path("m.iuv.h5"), "ab", "cd")
    assert first.box == (1, 2, 30, 40) and first.window == (3, 9) and first.rate is None
    assert second == Clip("b", Path("v.mp4"), "train", None, 7, "1-2-30-40") and type(second.end_frame) is int
    pd.read_csv(path, dtype=str).assign(fps=["12.50", ""]).to_csv(path, index=False)
    assert [(clip.fps, clip.rate) for clip in read_clips(path)] == [("12.50", 12.5), ("", None)]


def test_the_text_of_a_table_stays_byte_for_byte(tmp_path):
    text = (
        "clip,split,video,start_frame,end_frame,bbox,iuv,sha256,iuv_sha256,fps,note\n"
        "a,train,v.mp4,3,9,1.0-2-30-40,v.iuv.h5,ab,cd,12.50,\n"
        'b,test,"w, x.mp4",,,,,,,,007\n'
    )
    (tmp_path / "clips.csv").write_text(text)
    table = read_table(tmp_path / "clips.csv")
    write_table(tmp_path / "again.csv", table)
    assert (tmp_path / "again.csv").read_text() == text
    assert table_digest(table) == "71410619017a929216926a9b929897403601a60ac73ed6a29b9be5372ee6a3ae"


@pytest.mark.parametrize(
    ("text", "name"), [("fashion/1", "fashion-1"), ("91+bCkk", "91+bCkk"), ("_x", "v_x"), ("-y", "v-y"), ("my clip (1)", "my_clip__1_")]
)
def test_names_from_paths(text, name):
    assert clip_name(text) == name
