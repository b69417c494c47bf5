import av
import numpy as np
import pytest
from coded_video import coded_frame, numbers_of

from densepose_cache.core.errors import InputError
from densepose_cache.video import VideoWriter, frame_times, probe, read_frames, write_video, writing


def test_written_video_comes_back(tmp_path):
    with VideoWriter(tmp_path / "new" / "a.mp4", 29.97, (64, 48)) as writer:
        for number in range(20):
            writer.write(coded_frame(number))
        assert not (tmp_path / "new" / "a.mp4").exists(), "it appears when it is complete"
    info = probe(tmp_path / "new" / "a.mp4")
    assert (info.width, info.height, info.codec, info.frames_estimate) == (64, 48, "h264", 20)
    assert info.fps == pytest.approx(29.97, rel=1e-4)
    assert numbers_of(read_frames(tmp_path / "new" / "a.mp4")) == list(range(20))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.mp4"]


def test_same_frames_give_the_same_file_with_its_index_first(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, [coded_frame(n) for n in range(12)], 25)
    data = (tmp_path / "a.mp4").read_bytes()
    assert data == (tmp_path / "b.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_lower_crf_is_closer(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(6)]
    errors = []
    for crf in (10, 40):
        write_video(tmp_path / "x.mp4", frames, 25, crf=crf)
        decoded = np.stack(list(read_frames(tmp_path / "x.mp4"))).astype(float)
        errors.append(np.abs(decoded - np.stack(frames)).mean())
    assert errors[0] < errors[1]


def test_no_file_after_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="mine"), VideoWriter(tmp_path / "a.mp4", 25, (64, 48)) as writer:
        writer.write(coded_frame(0))
        raise RuntimeError("mine")
    assert not list(tmp_path.iterdir())


def test_an_older_file_survives_an_error(tmp_path):
    (tmp_path / "a.mp4").write_text("older")
    with pytest.raises(InputError, match="no frame to write"), VideoWriter(tmp_path / "a.mp4", 25, (64, 48)):
        pass
    assert (tmp_path / "a.mp4").read_text() == "older"


@pytest.mark.parametrize("frame", [coded_frame(0, 32, 48), coded_frame(0).astype(np.float32), coded_frame(0)[..., 0]])
def test_frames_of_another_size_or_type(tmp_path, frame):
    with pytest.raises(InputError, match=r"a\.mp4: a frame is"), VideoWriter(tmp_path / "a.mp4", 25, (64, 48)) as writer:
        writer.write(coded_frame(0))
        writer.write(frame)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (0, 48)])
def test_odd_sizes_cannot_be_written(tmp_path, size):
    with pytest.raises(InputError, match="both sides must be even"):
        VideoWriter(tmp_path / "a.mp4", 25, size)


def test_what_ffmpeg_says_is_passed_on(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "THREADS", "many")
    with pytest.raises(InputError, match=r"a\.mp4: ffmpeg could not write the video: .*many"):
        write_video(tmp_path / "a.mp4", (coded_frame(n) for n in range(200)), 25)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("fps", "crf"), [(0, 18), (-1, 18), (25, 52), (25, -1)])
def test_impossible_rates_and_qualities(tmp_path, fps, crf):
    with pytest.raises(InputError, match=r"a\.mp4: the (frame rate|quality)"):
        VideoWriter(tmp_path / "a.mp4", fps, (64, 48), crf)


def test_no_frames(tmp_path):
    with pytest.raises(InputError, match=r"a\.mp4: no frame"):
        write_video(tmp_path / "a.mp4", [], 25)


@pytest.mark.parametrize(("kind", "codec", "far"), [(".webm", "vp9", 12), (".gif", "gif", 12)])
def test_other_kinds_of_video(tmp_path, kind, codec, far):
    path, frames = tmp_path / f"a{kind}", [coded_frame(number) for number in range(6)]
    write_video(path, frames, 10)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name.removeprefix("lib") in (codec, f"{codec}-vp9")
    found = np.stack(list(read_frames(path)))
    assert found.shape == np.stack(frames).shape and frame_times(path).rate(probe(path).fps) == pytest.approx(10)
    assert np.abs(found.astype(int) - frames).mean() < far
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.avi: does not end in \.mp4, \.webm, \.gif"):
        VideoWriter(tmp_path / "a.avi", 25, (64, 48))
