"""Which of a file's video streams is its video."""

import av
from av.stream import Disposition

PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
"""What a stream is called that is a cover, a preview or a picture, and no video."""


def main_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """The video stream that is marked as the default one if exactly one is, else the largest of those or of all; of equals the first.

    Covers and previews are passed over. None if the file has no video stream.
    """
    videos = [stream for stream in container.streams.video if not stream.disposition & PICTURES]
    marked = [stream for stream in videos if stream.disposition & Disposition.default]
    return max(marked or videos, key=lambda stream: stream.codec_context.width * stream.codec_context.height, default=None)
