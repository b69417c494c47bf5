"""Pictures of all depths, with transparency and profiles, of any size."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from densepose_cache.core.errors import InputError
from densepose_cache.video.picture import LARGE, LARGEST, open_picture, picture_size, read_picture

SAID = {
    "depth": "16-bit grey scaled to 8 bits",
    "transparency": "transparency composed over video.pad",
}
COLOURS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)


def read(path, **options):
    with open_picture(path) as picture:
        return picture.rgb(**options), picture.conversions()


def grey(levels, dtype):
    return Image.fromarray(np.broadcast_to(np.asarray(levels, dtype)[:, None], (len(levels), 3)).copy())


def display_p3() -> bytes:
    """The ICC profile of Display P3: that of sRGB, which has the same curve, with the other colourants."""
    raw = bytearray(SRGB)
    count = int.from_bytes(raw[128:132], "big")
    tags = {bytes(raw[at : at + 4]): int.from_bytes(raw[at + 4 : at + 8], "big") for at in range(132, 132 + 12 * count, 12)}
    colourants = {b"rXYZ": (0.5151, 0.2412, -0.0011), b"gXYZ": (0.2919, 0.6922, 0.0419), b"bXYZ": (0.1572, 0.0666, 0.7841)}
    for name, colour in colourants.items():
        for number, value in enumerate(colour):
            at = tags[name] + 8 + 4 * number
            raw[at : at + 4] = round(value * 65536).to_bytes(4, "big", signed=True)
    return bytes(raw)


def p3_to_srgb(colour) -> np.ndarray:
    """A colour (3,) of Display P3, 0..255, as sRGB shows it."""
    encoded = np.asarray(colour) / 255
    linear = np.where(encoded > 0.04045, ((encoded + 0.055) / 1.055) ** 2.4, encoded / 12.92)
    linear = [[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]] @ linear
    return 255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = display_p3()


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "bmp", "tif"])
@pytest.mark.parametrize("icc", [None, SRGB, b"no profile at all"])
def test_ordinary_pictures_stay_what_they_are(tmp_path, kind, icc):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(COLOURS).save(path, **({"icc_profile": icc} if icc and kind != "bmp" else {}))
    with Image.open(path) as image:
        wanted = np.asarray(image.convert("RGB"))
    pixels, said = read(path, reduce=True)
    assert (pixels == wanted).all() and said == []


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_is_scaled_by_its_range(tmp_path, name):
    grey([0, 128, 257, 32896, 65535], np.uint16).save(tmp_path / name)
    pixels, said = read(tmp_path / name)
    assert pixels[:, 0].tolist() == [[level] * 3 for level in (0, 0, 1, 128, 255)] and said == [SAID["depth"]]


def test_16_bit_grey_of_a_pgm(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5 1 3 65535\n" + np.array([0, 32896, 65535], ">u2").tobytes())
    assert read(tmp_path / "a.pgm")[0][:, 0, 0].tolist() == [0, 128, 255]


def test_16_bit_grey_whose_zero_is_white(tmp_path):
    grey([0, 32896, 65535], np.uint16).save(tmp_path / "a.tif", tiffinfo={262: 0})
    with Image.open(tmp_path / "a.tif") as image:
        assert image.tag_v2[262] == 0
    assert read(tmp_path / "a.tif")[0][:, 0, 0].tolist() == [255, 127, 0]


def test_12_bit_grey(tmp_path):
    tags = [(256, 2), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8 + 2 + 12 * 8 + 4), (278, 1), (279, 3)]
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    (tmp_path / "a.tif").write_bytes(head + entries + bytes(4) + bytes([0x80, 0x0F, 0xFF]))
    assert read(tmp_path / "a.tif")[0][0, :, 0].tolist() == [128, 255]


def test_16_bit_grey_with_a_transparent_level(tmp_path):
    grey([0, 32896, 65535], np.uint16).save(tmp_path / "a.png", transparency=32896)
    pixels, said = read(tmp_path / "a.png", pad=(9, 8, 7))
    assert pixels[:, 0].tolist() == [[0] * 3, [9, 8, 7], [255] * 3] and said == [SAID["depth"], SAID["transparency"]]


def test_16_bit_colours_lose_their_lower_byte(tmp_path):
    levels = np.repeat(np.array([[0, 32896, 65535]], ">u2"), 3, axis=0)
    write_deep_png(tmp_path / "a.png", levels)
    assert read(tmp_path / "a.png")[0][0].tolist() == [[0, 128, 255]]


def write_deep_png(path, rows):
    """A PNG of 16-bit RGB pixels, a row of one pixel each."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 1, len(rows), 16, 2, 0, 0, 0)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def test_floating_point_values_from_0_to_1(tmp_path):
    grey([0, 0.5, 1], np.float32).save(tmp_path / "a.tif")
    pixels, said = read(tmp_path / "a.tif")
    assert pixels[:, 0, 0].tolist() == [0, 128, 255] and said == ["floating-point values scaled from 0..1"]


@pytest.mark.parametrize(
    ("levels", "dtype", "words"),
    [
        ([0, 0.5, 255], np.float32, "floating-point values from 0 to 255, and nobody can know"),
        ([-1, 0.5, 1], np.float32, "floating-point values from -1 to 1, and nobody can know"),
        ([0, 0.5, np.nan], np.float32, "nobody can know"),
        ([0, 70000, 100000], np.int32, "32-bit integers from 0 to 100000, and nobody can know"),
    ],
)
def test_a_range_that_nobody_can_know_is_refused(tmp_path, levels, dtype, words):
    grey(levels, dtype).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=rf"a\.tif: holds .*{words}.*save it with 8 or 16 bits"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L", "1"])
def test_transparent_pixels_show_the_colour_of_the_bars(tmp_path, mode):
    shown, path = np.array([[204, 204, 204], [0, 0, 0]], np.uint8), tmp_path / "a.png"
    if mode in ("RGBA", "LA"):
        Image.fromarray(np.array([[[204, 204, 204, 255]], [[0, 0, 0, 0]]], np.uint8)).convert(mode).save(path)
    else:
        image = Image.fromarray(shown[:, None]).convert(mode)
        hidden = image.getpixel((0, 1))
        image.save(path, transparency=hidden)
    pixels, said = read(path, pad=(10, 20, 30))
    assert pixels[:, 0].tolist() == [[255 if mode == "1" else 204] * 3, [10, 20, 30]] and said == [SAID["transparency"]]


def test_half_transparent_pixels_are_mixed(tmp_path):
    Image.fromarray(np.full((2, 2, 4), (100, 0, 0, 128), np.uint8)).save(tmp_path / "a.webp", lossless=True)
    assert read(tmp_path / "a.webp")[0][0, 0].tolist() == pytest.approx([177, 127, 127], abs=1)


def test_an_alpha_channel_without_a_transparent_pixel_changes_nothing(tmp_path):
    Image.fromarray(np.dstack([COLOURS, np.full(COLOURS.shape[:2], 255, np.uint8)])).save(tmp_path / "a.png")
    pixels, said = read(tmp_path / "a.png")
    assert (pixels == COLOURS).all() and said == []


@pytest.mark.parametrize("alpha", [False, True])
def test_colours_of_display_p3(tmp_path, alpha):
    patch = Image.new("RGB", (4, 4), (200, 100, 50))
    if alpha:
        patch.putalpha(255)
    patch.save(tmp_path / "a.png", icc_profile=P3)
    pixels, said = read(tmp_path / "a.png")
    assert pixels[0, 0].tolist() == pytest.approx(p3_to_srgb([200, 100, 50]).tolist(), abs=1)
    assert len(said) == 1 and "to sRGB" in said[0]


def test_a_grey_picture_with_a_colour_profile(tmp_path):
    Image.new("L", (4, 4), 100).save(tmp_path / "a.png", icc_profile=P3)
    assert read(tmp_path / "a.png")[0][0, 0].tolist() == pytest.approx([100] * 3, abs=1)


def test_a_colour_profile_of_another_kind_of_picture_is_passed_over(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", icc_profile=P3, quality=100)
    pixels, said = read(tmp_path / "a.jpg")
    assert pixels[0, 0].tolist() == pytest.approx([255, 0, 0], abs=3) and said == []


@pytest.mark.parametrize("kind", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_very_large_photos_are_opened_at_reduced_scale_and_upright(tmp_path, orientation, kind):
    path, wide = tmp_path / f"a.{kind}", LARGE * 2 + 1
    image = Image.new("RGB", (wide, 40), "white")
    image.paste("red", (0, 0, wide // 2, 40))
    tags = Image.Exif()
    tags[0x0112] = orientation
    image.save(path, exif=tags)
    pixels, _ = read(path, reduce=True)
    size = picture_size(path)
    assert size == ((40, wide) if orientation > 4 else (wide, 40))
    assert pixels.shape[:2] == tuple(-(-side // 4) for side in reversed(size))
    ends = [pixels[:5, :5].mean(axis=(0, 1)), pixels[-5:, -5:].mean(axis=(0, 1))]
    assert (ends[0][1] < 100) != (ends[1][1] < 100)
    assert (ends[0][1] < 100) == (orientation in (1, 4, 5, 6))


def test_a_photo_of_200_megapixels_takes_less_than_a_gigabyte(tmp_path):
    Image.new("1", (16320, 12240), 1).save(tmp_path / "a.png")
    done = subprocess.run([sys.executable, "-c", PEAK, tmp_path / "a.png"], capture_output=True, text=True, check=True)
    *shape, darkest, peak = map(int, done.stdout.split())
    assert shape == [3060, 4080, 3] and darkest == 255 and peak < 1e6, "kilobytes"


PEAK = r"""
import re, sys
from pathlib import Path
from densepose_cache.video.picture import open_picture
with open_picture(Path(sys.argv[1])) as picture:
    pixels = picture.rgb(reduce=True)
print(*pixels.shape, pixels.min(), re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
"""


def test_a_frame_of_200_megapixels_is_refused(tmp_path):
    Image.new("1", (LARGEST + 1, 4), 1).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: is 8193x4 but at most 8192 pixels a side are read; scale it down"):
        read_picture(tmp_path / "a.png")


def test_a_picture_that_would_take_too_much_memory_is_refused(tmp_path):
    path = tmp_path / "a.bmp"
    Image.new("RGB", (4, 4)).save(path)
    raw = bytearray(path.read_bytes())
    raw[18:26] = struct.pack("<ii", 16320, 12240)
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"a\.bmp: has 16320x12240 pixels, which would take too much memory; scale the picture down"):
        read(path, reduce=True)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: None, "no such picture"),
        (lambda path: path.symlink_to("/nowhere/x.png"), "is a link to /nowhere/x.png"),
        (lambda path: path.write_text("<html>"), "cannot be read as a picture"),
        (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"), "cannot be read as a picture"),
        (lambda path: path.write_bytes(b"II*\0\x08\0\0\0\xff\xff"), "cannot be read as a picture"),
    ],
)
def test_what_is_no_picture_is_said_in_one_line(tmp_path, make, words):
    path = tmp_path / "a.png"
    make(path)
    with pytest.raises(InputError, match=words) as error:
        read_picture(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_heic_picture_says_how_to_convert_it(tmp_path):
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(InputError, match=r"a\.heic: (is a HEIC picture; save it as JPEG or PNG|cannot be read as a picture)"):
        read_picture(path)
