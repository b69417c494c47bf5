"""Read a data set's source from the command line."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from .config import Source
from .errors import InputError
from .settings import explain, read_yaml


def read_source(text: str) -> Source:
    """The source (SampleSource, FramesSource, VideosSource, UrlsSource) that JSON text or a JSON or YAML file describes.

    Raises InputError with one line per wrong key.
    """
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"the source is not valid JSON: {error}") from None
    elif Path(text).is_file():
        value = read_yaml(Path(text))
    else:
        raise InputError(f"{text}: no such source file; give JSON text or the path of a JSON or YAML file")
    try:
        return TypeAdapter(Source).validate_json(json.dumps(value))
    except ValidationError as error:
        raise InputError(explain(error, "source")) from None
