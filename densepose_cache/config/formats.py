"""Versions of what the stages write, bumped by hand when a stage's results change."""

FORMATS = {"sample": 2, "clips": 2, "decode": 3, "densepose": 3, "warp": 2, "index": 3}
READER = 2
"""Version of how videos and pictures are read: a higher one lets the decode stage try the clips again that are in quarantine, and no
other."""
