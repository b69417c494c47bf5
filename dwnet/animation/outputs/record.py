"""The record of an animation, a JSON file beside it: what it was made of and how, and how steady it is."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.versions import installed_versions
from densepose_cache.storage.atomic import write_text_whole
from densepose_cache.storage.digest import file_sha256
from dwnet.config import AnimateSettings
from dwnet.model.checkpoint import model_file

from ..extraction import Extraction
from ..inputs import cached, is_motion
from ..motion import Motion
from ..person import Person
from .names import record_path
from .shown import Output

FORMAT = 1
ROLES = ("source", "driving")
"""Inputs of which it is said where their maps come from."""
PACKAGES = ("dwnet", "torch", "torchvision", "numpy", "pillow", "av", "imageio-ffmpeg")


def write_record(out: Path | str, facts: dict[str, Any]):
    """Write `facts`, JSON values, beside the animation `out`, whole."""
    facts = {"kind": "dwnet animation", "format": FORMAT} | facts | {"versions": installed_versions(PACKAGES)}
    write_text_whole(record_path(out), json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def origins(sources: Sequence[str], driving: str, person: Person, motion: Motion, extraction: Extraction) -> dict[str, Any]:
    """Names and SHA-256 of the inputs and of the files of their maps; of maps that were found, the backend."""
    given = {"source": (sources[0], person.maps), "driving": (driving, motion.maps)}
    given |= {f"source {number}": (text, None) for number, text in enumerate(sources[1:], 2)}
    maps = {role: _origin(str(path)) if path else _maker(text, extraction) for role, (text, path) in given.items() if role in ROLES}
    return {"inputs": {role: _origin(text) for role, (text, _) in given.items()}, "iuv": maps}


def made_by(model: str, settings: AnimateSettings) -> dict[str, Any]:
    """The model with its digest, and the settings."""
    return {"model": {"name": model, "sha256": file_sha256(model_file(model))}, "settings": settings.model_dump(mode="json")}


def made(outputs: list[Output], person: Person, motion: Motion, seconds: float) -> dict[str, Any]:
    """What was written in `seconds`, of which the first one is the result."""
    result, place = outputs[0], person.geometry
    width, height = result.size
    return {
        "video": {
            "name": result.path.name,
            "compared": [output.path.name for output in outputs[1:]],
            "width": width,
            "height": height,
            "frames": int(motion.repeats.sum()),
            "fps": motion.fps,
            "sound": result.sound is not None,
        },
        "crop": place and {"photo": [place.width, place.height], "box": list(place.box)},
        "generated": {"size": motion.size, "frames": len(motion)},
        "seconds": round(seconds, 2),
        "frames_per_second": round(len(motion) / seconds, 3),
    }


def _origin(text: str) -> dict[str, str]:
    """Name and SHA-256 of a file or folder, or of a clip of the cache."""
    if place := cached(text):
        with SplitReader(place[0]) as reader:
            return {"name": f"{place[0].name}:{place[1]}", "sha256": reader.digest(place[1])}
    path = Path(text).absolute()
    return {"name": path.name, "sha256": file_sha256(path)}


def _maker(text: str, extraction: Extraction) -> dict[str, str]:
    """Who made the maps that no file beside the input holds."""
    own = cached(text) or is_motion(Path(text))
    return {"backend": "those of the input" if own else extraction.backend}
