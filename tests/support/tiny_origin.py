"""Merged settings of a data set of videos, and shards of IUV maps that name what made them."""

import json

import numpy as np

from densepose_cache.cache.shard import ShardWriter
from dwnet.config import NO_RESULT, parse_config

DETECTOR = {"densepose": {"score": 0.7}, "config": None, "weights": "d" * 64}
CONFIG = {"datasets": {"mine": {"source": {"kind": "videos", "path": "v"}, "shards": 2}}}


def settings(**sections):
    """The merged settings of the data set `mine`, as JSON values, with some `sections` changed."""
    merged = parse_config({"datasets": {"mine": CONFIG["datasets"]["mine"] | sections}}).datasets["mine"]
    return json.loads(json.dumps(merged.model_dump(mode="json", exclude=NO_RESULT)))


def write_maps(path, clips):
    """An IUV shard; `clips` maps names to backend and detector, or to None for a clip in quarantine."""
    with ShardWriter(path, "densepose", {}) as writer:
        for name, made_by in clips.items():
            if made_by is None:
                writer.create(name, "0" * 64, quarantined="broken")
                continue
            backend, detector = made_by
            group = writer.create(name, "0" * 64, backend=backend, detector=json.dumps(detector))
            writer.write(group, "iuv", np.zeros((1, 8, 8, 3), np.uint8))
    return path
