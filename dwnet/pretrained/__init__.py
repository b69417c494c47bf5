"""The generator that ships with the package: `model.safetensors`, and beside it `record.json`, which says how it came to be."""

from pathlib import Path

FOLDER = Path(__file__).parent
RECORD = FOLDER / "record.json"
EMBEDDED = "embedded"
"""What names it where a model is asked for. A folder of that name is `./embedded`, as text: a Path forgets the dot."""


def named_model(name: str | Path) -> Path:
    """The folder of the generator that ships, for its name; any other path of a model as it is."""
    return FOLDER if str(name) == EMBEDDED else Path(name)
