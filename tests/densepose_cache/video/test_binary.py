import imageio_ffmpeg
import pytest

from densepose_cache.video import binary


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """A PATH that holds one ffmpeg, a script of `answers`."""

    def make(answers: str):
        script = tmp_path / "ffmpeg"
        script.write_text(f'#!/bin/sh\necho "{answers}"\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        binary.ffmpeg_binary.cache_clear()
        return str(script)

    yield make
    binary.ffmpeg_binary.cache_clear()


def test_the_one_on_path_wins(on_path):
    script = on_path("-fps_mode libx264")
    assert binary.ffmpeg_binary() == script


@pytest.mark.parametrize("answers", ["-vsync libx264", "-fps_mode libopenh264"])
def test_one_that_is_too_old_or_cannot_encode_is_passed_over(on_path, answers):
    on_path(answers)
    assert binary.ffmpeg_binary() == imageio_ffmpeg.get_ffmpeg_exe()
