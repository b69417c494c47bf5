"""The clip table: which window of which video is which clip, in which split."""

from .table import COLUMNS, clip_digests, parse_box, read_table, table_digest, write_table

__all__ = [
    "COLUMNS",
    "clip_digests",
    "parse_box",
    "read_table",
    "table_digest",
    "write_table",
]
