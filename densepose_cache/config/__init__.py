"""Typed settings of the cache's stages, one file a section, one description per key."""

from .densepose import DensePoseSettings
from .formats import FILE_FORMATS, FORMATS, READER
from .sources import FramesSource, SampleSource, Source, UrlsSource, VideosSource, read_source
from .video import VideoSettings
from .warp import SampleDraw, WarpSettings

__all__ = [
    "FILE_FORMATS",
    "FORMATS",
    "READER",
    "DensePoseSettings",
    "FramesSource",
    "SampleDraw",
    "SampleSource",
    "Source",
    "UrlsSource",
    "VideoSettings",
    "VideosSource",
    "WarpSettings",
    "read_source",
]
