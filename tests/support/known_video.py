"""Videos of every kind of a picture that is known: six colours, a circle that is round as shown, a number in bars."""

import subprocess
from pathlib import Path

import numpy as np
from coded_video import BITS

from densepose_cache.video import ffmpeg_binary

COLOURS = np.array([(200, 30, 30), (30, 180, 30), (30, 30, 200), (220, 200, 60), (255, 255, 255), (0, 0, 0)])
CIRCLE = np.array((230, 120, 40))
BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""Linear BT.709 to linear BT.2020 colours."""
LUMA = np.array([0.2627, 0.6780, 0.0593])


def known_frame(number: int, width: int, height: int, aspect: float = 1.0) -> np.ndarray:
    """(height, width, 3) uint8: colours at the top, a circle in pixels `aspect` times as wide as high, bars of `number` at the bottom."""
    frame = np.full((height, width, 3), 128, np.uint8)
    for column, colour in enumerate(COLOURS):
        frame[: height // 4, column * width // 6 : (column + 1) * width // 6] = colour
    y, x = np.mgrid[:height, :width]
    frame[((x + 0.5 - width / 2) * aspect) ** 2 + (y + 0.5 - height * 0.55) ** 2 < (height * 0.2) ** 2] = CIRCLE
    for bit in range(BITS):
        frame[height * 7 // 8 :, bit * width // BITS : (bit + 1) * width // BITS] = 255 * (number >> bit & 1)
    return frame


def write_known(path: Path, *options, count: int = 6, size: tuple[int, int] = (192, 144), aspect: float = 1.0, first: int = 0) -> Path:
    """Encode `count` frames of `size` (width, height) with ffmpeg's output `options`."""
    frames = [known_frame(number, *size, aspect) for number in range(first, first + count)]
    return write_raw(path, frames, *options)


def write_raw(path: Path, frames: list[np.ndarray], *options, pixels: str = "rgb24") -> Path:
    """Encode frames at 25 a second with ffmpeg's output `options`; `pixels` is the format of their bytes."""
    size = f"{frames[0].shape[1]}x{frames[0].shape[0]}"
    raw = ["-f", "rawvideo", "-pix_fmt", pixels, "-s", size, "-r", "25", "-i", "-"]
    command = [ffmpeg_binary(), "-y", "-loglevel", "error", *raw, *map(str, options), str(path)]
    subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), check=True)
    return path


def write_hdr(path: Path, transfer: str, *options, count: int = 4, size: tuple[int, int] = (192, 144)) -> Path:
    """The known frames in 10-bit BT.2020, white at 203 cd/m2, by `transfer`, smpte2084 (PQ) or arib-std-b67 (HLG)."""
    frames = [known_frame(number, *size) for number in range(count)]
    curve = {"smpte2084": _pq, "arib-std-b67": _hlg}[transfer]
    signals = [curve((frame / 255.0) ** 2.4 @ BT2020.T * 203) for frame in frames]
    coded = [np.rint(np.clip(signal[..., [1, 2, 0]], 0, 1) * 1023).astype("<u2") for signal in signals]  # planes G, B, R
    stacked = [np.ascontiguousarray(np.moveaxis(planes, -1, 0)) for planes in coded]
    size_text = f"{size[0]}x{size[1]}"
    raw = ["-f", "rawvideo", "-pix_fmt", "gbrp10le", "-s", size_text, "-r", "25", "-i", "-"]
    tags = ["-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", transfer, "-color_range", "tv"]
    to_yuv = "scale=out_color_matrix=bt2020:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p10le"
    to_yuv += f",setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}:range=tv"
    command = [ffmpeg_binary(), "-y", "-loglevel", "error", *raw, "-vf", to_yuv, "-c:v", "libx264", "-crf", "4", *tags, *options, str(path)]
    subprocess.run(command, input=b"".join(frame.tobytes() for frame in stacked), check=True)
    return path


def _pq(light: np.ndarray) -> np.ndarray:
    power = (light / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def _hlg(light: np.ndarray) -> np.ndarray:
    """The signal of a display of 1000 cd/m2."""
    luminance = np.maximum(light @ LUMA / 1000, 1e-9)[..., None]
    scene = light / 1000 * luminance ** (1 / 1.2 - 1)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


def colour_error(frame: np.ndarray) -> int:
    """Levels of 0..255 by which the six colours of a frame (H, W, 3) are off."""
    height, width = frame.shape[:2]
    rows = frame[int(height * 0.08) : int(height * 0.17)]
    found = [rows[:, int((k + 0.3) * width / 6) : int((k + 0.7) * width / 6)].reshape(-1, 3).mean(axis=0) for k in range(6)]
    return int(np.abs(np.rint(found) - COLOURS).max())


def circle_size(frame: np.ndarray) -> tuple[int, int]:
    """Width and height in pixels of the circle on a frame (H, W, 3), below whose upper third it must lie."""
    top = frame.shape[0] // 3
    ys, xs = np.nonzero(np.abs(frame[top:].astype(int) - CIRCLE).max(axis=-1) < 45)
    return int(xs.max() - xs.min() + 1), int(ys.max() - ys.min() + 1)


def bars_of(frames) -> list[int]:
    """The numbers of frames as shown, upright, whatever their size."""
    return [
        sum(int(frame[int(len(frame) * 0.94), int((bit + 0.5) * frame.shape[1] / BITS)].mean() > 128) << bit for bit in range(BITS))
        for frame in frames
    ]
