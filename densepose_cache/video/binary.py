"""Which ffmpeg runs."""

import functools
import shutil
import subprocess


@functools.cache
def ffmpeg_binary() -> str:
    """Path of an ffmpeg that knows `-fps_mode` and libx264: the one on PATH if it does, else the one of the imageio-ffmpeg wheel."""
    found = shutil.which("ffmpeg")
    return found if found and _suits(found) else shipped_binary()


def shipped_binary() -> str:
    """Path of the ffmpeg of the imageio-ffmpeg wheel, which has every filter and decoder that a video may need."""
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


def _suits(binary: str) -> bool:
    return "fps_mode" in _says(binary, "-h", "long") and "libx264" in _says(binary, "-encoders")


def _says(binary: str, *arguments: str) -> str:
    try:
        return subprocess.run([binary, "-hide_banner", *arguments], capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def file_url(path) -> str:
    """`path` as ffmpeg's libraries take it: no name is read as a protocol or an option."""
    return f"file:{path}"


def error_text(text: str) -> str:
    """What ffmpeg printed, as one short line; its first lines name the cause."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return "; ".join(lines[:2])[:300] or "no message"
