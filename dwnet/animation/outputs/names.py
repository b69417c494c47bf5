"""Names of what is written beside an animation."""

from pathlib import Path

from densepose_cache.storage.names import NAME_MAX, output_path, shortened

COMPARED, RECORD = ".compare.mp4", ".json"


def compare_path(out: Path | str) -> Path:
    """The video that compares the animation `out` with its inputs: out.compare.mp4 for out.mp4 and for the folder out."""
    path = output_path(Path(out))
    return _beside(path, path.stem if path.suffix and not str(out).endswith("/") else path.name, COMPARED)


def record_path(out: Path | str) -> Path:
    """The record of the animation `out`: out.mp4.json for out.mp4."""
    path = output_path(Path(out))
    return _beside(path, path.name, RECORD)


def _beside(path: Path, name: str, end: str) -> Path:
    return path.with_name(shortened(name, NAME_MAX - len(end)) + end)
