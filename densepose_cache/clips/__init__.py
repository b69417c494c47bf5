"""The clip table: which window of which video is which clip, in which split."""

from .clip import Clip, format_box, parse_box
from .table import COLUMNS, clip_digests, read_clips, read_table, table_digest, write_table

__all__ = [
    "COLUMNS",
    "Clip",
    "clip_digests",
    "format_box",
    "parse_box",
    "read_clips",
    "read_table",
    "table_digest",
    "write_table",
]
