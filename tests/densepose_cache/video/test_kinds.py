"""Kinds of video that are not plain: what is read is what players show."""

from pathlib import Path

import av
import numpy as np
import pytest
from coded_video import ffmpeg
from known_video import bars_of, circle_size, colour_error, write_hdr, write_known, write_raw

from densepose_cache.core.errors import InputError
from densepose_cache.video import frame_times, probe, read_frames

H264 = ("-c:v", "libx264", "-crf", "4", "-pix_fmt", "yuv420p")
BT709 = ("-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p")
BT601 = ("-vf", "scale=out_color_matrix=bt601:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p")
NOT_NAMED = ("-bsf:v", "h264_metadata=matrix_coefficients=2:colour_primaries=2:transfer_characteristics=2")


def facts(path: Path) -> dict:
    return dict(probe(path).conversion.facts())


@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [
        pytest.param((90, 72), "16:11", (131, 72), id="DV, wide"),
        pytest.param((90, 60), "8:9", (80, 60), id="DVD, NTSC"),
        pytest.param((64, 96), "2:1", (128, 96), id="anamorphic"),
    ],
)
def test_pixels_become_square(tmp_path, size, aspect, shown):
    wide, high = map(int, aspect.split(":"))
    path = write_known(tmp_path / "a.mp4", *H264, "-aspect", f"{size[0] * wide}:{size[1] * high}", size=size, aspect=wide / high)
    info = probe(path)
    assert (info.width, info.height) == shown and info.coded == size and facts(path) == {"aspect": aspect}
    across, down = circle_size(next(read_frames(path)))
    assert abs(across - down) <= 2 and abs(down - 0.4 * size[1]) <= 2
    ffmpeg("-display_rotation", "90", "-i", path, "-c", "copy", tmp_path / "turned.mp4")
    info = probe(tmp_path / "turned.mp4")
    assert (info.width, info.height) == shown[::-1] and info.coded == size[::-1]
    turned, upright = (next(read_frames(p)) for p in (tmp_path / "turned.mp4", path))
    assert np.abs(turned.astype(int) - np.rot90(upright)).mean() < 2


def test_a_shape_that_was_rounded_stays_plain(tmp_path):
    """As ffmpeg writes it where it makes a side even: 1215:1216."""
    path = write_known(tmp_path / "a.mp4", *H264, "-aspect", "215:160", size=(192, 144))
    assert facts(path) == {"aspect": "129:128"}
    path = write_known(tmp_path / "b.mp4", *H264, "-vf", "setsar=1215/1216", size=(192, 144))
    assert facts(path) == {} and probe(path).width == 192


def test_a_shape_that_cannot_be_is_refused(tmp_path):
    path = write_known(tmp_path / "a.mp4", *H264, "-vf", "setsar=1/100")
    with pytest.raises(InputError, match=r"a\.mp4: its pixels are said to be 0\.01 times as wide as high.*-aspect"):
        probe(path)


@pytest.mark.parametrize(
    ("size", "matrix", "found"),
    [((320, 720), BT709, {"matrix": "BT.709"}), ((320, 576), BT601, {}), ((1280, 576), BT601, {})],
)
def test_a_colour_matrix_that_is_not_named_goes_by_the_number_of_lines(tmp_path, size, matrix, found):
    path = write_known(tmp_path / "a.mp4", *H264[:-2], *matrix, *NOT_NAMED, size=size, count=2)
    assert facts(path) == found
    assert colour_error(next(read_frames(path))) <= 3


@pytest.mark.parametrize(("lines", "matrix", "name"), [(720, BT601, "smpte170m"), (144, BT709, "bt709")])
def test_a_colour_matrix_that_is_named_counts(tmp_path, lines, matrix, name):
    path = write_known(tmp_path / "a.mp4", *H264[:-2], *matrix, "-colorspace", name, size=(192, lines), count=2)
    assert facts(path) == {}
    assert colour_error(next(read_frames(path))) <= 3


@pytest.mark.parametrize("lines", [144, 720])
def test_full_range_that_is_flagged(tmp_path, lines):
    to_full = f"scale=out_color_matrix={'bt709' if lines == 720 else 'bt601'}:out_range=pc,format=yuv420p"
    named = (*NOT_NAMED[:1], NOT_NAMED[1] + ":video_full_range_flag=1")
    path = write_known(tmp_path / "a.mp4", *H264[:-2], "-vf", to_full, "-color_range", "pc", *named, size=(192, lines), count=2)
    assert colour_error(next(read_frames(path))) <= 3


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_tone_mapped(tmp_path, transfer, name):
    path = write_hdr(tmp_path / "a.mov", transfer)
    assert facts(path) == {"colour": name} and str(probe(path).conversion) == f"tone-mapped from {name}"
    frames = list(read_frames(path))
    assert bars_of(frames) == [0, 1, 2, 3]
    assert colour_error(frames[0]) <= 6


def test_hdr_that_names_only_its_curve(tmp_path):
    write_hdr(tmp_path / "a.mov", "smpte2084")
    strip = "h264_metadata=matrix_coefficients=2:colour_primaries=2"
    ffmpeg("-i", tmp_path / "a.mov", "-c", "copy", "-bsf:v", strip, "-f", "matroska", tmp_path / "b.mkv")
    ffmpeg("-i", tmp_path / "b.mkv", "-c", "copy", "-bsf:v", strip, tmp_path / "c.ts")
    assert facts(tmp_path / "c.ts") == {"colour": "PQ"}
    assert probe(tmp_path / "c.ts").conversion.unsaid == ("colorspace", "color_primaries")
    assert colour_error(next(read_frames(tmp_path / "c.ts"))) <= 6


def test_colours_that_nothing_can_read_are_named(tmp_path):
    write_known(tmp_path / "a.mp4", "-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le", "-tag:v", "dvh1")
    with pytest.raises(InputError, match=r"a\.mp4: is in Dolby Vision's own colours, .*libplacebo"):
        probe(tmp_path / "a.mp4")


def test_the_gamut_of_bt2020_in_sdr(tmp_path):
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=bt2020-10:range=tv"
    path = write_known(tmp_path / "a.mp4", *H264[:-2], "-vf", f"scale=out_color_matrix=bt2020,format=yuv420p10le,{tags}")
    assert facts(path) == {"colour": "BT.2020"}
    frame = next(read_frames(path)).astype(int)
    assert (frame[12:24, 4:28].reshape(-1, 3).mean(axis=0) - (200, 30, 30))[0] > 20, "red of BT.2020 is redder"
    assert np.abs(frame[70:75, 10:20] - 128).max() <= 3, "grey stays grey"


@pytest.fixture
def interlaced(tmp_path):
    """Ten frames of 50 fields a second, a bright bar that moves 4 pixels a field: made with `options` into tmp_path / name."""

    def make(name: str, *options) -> Path:
        fields = []
        for time in range(20):
            field = np.full((96, 128, 3), 40, np.uint8)
            field[:, 10 + 4 * time : 40 + 4 * time] = 220
            fields.append(field)
        frames = [fields[2 * k].copy() for k in range(10)]
        for k, frame in enumerate(frames):
            frame[1::2] = fields[2 * k + 1][1::2]
        return write_raw(tmp_path / name, frames, "-vf", "setfield=tff", *options)

    return make


def combing(frame: np.ndarray) -> float:
    """How much rows differ from the mean of those above and below."""
    grey = frame.astype(float).mean(axis=-1)
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean())


KINDS_OF_INTERLACED = {
    "h264.mp4": ("-c:v", "libx264", "-crf", "4", "-flags", "+ildct+ilme", "-x264opts", "tff=1", "-pix_fmt", "yuv420p"),
    "mpeg2.mpg": ("-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ildct+ilme", "-bf", "2", "-pix_fmt", "yuv420p"),
}


@pytest.mark.parametrize("name", KINDS_OF_INTERLACED)
def test_interlaced_frames_are_deinterlaced_one_a_frame(interlaced, name):
    path = interlaced(name, *KINDS_OF_INTERLACED[name])
    assert facts(path) == {"interlaced": "True"}
    assert len(frame_times(path).seconds) == 10
    frames = list(read_frames(path))
    assert len(frames) == 10 and max(map(combing, frames)) < 0.6
    assert np.array_equal(np.stack(list(read_frames(path, 3, 7))), np.stack(frames[3:7]))
    edges = [int(np.argmax(frame[48].mean(axis=-1) > 130)) for frame in frames]
    assert all(abs(step - 8) <= 1 for step in np.diff(edges)), "each frame is one moment"


def test_what_is_not_flagged_interlaced_stays_as_it_is(interlaced):
    path = interlaced("plain.mp4", "-c:v", "libx264", "-crf", "4", "-pix_fmt", "yuv420p")
    assert facts(path) == {} and combing(next(read_frames(path))) > 3


def test_the_stream_that_is_read(tmp_path):
    small = write_known(tmp_path / "small.mp4", *H264, size=(64, 48), first=100)
    large = write_known(tmp_path / "large.mp4", *H264)
    both = ("-i", small, "-i", large, "-map", "0:v", "-map", "1:v", "-c", "copy")
    cases = {
        "marked.mkv": ((*both, "-disposition:v:0", "0", "-disposition:v:1", "default"), 192, {"stream": "1"}),
        "unmarked.mkv": ((*both, "-disposition:v:0", "0", "-disposition:v:1", "0"), 192, {"stream": "1"}),
        "other.mkv": ((*both, "-disposition:v:0", "default", "-disposition:v:1", "0"), 64, {}),
        "programmes.ts": (both, 192, {"stream": "1"}),
    }
    for name, (arguments, width, found) in cases.items():
        ffmpeg(*arguments, tmp_path / name)
        assert probe(tmp_path / name).width == width and facts(tmp_path / name) == found, name
        numbers = bars_of(read_frames(tmp_path / name, 2, 5))
        assert numbers == ([2, 3, 4] if width == 192 else [102, 103, 104]), name
        assert len(frame_times(tmp_path / name).seconds) == 6


def test_a_cover_is_no_video(tmp_path):
    video = write_known(tmp_path / "video.mp4", *H264)
    ffmpeg("-i", video, "-frames:v", "1", "-vf", "scale=640:480", tmp_path / "cover.png")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", tmp_path / "song.m4a")
    cover = ("-disposition:v:0", "attached_pic", "-c", "copy")
    ffmpeg("-i", tmp_path / "cover.png", "-i", video, "-map", "0", "-map", "1:v", *cover, tmp_path / "covered.mp4")
    ffmpeg("-i", tmp_path / "cover.png", "-i", tmp_path / "song.m4a", "-map", "0", "-map", "1", *cover, tmp_path / "covered.m4a")
    assert probe(tmp_path / "covered.mp4").width == 192 and bars_of(read_frames(tmp_path / "covered.mp4")) == list(range(6))
    with pytest.raises(InputError, match=r"covered\.m4a: holds a cover but no video"):
        probe(tmp_path / "covered.m4a")


def joined(tmp_path: Path, name: str, *parts: Path) -> Path:
    """Parts of one codec in one file, packets as they are."""
    (tmp_path / "parts.txt").write_text("".join(f"file '{part}'\n" for part in parts))
    ffmpeg("-f", "concat", "-safe", "0", "-i", tmp_path / "parts.txt", "-c", "copy", tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize(("suffix", "codec"), [(".webm", ("-c:v", "libvpx", "-b:v", "2M")), (".ts", H264)])
def test_frames_of_other_sizes_are_scaled_to_the_first_one(tmp_path, suffix, codec):
    small = write_known(tmp_path / f"small{suffix}", *codec, size=(96, 72), count=8)
    large = write_known(tmp_path / f"large{suffix}", *codec, first=8, count=8)
    for order, size in (((small, large), (96, 72)), ((large, small), (192, 144))):
        path, notes = joined(tmp_path, f"both{suffix}", *order), []
        frames = list(read_frames(path, note=notes.append))
        assert bars_of(frames) == [*range(8), *range(8, 16)] if order[0] == small else [*range(8, 16), *range(8)]
        assert notes == [f"frames of other sizes scaled to {size[0]}x{size[1]}, from frame 8 on"]
        assert max(map(colour_error, frames)) <= 6 and {frame.shape[1::-1] for frame in frames} == {size}
        across, down = circle_size(frames[-1])
        assert abs(across - down) <= 2
        assert bars_of(read_frames(path, 6, 11)) == bars_of(frames[6:11])


def test_frames_of_another_shape_are_refused_by_number(tmp_path):
    upright = write_known(tmp_path / "upright.webm", "-c:v", "libvpx", "-b:v", "2M", size=(144, 192), count=4)
    wide = write_known(tmp_path / "wide.webm", "-c:v", "libvpx", "-b:v", "2M", count=4)
    path = joined(tmp_path, "both.webm", wide, upright)
    with pytest.raises(InputError, match=r"both\.webm: from frame 4 on the frames are 144x192, not 192x144; .*-vf scale"):
        list(read_frames(path))
    assert bars_of(read_frames(path, 0, 4)) == [0, 1, 2, 3]


def test_a_window_behind_a_change_of_shape_is_refused_too(tmp_path):
    """Though decoding begins behind it."""
    vp9 = ("-c:v", "libvpx-vp9", "-g", "4", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M", "-lag-in-frames", "0")
    wide = write_known(tmp_path / "wide.webm", *vp9, count=8)
    path = joined(tmp_path, "both.webm", wide, write_known(tmp_path / "upright.webm", *vp9, size=(144, 192), count=16))
    assert frame_times(path).seekable and bars_of(read_frames(path, 5, 8)) == [5, 6, 7]
    with pytest.raises(InputError, match=r"both\.webm: about frame 20 the frames are 144x192, not 192x144; .*-vf scale"):
        list(read_frames(path, 20, 23))


def test_turned_or_interlaced_frames_of_another_size(tmp_path):
    """What turns and deinterlaces stands before what scales, and begins anew; the frame that it keeps back then is lost."""
    sizes = [(192, 144), (96, 72)]
    parts = [write_known(tmp_path / f"{n}.ts", *H264, size=size, count=4) for n, size in enumerate(sizes)]
    ffmpeg("-display_rotation", "90", "-i", f"concat:{parts[0]}|{parts[1]}", "-c", "copy", tmp_path / "turned.mkv")
    frames = [np.rot90(frame, -1) for frame in read_frames(tmp_path / "turned.mkv")]
    assert bars_of(frames) == [0, 1, 2, 3] * 2 and {frame.shape for frame in frames} == {(144, 192, 3)}
    fields = ("-vf", "setfield=tff", *KINDS_OF_INTERLACED["h264.mp4"])
    parts = [write_known(tmp_path / f"{n}.ts", *fields, size=size, count=8) for n, size in enumerate(sizes)]
    ffmpeg("-i", f"concat:{parts[0]}|{parts[1]}", "-c", "copy", tmp_path / "fields.ts")
    assert bars_of(read_frames(tmp_path / "fields.ts", 0, 6)) == [*range(6)]
    with pytest.raises(InputError, match=r"fields\.ts: from frame 8 on the frames are 96x72, not 192x144; .*-vf scale"):
        list(read_frames(tmp_path / "fields.ts"))


def cut_at_second_key(path: Path, out: Path) -> Path:
    """A stream's packets from its second key frame on, as `-c copy` cuts."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = source.streams.video[0]
        copy, keys = target.add_stream_from_template(stream), 0
        for packet in source.demux(stream):
            keys += packet.is_keyframe
            if keys > 1 and packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    return out


@pytest.mark.parametrize("suffix", [".ts", ".mpg"])
def test_a_recording_that_begins_in_the_middle(tmp_path, suffix):
    """The pictures before its first key frame lean on what is not there."""
    whole = write_known(tmp_path / f"whole{suffix}", "-c:v", "mpeg2video", "-g", "10", "-bf", "2", "-q:v", "2", count=40)
    path = cut_at_second_key(whole, tmp_path / f"cut{suffix}")
    numbers = bars_of(read_frames(path))
    assert numbers == list(range(numbers[0], 40)) and 8 < numbers[0] < 13
    times = frame_times(path)
    assert len(times.seconds) == len(numbers) and times.rate(25.0) == 25.0
    assert bars_of(read_frames(path, 5, 20)) == numbers[5:20]


@pytest.mark.parametrize(("suffix", "codec"), [(".ts", H264), (".mpg", ("-c:v", "mpeg2video", "-q:v", "2"))])
def test_parts_of_a_recording_that_were_appended_to_each_other(tmp_path, suffix, codec):
    parts = [write_known(tmp_path / f"{first}{suffix}", *codec, count=20, first=first) for first in (0, 20)]
    path = tmp_path / f"both{suffix}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    times = frame_times(path)
    assert times.joined and np.allclose(np.diff(times.seconds), 0.04, atol=1e-4)
    assert bars_of(read_frames(path)) == list(range(40)) and bars_of(read_frames(path, 15, 25)) == list(range(15, 25))


def test_parts_of_other_sizes_that_were_appended_to_each_other(tmp_path):
    parts = [write_known(tmp_path / f"{n}.ts", *H264, size=size, count=10) for n, size in enumerate([(96, 72), (192, 144)])]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    notes = []
    assert bars_of(read_frames(tmp_path / "both.ts", note=notes.append)) == [*range(10), *range(10)]
    assert notes == ["frames of other sizes scaled to 96x72, in a later part"]


def test_damage_in_a_joined_recording_is_not_passed_over(tmp_path):
    parts = [write_known(tmp_path / f"{first}.ts", *H264, count=20, first=first) for first in (0, 20)]
    data = bytearray(b"".join(part.read_bytes() for part in parts))
    middle = len(data) // 4 // 188 * 188
    data[middle : middle + 188 * 8] = b""
    (tmp_path / "both.ts").write_bytes(data)
    with pytest.raises(InputError, match=r"both\.ts: the video is truncated or damaged"):
        list(read_frames(tmp_path / "both.ts"))


def cutout(opaque: bool = False) -> np.ndarray:
    """(48, 64, 4) uint8 RGBA: the left half red and opaque, the right half transparent, with green hidden in it."""
    frame = np.zeros((48, 64, 4), np.uint8)
    frame[:, :32] = (200, 40, 40, 255)
    frame[:, 32:] = (10, 200, 10, 255 * opaque)
    return frame


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-b:v", "1M")),
        ("b.webm", ("-c:v", "libvpx", "-pix_fmt", "yuva420p", "-b:v", "1M", "-auto-alt-ref", "0")),
        ("c.mov", ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le")),
        ("d.mov", ("-c:v", "qtrle", "-pix_fmt", "argb")),
        ("e.gif", ("-vf", "split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse")),
    ],
)
def test_transparency_is_composed_over_the_colour(tmp_path, name, options):
    path = write_raw(tmp_path / name, [cutout()] * 6, *options, pixels="rgba")
    assert facts(path) == {"alpha": "True"}
    frames = list(read_frames(path, 1, 5, pad=(0, 0, 255)))
    assert len(frames) == 4
    for frame in frames:
        assert np.abs(frame[24, 10].astype(int) - (200, 40, 40)).max() <= 6 and np.abs(frame[24, 50].astype(int) - (0, 0, 255)).max() <= 3


@pytest.mark.parametrize("frame", [cutout(opaque=True), cutout() * np.array((1, 1, 1, 0), np.uint8)])
def test_alpha_that_says_nothing_is_none(tmp_path, frame):
    """Opaque everywhere, or never filled in."""
    path = write_raw(tmp_path / "a.avi", [frame] * 4, "-c:v", "rawvideo", "-pix_fmt", "bgra", pixels="rgba")
    assert facts(path) == {}
    assert next(read_frames(path, pad=(0, 0, 255)))[24, 10].tolist() == [200, 40, 40]
