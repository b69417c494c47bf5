"""The clip table: which window of which video is which clip, in which split."""

from .build import build_clip_table, clip_rows, current_table
from .table import COLUMNS, clip_digests, parse_box, read_table, table_digest, write_table

__all__ = [
    "COLUMNS",
    "build_clip_table",
    "clip_digests",
    "clip_rows",
    "current_table",
    "parse_box",
    "read_table",
    "table_digest",
    "write_table",
]
