"""The clip table: which window of which video is which clip, in which split."""

from .build import build_clip_table, clip_rows
from .table import COLUMNS, parse_box, read_table, write_table

__all__ = ["COLUMNS", "build_clip_table", "clip_rows", "parse_box", "read_table", "write_table"]
