"""What a video needs beyond the plain case for its frames to be pictures as shown.

Plain is a video of square pixels, progressive, in SDR, with its colour matrix named or fewer than 720 lines, without transparency, in the
file's first video stream. Everything else is found here, from headers and the first frame, and becomes ffmpeg filters.
"""

from dataclasses import dataclass
from fractions import Fraction

import av
import ffmpeg

RGB = "accurate_rnd+full_chroma_int+bicubic"
"""How colours are converted and chroma is brought to full size."""
NEARLY_SQUARE = 0.005
"""Share by which a pixel's sides may differ and still count as equal: encoders that round a picture's size write such ratios."""
HD_LINES = 720
"""Videos of so many lines are in BT.709 where they do not say otherwise, smaller ones in BT.601, as players have it."""
WHITE = 203
"""Brightness in cd/m2 of a white page in HDR (ITU-R BT.2408); it becomes SDR's white, and what is brighter is cut off."""
BT2020, UNSAID = 9, 2
WIDE = {"colorspace": "bt2020nc", "color_primaries": "bt2020"}
"""What HDR is in where it does not say so."""
HDR = {16: "PQ", 18: "HLG"}
INTERLACED = range(2, 6)
"""A codec's field orders but progressive (1) and unknown (0)."""
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Codecs that keep transparency in a second picture, and the decoders that read it."""


@dataclass(frozen=True)
class Conversion:
    """What departs from the plain case.

    `stream` is the stream's number in the file, None for the first video stream; `aspect` the width of a pixel over its height, upright as
    coded; `interlaced` tells whether frames that are flagged so are deinterlaced; `matrix` is BT.709 where it is only assumed; `colour` is
    PQ, HLG or BT.2020 (SDR with its wide gamut); `unsaid` are colour properties that such a video leaves out; `alpha` tells whether it is
    composed over a colour; `decoder` is one other than ffmpeg's own.
    """

    stream: int | None = None
    aspect: Fraction = Fraction(1)
    interlaced: bool = False
    matrix: str = ""
    colour: str = ""
    unsaid: tuple[str, ...] = ()
    alpha: bool = False
    decoder: str = ""

    def facts(self) -> list[list[str]]:
        """Names and values of what departs, for digests: empty for a plain video."""
        values = {
            "stream": self.stream,
            "aspect": None if self.aspect == 1 else f"{self.aspect.numerator}:{self.aspect.denominator}",
            "interlaced": self.interlaced or None,
            "matrix": self.matrix or None,
            "colour": self.colour or None,
            "alpha": self.alpha or None,
        }
        return [[name, str(value)] for name, value in values.items() if value is not None]

    def __str__(self) -> str:
        """What is done, for people: empty for a plain video."""
        said = [
            f"stream {self.stream} of several" if self.stream is not None else "",
            f"pixels of {self.aspect.numerator}:{self.aspect.denominator} made square" if self.aspect != 1 else "",
            "deinterlaced" if self.interlaced else "",
            f"colours taken for {self.matrix}, which the file does not say" if self.matrix else "",
            f"tone-mapped from {self.colour}" if self.colour in HDR.values() else f"colours of {self.colour}" if self.colour else "",
            "transparency composed over video.pad" if self.alpha else "",
        ]
        return "; ".join(filter(None, said))

    def whole_frames(self) -> list[tuple[str, dict]]:
        """Filters (name, options) that must see all frames, before any is left out."""
        return [("bwdif", {"mode": "send_frame", "parity": "auto", "deint": "interlaced"})] if self.interlaced else []

    def to_rgb(self, size: tuple[int, int]) -> list[tuple[str, dict]]:
        """Filters (name, options) from the decoder's frames to RGB of `size` (width, height), with alpha where it counts."""
        scale = {"w": size[0], "h": size[1], "flags": RGB} | ({"in_color_matrix": "bt709"} if self.matrix else {})
        return [*self._to_sdr(), ("scale", scale), ("format", {"pix_fmts": "rgba" if self.alpha else "rgb24"})]

    def _to_sdr(self) -> list[tuple[str, dict]]:
        if not self.colour:
            return []
        assumed = [("setparams", {name: WIDE[name] for name in self.unsaid})] if self.unsaid else []
        light = {"transfer": "linear", "npl": WHITE, "agamma": 0}  # its approximate gamma has no system gamma of HLG
        map_tones = [("tonemap", {"tonemap": "clip", "desat": 0})] if self.colour in HDR.values() else []
        return [
            *assumed,
            ("zscale", light),
            ("format", {"pix_fmts": "gbrpf32le"}),
            ("zscale", {"primaries": "bt709"}),
            *map_tones,
            ("zscale", {"transfer": "bt709", "matrix": "gbr", "range": "pc"}),
            ("format", {"pix_fmts": "gbrp"}),
        ]

    def over(self, stream, pad: tuple[int, int, int]):
        """An ffmpeg-python stream of RGB: where alpha counts, `stream` composed over the colour `pad`."""
        if not self.alpha:
            return stream
        halves = stream.filter_multi_output("split")
        colour = "0x{:02x}{:02x}{:02x}@1".format(*pad)
        below = halves[0].filter("drawbox", x=0, y=0, w="iw", h="ih", color=colour, thickness="fill", replace=1)
        return ffmpeg.filter([below, halves[1]], "overlay", format="rgb").filter("format", "rgb24")


def conversion(container: av.container.InputContainer, stream: av.VideoStream, first: av.VideoFrame) -> Conversion:
    """What `stream` of `container`, whose first decoded frame is `first`, needs."""
    codec = stream.codec_context.codec.canonical_name
    coded_alpha = codec in ALPHA_DECODERS and _metadata(stream, "alpha_mode") == "1"
    colour, unsaid = _colour(first)
    return Conversion(
        stream=None if stream is container.streams.video[0] else stream.index,
        aspect=_aspect(stream),
        interlaced=first.interlaced_frame or stream.codec_context.field_order in INTERLACED,
        matrix="BT.709" if not colour and _assumed_709(first) else "",
        colour=colour,
        unsaid=unsaid,
        alpha=coded_alpha or _transparent(first),
        decoder=ALPHA_DECODERS[codec] if coded_alpha else "",
    )


def _metadata(stream: av.VideoStream, wanted: str) -> str:
    return next((value for name, value in stream.metadata.items() if name.lower() == wanted), "")


def _aspect(stream: av.VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return aspect if aspect > 0 and abs(aspect - 1) > NEARLY_SQUARE else Fraction(1)


def _colour(frame: av.VideoFrame) -> tuple[str, tuple[str, ...]]:
    """PQ, HLG, BT.2020 or "", and which properties of `WIDE` such a frame does not say."""
    colour = HDR.get(int(frame.color_trc), "BT.2020" if int(frame.color_primaries) == BT2020 else "")
    return colour, tuple(name for name in WIDE if colour and int(getattr(frame, name)) == UNSAID)


def _assumed_709(frame: av.VideoFrame) -> bool:
    return not frame.format.is_rgb and len(frame.format.components) > 2 and int(frame.colorspace) == UNSAID and frame.height >= HD_LINES


def _transparent(frame: av.VideoFrame) -> bool:
    """Whether the frame's alpha counts.

    Planar formats have it on purpose. Of others it counts where the frame is transparent in part: where it is so everywhere, as in many
    uncompressed files, nobody has filled it in.
    """
    has_alpha = any(component.is_alpha for component in frame.format.components)
    if frame.format.is_planar or not has_alpha:
        return has_alpha
    alpha = frame.reformat(format="rgba").to_ndarray()[..., 3]
    return bool(alpha.max() > 0 and alpha.min() < 255)
