"""The page: photo, driving video and result from left to right, buttons and progress under them, examples and options at the end."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from ..config import AnimateSettings
from . import texts
from .actions import Actions
from .examples import Example
from .options import controls

HERE = Path(__file__).parent
FONTS = ["system-ui", "sans-serif"]
THEME = gr.themes.Soft(primary_hue="indigo", font=FONTS, font_mono=["ui-monospace", "monospace"])


def layout(actions: Actions, shown: Sequence[Example], defaults: AnimateSettings) -> gr.Blocks:
    """The page with its handlers."""
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    with gr.Blocks(title="Animate a photo", analytics_enabled=False) as page:
        gr.HTML(texts.title(), elem_id="title")
        with gr.Row(elem_id="stage"):
            photo = gr.Image(label="Photo", sources=["upload"], type="filepath", elem_id="photo", buttons=[])
            video = gr.Video(label="Driving video", sources=["upload"], elem_id="driving", buttons=[])
            result = gr.HTML(texts.empty_result(), elem_id="result")
        with gr.Row(elem_id="buttons"):
            preview = gr.Button("Preview", elem_id="preview")
            animate = gr.Button("Animate", variant="primary", elem_id="animate")
            cancel = gr.Button("Cancel", variant="stop", interactive=False, elem_id="cancel")
        status = gr.HTML(texts.note(texts.HINT), elem_id="status")
        previewed = gr.HTML("", elem_id="previewed")
        samples = gr.HTML(texts.cards(shown), js_on_load=texts.CHOOSE, elem_id="examples")
        with gr.Accordion("More options", open=False, elem_id="options"):
            more = gr.File(
                label="More photos of the same person, from behind for example",
                file_count="multiple",
                file_types=["image"],
                height=110,
                elem_id="more-photos",
            )
            with gr.Row():
                options = controls(defaults)

        buttons, given = [animate, preview, cancel], [photo, video, more, *options]
        photo.upload(actions.photo_sent, photo, [photo, status], preprocess=False, **quiet)
        video.upload(actions.video_sent, video, [video, status], preprocess=False, **quiet)

        def chosen(event: gr.EventData):
            example = shown[event.number]
            return str(example.photo), str(example.video), texts.note(texts.READY)

        samples.click(chosen, None, [photo, video, status], **quiet)
        free = {"preprocess": False, "concurrency_limit": None, "trigger_mode": "once", **quiet}
        preview.click(actions.preview, given, [*buttons, status, previewed], **free)
        animate.click(actions.animate, given, [*buttons, status, result], **free)
        cancel.click(actions.cancel, queue=False, **quiet)
        page.unload(actions.leave)
    return page
