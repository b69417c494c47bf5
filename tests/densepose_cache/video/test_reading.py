import itertools

import numpy as np
import pytest
from coded_video import cut, ffmpeg, number_of, numbers_of, write_coded

from densepose_cache.core.errors import InputError
from densepose_cache.video import frame_times, probe, read_frames

CODECS = {
    "open_gop.mp4": ("-c:v", "libx264", "-x264-params", "keyint=12:open-gop=1:bframes=3:b-adapt=0"),
    "short_gop.mkv": ("-c:v", "libx264", "-g", "10"),
    "stream.ts": ("-c:v", "libx264", "-g", "10"),
    "packed.avi": ("-c:v", "mpeg4", "-bf", "2", "-g", "10"),
    "hidden_frames.webm": ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "300k"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-g", "30", "-b:v", "300k", "-deadline", "realtime", "-cpu-used", "8"),
    "motion_jpeg.mov": ("-c:v", "mjpeg"),
}


@pytest.mark.parametrize("name", CODECS)
def test_every_window_of_every_container_is_exact(coded, tmp_path, name):
    path = tmp_path / name
    ffmpeg("-i", coded, *CODECS[name], path)
    assert len(frame_times(path).seconds) == 100
    assert numbers_of(read_frames(path)) == list(range(100))
    for start, end in [(0, 1), (0, 30), (11, 14), (37, 61), (95, 100), (99, 100)]:
        assert numbers_of(read_frames(path, start, end)) == list(range(start, end)), (start, end)


def test_variable_frame_rate_keeps_every_frame_once(coded, tmp_path):
    path = tmp_path / "variable.mp4"
    ffmpeg("-i", coded, "-vf", "select='not(mod(n,3))+eq(mod(n,7),1)'", "-fps_mode", "vfr", "-g", "12", path)
    expected = [n for n in range(100) if n % 3 == 0 or n % 7 == 1]
    times = frame_times(path)
    assert np.allclose(times.seconds, np.array(expected) / 25, atol=1e-3)
    assert numbers_of(read_frames(path)) == expected
    assert numbers_of(read_frames(path, 20, 33)) == expected[20:33]


def test_the_rate_is_that_of_the_frames_where_the_container_says_another(coded, tmp_path):
    for name in ("variable.webm", "variable.mp4"):
        path = tmp_path / name
        ffmpeg("-i", coded, "-vf", "select='not(mod(n,3))+eq(mod(n,7),1)+eq(n,99)'", "-fps_mode", "vfr", path)
        times = frame_times(path)
        assert times.rate(probe(path).fps) == pytest.approx((len(times.seconds) - 1) / (99 / 25), rel=0.02)
    assert probe(tmp_path / "variable.webm").fps == pytest.approx(25), "what this is about"
    steady = frame_times(coded)
    assert steady.rate(25.0) == 25.0 and steady.rate(25.1) == 25.1 and steady.rate(0.0) == pytest.approx(25)


def test_frames_that_an_edit_list_hides_do_not_count(coded, tmp_path):
    path = tmp_path / "edited.mp4"
    ffmpeg("-ss", "0.52", "-i", coded, "-c", "copy", path)
    assert numbers_of(read_frames(path)) == list(range(13, 100))
    assert numbers_of(read_frames(path, 50, 60)) == list(range(63, 73))


def test_video_that_starts_after_the_sound(coded, tmp_path):
    path = tmp_path / "late.mkv"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=3", "-itsoffset", "1.3", "-i", coded, "-map", "0:a", "-map", "1:v", "-c:v", "copy", path)
    assert frame_times(path).seconds[0] == pytest.approx(1.3)
    assert numbers_of(read_frames(path)) == list(range(100))
    assert numbers_of(read_frames(path, 60, 70)) == list(range(60, 70))


def test_rotation_is_applied(coded, tmp_path):
    path = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", "90", "-i", coded, "-c", "copy", path)
    info = probe(path)
    assert (info.width, info.height, info.rotation) == (48, 64, 90)
    turned, plain = (next(read_frames(p, 77, 78)) for p in (path, coded))
    assert turned.shape == (64, 48, 3)
    assert np.array_equal(turned, np.rot90(plain)), "90 is counter-clockwise"


def test_odd_sizes(coded, tmp_path):
    path = tmp_path / "odd.mkv"
    ffmpeg("-i", coded, "-vf", "scale=65:47,format=yuv444p", "-c:v", "libx264", path)
    assert (probe(path).width, probe(path).height) == (65, 47)
    frames = list(read_frames(path, 40, 45))
    assert frames[0].shape == (47, 65, 3)
    assert numbers_of(frames) == list(range(40, 45))


def test_filters_and_size(coded):
    frame = next(read_frames(coded, 5, 6, [("crop", {"w": 32, "h": 20, "x": 0, "y": 0}), ("scale", {"w": 16, "h": 10})], (16, 10)))
    assert frame.shape == (10, 16, 3) and frame.dtype == np.uint8


def test_colours_come_back(tmp_path):
    from densepose_cache.video import write_video

    colours = np.array([[200, 40, 40], [40, 180, 60], [50, 60, 210], [255, 255, 255], [0, 0, 0], [222, 184, 135]], np.uint8)
    frames = [np.broadcast_to(colour, (32, 32, 3)).copy() for colour in colours for _ in range(3)]
    write_video(tmp_path / "colours.mp4", frames, 25, crf=10)
    decoded = np.stack(list(read_frames(tmp_path / "colours.mp4"))).astype(int)
    assert np.abs(decoded - np.stack(frames)).max() <= 4


@pytest.mark.parametrize(("start", "end"), [(90, 101), (-1, 5), (100, None), (7, 7)])
def test_window_outside_of_the_video(coded, start, end):
    with pytest.raises(InputError, match=r"coded\.mp4: the window .* is outside of the video's 100 frames"):
        list(read_frames(coded, start, end))


def test_stopping_early_leaves_no_process(coded):
    frames = read_frames(coded)
    assert [number_of(f) for f in itertools.islice(frames, 3)] == [0, 1, 2]
    frames.close()


@pytest.mark.parametrize("share", [0.0, 0.02, 0.6, 0.999])
def test_truncated_mp4(coded, tmp_path, share):
    path = cut(coded, tmp_path / "short.mp4", share)
    with pytest.raises(InputError, match=r"short\.mp4: .*(truncated|empty|no video)"):
        list(read_frames(path))


def test_truncated_mp4_with_its_index_at_the_end(coded, tmp_path):
    ffmpeg("-i", coded, "-c", "copy", tmp_path / "whole.mp4")
    with pytest.raises(InputError, match=r"short\.mp4: cannot be read as a video"):
        list(read_frames(cut(tmp_path / "whole.mp4", tmp_path / "short.mp4", 0.7)))


def test_truncated_matroska(coded, tmp_path):
    ffmpeg("-i", coded, "-c", "copy", tmp_path / "whole.mkv")
    with pytest.raises(InputError, match=r"short\.mkv: the video is truncated"):
        list(read_frames(cut(tmp_path / "whole.mkv", tmp_path / "short.mkv", 0.7)))


def test_damaged_bytes_in_the_middle(tmp_path):
    path = write_coded(tmp_path / "hole.mp4", 100)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"hole\.mp4: the video is truncated or damaged"):
        list(read_frames(path))


@pytest.mark.parametrize("read", [probe, frame_times, lambda path: list(read_frames(path))])
def test_what_is_no_video(tmp_path, read):
    page = tmp_path / "page.mp4"
    page.write_text("<!DOCTYPE html><html><body>Not found</body></html>\n" * 20)
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    sound = tmp_path / "sound.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", sound)
    for path, reason in [
        (page, "cannot be read"),
        (playlist, "cannot be read"),
        (sound, "no video stream"),
        (tmp_path / "none.mp4", "no such"),
    ]:
        with pytest.raises(InputError, match=rf"{path.name}: .*{reason}"):
            read(path)


def test_names_that_look_like_protocols_or_options(coded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-i.mp4", "http:x.mp4", "a%03d.mp4", "with space and 'quote'.mp4"):
        (tmp_path / name).write_bytes(coded.read_bytes())
        assert numbers_of(read_frames(name, 8, 10)) == [8, 9]
