import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from coded_video import ffmpeg
from known_video import write_known
from people import SIZE, body_maps
from small_cache import PRECOMPUTED, SHARDS, write_tables
from source_folders import write_source

from densepose_cache.cache.shard import bucket, shard_name
from densepose_cache.cache.stack import Stack
from densepose_cache.clips import read_table, write_table
from densepose_cache.config import DensePoseSettings, VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backend import FrameMap
from densepose_cache.densepose.missing import fill_missing
from densepose_cache.iuv import write_iuv_png
from densepose_cache.iuv.agreement import agreement
from densepose_cache.iuv.quality import measure
from densepose_cache.stages import densepose as stage
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard
from densepose_cache.storage.reuse import kept
from densepose_cache.video import VideoWriter

FRAMES = 7


class OneClip:
    """A clip `anna` in its shard, its frames decoded."""

    def __init__(self, folder, maps, split="train", side_file=False, video=None, **columns):
        self.folder = folder
        row = write_source(folder / "data", "anna", split, maps, side_file) | columns
        write_tables(folder, [row])
        name = shard_name(bucket("anna", SHARDS))
        self.row, self.table = row, folder / "clips" / f"{name}.csv"
        self.frames, self.out = folder / "frames" / f"{name}.h5", folder / "iuv" / f"{name}.h5"
        decode_shard(self.table, self.frames, video or VideoSettings(size=SIZE))

    def run(self, settings=PRECOMPUTED):
        densepose_shard(self.table, self.frames, self.out, settings)
        with h5py.File(self.out) as file:
            group = file["anna"]
            return {key: (Stack(group[key]) if key == "iuv" else group[key])[:] for key in group} | dict(group.attrs)

    def refuses(self, match, settings=PRECOMPUTED):
        with pytest.raises(InputError, match=match) as caught:
            self.run(settings)
        assert not self.out.parent.is_dir() or not list(self.out.parent.iterdir()), "something was left behind"
        return str(caught.value)


@pytest.mark.parametrize("side_file", [False, True])
def test_maps_arrive_as_they_are(tmp_path, side_file):
    maps = body_maps(0, FRAMES)
    found = OneClip(tmp_path, maps, side_file=side_file).run()
    assert np.array_equal(found["iuv"], maps)
    assert not found["held"].any()
    assert found["detection_rate"] == 1
    assert found["body_share"] == pytest.approx((maps[..., 0] > 0).mean())
    assert ("keypoints" in found) == side_file


def test_png_order_is_obeyed(tmp_path):
    maps = body_maps(0, FRAMES)
    clip = OneClip(tmp_path, maps)
    for time, iuv in enumerate(maps):
        write_iuv_png(tmp_path / "data/anna/dp_target" / f"frame{time}_IUV.png", iuv, "IUV")
    table = read_table(clip.table)
    table["iuv_sha256"] = "changed"
    write_table(clip.table, table)
    assert np.array_equal(clip.run(DensePoseSettings(backend="precomputed", png_order="IUV"))["iuv"], maps)
    with pytest.raises(InputError, match=r"frame0_IUV\.png.*png_order"):
        clip.run()


def test_windows_and_boxes_cut_maps_and_keypoints_as_they_cut_frames(tmp_path):
    maps = body_maps(1, 12)
    clip = OneClip(tmp_path, maps, side_file=True, start_frame=3, end_frame=9, bbox="8-4-40-36", video=VideoSettings(size=64))
    found = clip.run()
    assert np.array_equal(found["iuv"][:, ::2, ::2], maps[3:9, 4:36, 8:40])
    x, y, visible = found["keypoints"][0, 0]
    assert (x, y, visible) == pytest.approx(((10 - 8 + 0.5) * 2 - 0.5, (20 - 4 + 0.5) * 2 - 0.5, 1))
    with h5py.File(clip.frames) as file:
        rgb = Stack(file["anna/rgb"])[:]
    assert ((rgb[..., 0].astype(int) - 200 > -60) == (found["iuv"][..., 0] == 0)).mean() > 0.8, "frames and maps lie on each other"


@pytest.mark.parametrize("side_file", [False, True])
def test_maps_of_pixels_as_stored_and_as_shown_are_taken(tmp_path, side_file):
    """Of a video whose pixels are twice as wide as high, turned upright: 64x32 are stored, 64x64 shown."""
    shown = np.repeat(body_maps(3, FRAMES)[:, ::2], 2, axis=1)
    found = {}
    for name, maps in (("shown", shown), ("stored", shown[:, ::2])):
        clip = OneClip(tmp_path / name, maps, side_file=side_file)
        plain = write_known(tmp_path / "plain.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-aspect", "1", count=FRAMES, size=(32, 64))
        video = tmp_path / name / "anna.mp4"
        ffmpeg("-display_rotation", "90", "-i", plain, "-c", "copy", video)
        table = read_table(clip.table)
        table["video"] = str(video)
        write_table(clip.table, table)
        decode_shard(clip.table, clip.frames, VideoSettings(size=SIZE))
        found[name] = clip.run()
    assert np.array_equal(found["shown"]["iuv"], shown) and np.array_equal(found["stored"]["iuv"], shown)
    if side_file:
        assert found["shown"]["keypoints"][0, 0].tolist() == [10, 20, 1]
        assert found["stored"]["keypoints"][0, 0].tolist() == [10, (20 + 0.5) * 2 - 0.5, 1]


def test_frames_of_a_resampled_video_get_their_own_maps(tmp_path):
    maps = body_maps(2, 20)
    clip = OneClip(tmp_path, maps, side_file=True)
    video = tmp_path / "anna.mp4"
    with VideoWriter(video, 20, (SIZE, SIZE)) as writer:
        for iuv in maps:
            writer.write(iuv)
    table = read_table(clip.table)
    table["video"] = str(video)
    write_table(clip.table, table)
    decode_shard(clip.table, clip.frames, VideoSettings(size=SIZE, fps=10))
    found = clip.run()
    with h5py.File(clip.frames) as file:
        numbers = file["anna/source_frame"][:]
    assert len(numbers) == 10
    assert np.array_equal(found["iuv"], maps[numbers])


def test_unchanged_clips_are_taken_over_and_changed_settings_are_seen(tmp_path):
    clip = OneClip(tmp_path, body_maps(0, FRAMES))
    first = clip.run()
    shutil.rmtree(tmp_path / "data/anna/dp_target")
    (tmp_path / "data/anna/dp_target").mkdir()
    clip.out.unlink()
    assert np.array_equal(clip.run()["iuv"], first["iuv"]), "taken from the shard before, the maps were not read"
    assert clip.run(DensePoseSettings(backend="precomputed", device="cpu", batch=2))["digest"] == first["digest"]
    with pytest.raises(InputError, match="no IUV pictures"):
        clip.run(DensePoseSettings(backend="precomputed", missing="empty"))


def test_missing_maps(tmp_path):
    maps = body_maps(0, FRAMES)
    empty = [0, 3, 4]
    broken = maps.copy()
    broken[empty] = 0
    clip = OneClip(tmp_path, broken)
    found = clip.run()
    assert np.flatnonzero(found["held"]).tolist() == empty
    assert found["detection_rate"] == pytest.approx(4 / 7)
    assert np.array_equal(found["iuv"], maps[[1, 1, 2, 2, 2, 5, 6]])
    found = clip.run(DensePoseSettings(backend="precomputed", missing="empty"))
    assert np.array_equal(found["iuv"], broken)
    assert np.flatnonzero(found["held"]).tolist() == empty
    shutil.rmtree(clip.out.parent)
    clip.refuses("anna.*frame 0", DensePoseSettings(backend="precomputed", missing="fail"))
    clip.refuses("anna.*3 of 7.*max_missing = 0.4", DensePoseSettings(backend="precomputed", max_missing=0.4))


def test_nobody_at_all_is_refused():
    with pytest.raises(InputError, match=r"clip x.*any of its 3 frames"):
        fill_missing([FrameMap(None)] * 3, "x", 3, 4, "empty", 1.0)


def test_what_backends_say_of_frames_is_kept():
    iuv = body_maps(0, 1)[0]
    found = fill_missing([FrameMap(None, people=2), FrameMap(iuv, 0.9, 3, True)], "x", 2, SIZE, "hold", 1.0)
    assert np.array_equal(found.iuv, [iuv, iuv])
    assert found.held.tolist() == [True, False] and found.near_ties.tolist() == [False, True]
    assert np.array_equal(found.scores, np.float32([np.nan, 0.9]), equal_nan=True)
    assert found.people.tolist() == [2, 3]
    assert found.scores.dtype == np.float32 and found.people.dtype == np.int32


class Watched:
    """A backend that finds one person on every frame but the third."""

    name = "watched"

    def fingerprint(self, row):
        return {"backend": self.name, "weights": "abc"}

    def maps(self, clip):
        for number, iuv in enumerate(body_maps(0, len(clip.rgb))):
            yield FrameMap(None) if number == 2 else FrameMap(iuv, 0.75, 2 - number % 2, number == 4)

    def keypoints(self, clip):
        return None


def test_figures_and_the_makers_name_go_into_the_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "make_backend", lambda *_: Watched())
    found = OneClip(tmp_path, body_maps(0, FRAMES)).run()
    assert (found["backend"], found["detector"]) == ("watched", '{"backend":"watched","weights":"abc"}')
    assert (found["mean_score"], found["people_max"], found["people_mean"]) == (0.75, 2, pytest.approx(9 / 7))
    assert (found["frames_with_several"], found["near_ties"], found["detection_rate"]) == (3, 1, pytest.approx(6 / 7))
    people = [2 - t % 2 if t != 2 else 0 for t in range(FRAMES)]
    maps = [FrameMap(None) if t == 2 else FrameMap(iuv, 0.75, people[t], t == 4) for t, iuv in enumerate(body_maps(0, FRAMES))]
    wanted = measure(fill_missing(maps, "anna", FRAMES, SIZE, "hold", 0.5)).known()
    assert {name: found[name] for name in wanted} == wanted and "uv_flicker" in wanted


class GoesBack(Watched):
    """Another follower: on the last frame it goes back from a stranger."""

    def maps(self, clip):
        for number, found in enumerate(super().maps(clip)):
            yield found._replace(went_back=number == len(clip.rgb) - 1)


def test_a_clip_whose_maps_differ_from_those_of_earlier_versions_has_a_digest_of_its_own(tmp_path, monkeypatch):
    """All others keep theirs; and what is there is taken over, whichever it is."""
    clip = OneClip(tmp_path, body_maps(0, FRAMES))
    monkeypatch.setattr(stage, "make_backend", lambda *_: Watched())
    before = clip.run()["digest"]
    monkeypatch.setattr(stage, "make_backend", lambda *_: GoesBack())
    assert clip.run()["digest"] == before
    for path in (clip.out, kept(clip.out)):
        path.unlink()
    assert clip.run()["digest"] == stage.went_back(before) != before
    monkeypatch.setattr(GoesBack, "maps", lambda *_: pytest.fail("made again"))
    assert clip.run()["digest"] == stage.went_back(before)


def test_maps_beside_a_video_measure_those_that_a_network_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "make_backend", lambda *_: Watched())
    exact = body_maps(0, FRAMES)
    clip = OneClip(tmp_path, exact, side_file=True)
    found = clip.run()
    wanted = agreement(found["iuv"], exact)
    assert {name: found[f"reference_{name}"] for name in wanted} == wanted
    assert 0.5 < wanted["part_accuracy"] < 1 and wanted["u_error"] == 0, "the third frame stands still"
    assert found["keypoints"].shape == (FRAMES, 17, 3)
    table = read_table(clip.table)
    write_table(clip.table, table.assign(iuv_sha256="changed"))
    assert clip.run()["digest"] != found["digest"]
    write_table(clip.table, table.assign(iuv="", iuv_sha256=""))
    alone = clip.run()
    assert "keypoints" not in alone and not any(name.startswith("reference_") for name in alone)


def test_maps_from_files_have_no_score(tmp_path):
    found = OneClip(tmp_path, body_maps(0, FRAMES)).run()
    assert "mean_score" not in found
    assert (found["backend"], found["people_max"], found["near_ties"]) == ("precomputed", 1, 0)
    assert '"png_order":"VUI"' in found["detector"]


def test_part_above_24_names_the_picture(tmp_path):
    clip = OneClip(tmp_path, body_maps(0, FRAMES))
    from PIL import Image

    Image.fromarray(np.full((SIZE, SIZE, 3), 30, np.uint8)).save(tmp_path / "data/anna/dp_target/frame5_IUV.png")
    assert "30" in clip.refuses(r"frame5_IUV\.png")


def test_picture_of_another_size_is_refused(tmp_path):
    clip = OneClip(tmp_path, body_maps(0, FRAMES))
    write_iuv_png(tmp_path / "data/anna/dp_target/frame2_IUV.png", body_maps(0, 1, 32)[0])
    clip.refuses(r"frame2_IUV\.png.*32x32.*64x64")


@pytest.mark.parametrize("side_file", [False, True])
def test_other_number_of_maps_than_frames(tmp_path, side_file):
    clip = OneClip(tmp_path, body_maps(0, FRAMES), side_file=side_file)
    if side_file:
        with h5py.File(clip.row["iuv"], "w") as file:
            file["iuv"] = body_maps(0, FRAMES + 2)
    else:
        write_iuv_png(tmp_path / "data/anna/dp_target/frame7_IUV.png", body_maps(0, 1)[0])
    clip.refuses(f"{FRAMES + 2 if side_file else FRAMES + 1} IUV maps.*{FRAMES} frames")


def test_side_files_that_are_none(tmp_path):
    clip = OneClip(tmp_path, body_maps(0, FRAMES), side_file=True)
    path = tmp_path / "data/anna/anna.iuv.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    clip.refuses(r"anna\.iuv\.h5: cannot be read")
    path.write_text("text")
    clip.refuses(r"anna\.iuv\.h5: cannot be read")
    with h5py.File(path, "w") as file:
        file["something"] = 1
    clip.refuses(r"anna\.iuv\.h5.*dataset `iuv`")
    with h5py.File(path, "w") as file:
        file["iuv"] = body_maps(0, FRAMES)
        file["keypoints"] = np.zeros((FRAMES, 5, 3), np.float32)
    clip.refuses(r"anna\.iuv\.h5.*keypoints")
    path.unlink()
    clip.refuses(r"anna\.iuv\.h5.*missing")


def test_clip_without_maps_says_what_to_do(tmp_path):
    clip = OneClip(tmp_path, body_maps(0, FRAMES), iuv="")
    clip.refuses("anna has no IUV maps.*rcnn or embedded")


def test_frames_that_are_missing_truncated_or_foreign(tmp_path):
    clip = OneClip(tmp_path, body_maps(0, FRAMES))
    whole = clip.frames.read_bytes()
    clip.frames.write_bytes(whole[: len(whole) // 2])
    clip.refuses(rf"{clip.frames.name}.*cannot be read")
    with h5py.File(clip.frames, "w") as file:
        file["anna"] = 1
    clip.refuses(rf"{clip.frames.name}.*stage None")
    clip.frames.unlink()
    clip.refuses(rf"{clip.frames.name}: no such shard")


def test_clip_that_the_frames_lack(tmp_path):
    clip = OneClip(tmp_path, body_maps(0, FRAMES))
    table = read_table(clip.table)
    more = table.assign(clip="zoe")
    write_table(clip.table, pd.concat([table, more]))
    clip.refuses("no clip zoe.*decode")


def test_degraded_training_clips(tmp_path):
    maps = body_maps(0, FRAMES)
    settings = DensePoseSettings(backend="precomputed", degrade="train")
    train = OneClip(tmp_path / "a", maps)
    found = train.run(settings)
    assert found["degraded"]
    assert found["iuv"].shape == maps.shape
    assert (found["iuv"] != maps).any()
    train.out.unlink()
    (train.out.parent / f".{train.out.name}.kept").unlink()
    assert np.array_equal(train.run(settings)["iuv"], found["iuv"]), "the same defects every time"
    test = OneClip(tmp_path / "b", maps, split="test").run(settings)
    assert not test["degraded"]
    assert np.array_equal(test["iuv"], maps)
