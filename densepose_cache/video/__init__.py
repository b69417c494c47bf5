"""Video in and out: ffmpeg decodes and encodes, PyAV looks at containers."""

from .binary import ffmpeg_binary
from .folder import frame_files, read_folder
from .probe import VideoInfo, frame_times, probe
from .reading import read_frames
from .writing import VideoWriter, write_video

__all__ = ["VideoInfo", "VideoWriter", "ffmpeg_binary", "frame_files", "frame_times", "probe", "read_folder", "read_frames", "write_video"]
