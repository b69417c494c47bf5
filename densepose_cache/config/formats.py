"""Versions of what the stages write."""

FORMATS = {"sample": 2, "clips": 2, "decode": 3, "densepose": 3, "warp": 2, "index": 3}
"""Versions of the results, a part of their digests, bumped by hand when a stage's results change."""
FILE_FORMATS = {"decode": 4, "densepose": 4, "warp": 2, "index": 3}
"""Versions of the files, their attribute `format`, bumped by hand when the results change or the same ones are stored otherwise."""
FILTERED = 3
"""`format` of older files of frames and of maps, with the same results, which are still read (see `cache.filtered`)."""
READER = 2
"""Version of how videos and pictures are read: a higher one lets the decode stage try the clips again that are in quarantine, and no
other."""
