"""The options that the page shows: those of `AnimateSettings` that have a line here."""

import re
import typing
from collections.abc import Sequence

import gradio as gr
from pydantic import ValidationError

from densepose_cache.config.base import check, explain
from densepose_cache.core.errors import InputError

from ..config import AnimateSettings

OPTIONS = {
    "size": ("Size", "Width and height of the video in pixels, a multiple of 4", "as the model was trained"),
    "fps": ("Frames a second", "The motion stays as fast", "as the driving video"),
    "start": ("Begin at second", "Of the driving video", "its beginning"),
    "end": ("End at second", "Of the driving video", "its end"),
    "crop": ("Crop", "“auto” cuts a square around the person out of photo and video", ""),
    "person": ("Person on the photo", "Of several: left, right, largest, or a number from the left", "the most central one"),
    "driving_person": ("Person on the video", "Of several: left, right, largest, or a number from the left", "the most central one"),
    "align": ("Proportions", "“auto” makes the moving body as large as the one on the photo", ""),
    "begin_at_pose": ("Begin at the photo's pose", "Where the motion is nearest to it", ""),
    "smooth": ("Steady", "Evens out the motion against flicker; “auto” where that helps", ""),
    "paste_back": ("Whole photo", "“auto” shows the result in the whole photo where it is larger than the video", ""),
    "device": ("Compute on", "“auto” takes a GPU if there is one", ""),
}
"""Label, explanation and what an empty field means, by the name of the setting. The kind of its field says which control it gets."""


def controls(defaults: AnimateSettings) -> list[gr.components.Component]:
    """A control for every option, in their order. Call inside of a Gradio layout."""
    return [_control(name, *texts, getattr(defaults, name)) for name, texts in OPTIONS.items()]


def _control(name: str, label: str, info: str, empty: str, value) -> gr.components.Component:
    common = {"label": label, "info": info, "elem_id": f"option-{name}", "min_width": 200}
    kind = AnimateSettings.model_fields[name].annotation
    if kind is bool:
        return gr.Checkbox(value, **common)
    if typing.get_origin(kind) is typing.Literal:
        return gr.Dropdown(choices=list(typing.get_args(kind)), value=value, **common)
    return gr.Textbox("" if value is None else str(value), placeholder=empty, max_lines=1, **common)


def settings_of(values: Sequence, defaults: AnimateSettings) -> AnimateSettings:
    """The settings that the controls' `values` say, over `defaults`. Raises InputError where they are wrong."""
    given = {name: _typed(name, value) for name, value in zip(OPTIONS, values, strict=True)}
    given = {name: getattr(defaults, name) if value is None and _needed(name) else value for name, value in given.items()}
    try:
        return check(AnimateSettings, defaults.model_dump() | given)
    except ValidationError as error:
        raise InputError(explain(error, "")) from None


def in_words(text: str) -> str:
    """An error message of the command as the page says it: controls in place of options, without those that the page does not have."""
    for name, (label, *_) in OPTIONS.items():
        text = text.replace(f"--{name.replace('_', '-')}", f"“{label}”")
    return re.sub(r"[,.]? or give .*--(source|driving)-iuv.*$", "", text, flags=re.IGNORECASE)


def _needed(name: str) -> bool:
    """Whether a setting must have a value."""
    return AnimateSettings.model_fields[name].default is not None


def _typed(name: str, value):
    """What a control holds, as its setting wants it: text is a number where that is one, nothing where it is empty."""
    kinds = set(typing.get_args(AnimateSettings.model_fields[name].annotation))
    text = value.strip() if isinstance(value, str) else value
    if text == "":
        return None
    if not isinstance(text, str) or not kinds & {int, float}:
        return text
    try:
        return int(text) if int in kinds else float(text.replace(",", "."))
    except ValueError:
        raise InputError(f"“{OPTIONS[name][0]}”: {text} is no {'whole number' if int in kinds else 'number'}") from None
