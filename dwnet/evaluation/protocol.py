"""How and on what was measured."""

from densepose_cache.cache.reader import SplitReader
from densepose_cache.storage.digest import digest

from ..config import EvaluateSettings
from ..inference.rollout_file import RolloutReader


def protocol(generated: RolloutReader, reader: SplitReader, names: list[str], settings: EvaluateSettings) -> dict:
    """What was measured, in words and numbers."""
    return {
        "task": "reconstruction: source = first frame of the test clip, driving = the same clip, every frame counts",
        "previous_frame": "the generated one; the source for the first frame",
        "averages": "over a clip's frames, then over clips",
        "clips": len(names),
        "frames": sum(generated.length(name) for name in names),
        "size": generated.size,
        "data": data_digest(reader, names),
        "max_frames": settings.max_frames,
        "transfer_pairs": len(generated.names) - len(names),
        "blur_sigma": settings.blur_sigma,
    }


def folders_protocol(method: str, lengths: dict[str, int], size: int, data: str, settings: EvaluateSettings) -> dict:
    """The same of others' videos, made by `method`: clips of such `lengths` in frames of side `size`; `data` is the real clips' digest."""
    return {
        "task": "anybody's videos beside the real ones of the same names; every frame counts",
        "method": method,
        "averages": "over a clip's frames, then over clips",
        "clips": len(lengths),
        "frames": sum(lengths.values()),
        "size": size,
        "data": data,
        "max_frames": settings.max_frames,
        "blur_sigma": settings.blur_sigma,
    }


def data_digest(reader: SplitReader, names: list[str]) -> str:
    """Digest of all that the cache holds of the clips `names`."""
    return digest(*((name, reader.digest(name)) for name in names))
