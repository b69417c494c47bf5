"""Videos whose frames carry their own number as black and white bars, and ffmpeg to change them."""

import subprocess
from pathlib import Path

import numpy as np

from densepose_cache.video import ffmpeg_binary, write_video

BITS = 8


def coded_frame(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """(height, width, 3) uint8: bit b of `number` is the b-th bar from the left, white for 1."""
    frame = np.full((height, width, 3), 128, np.uint8)
    bar = width // BITS
    for bit in range(BITS):
        frame[:, bit * bar : (bit + 1) * bar] = 230 if number >> bit & 1 else 25
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number that a decoded frame carries, whatever its size."""
    middle = frame[frame.shape[0] // 2]
    bar = frame.shape[1] / BITS
    return sum(int(middle[int((bit + 0.5) * bar)].mean() > 128) << bit for bit in range(BITS))


def numbers_of(frames) -> list[int]:
    return [number_of(frame) for frame in frames]


def write_coded(path: Path, count: int, fps: float = 25, width: int = 64, height: int = 48) -> Path:
    write_video(path, (coded_frame(number, width, height) for number in range(count)), fps)
    return path


def ffmpeg(*arguments):
    """Run ffmpeg with `arguments`."""
    subprocess.run([ffmpeg_binary(), "-y", "-loglevel", "error", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def cut(path: Path, out: Path, share: float) -> Path:
    """The first `share` of a file's bytes."""
    data = path.read_bytes()
    out.write_bytes(data[: int(len(data) * share)])
    return out
