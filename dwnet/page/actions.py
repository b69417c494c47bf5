"""What happens when a visitor drops a file or presses a button."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import gradio as gr

from densepose_cache.core.errors import InputError

from ..animation.animate import Report
from ..animation.job import Job, Studio
from ..animation.outputs.names import compare_path
from ..config import AnimateSettings
from . import texts
from .folder import PageFolder
from .options import in_words, settings_of
from .preview import look
from .uploads import Limits, files_of, photo_to_show, video_to_show
from .visits import Visitor, Visits
from .work import Task, Worker

POLL = 0.25
"""Seconds from one look at a task to the next."""


class Actions:
    """The handlers of the page; `show` are its controls by name, which the handlers return new values for."""

    def __init__(self, studio: Studio, folder: PageFolder, worker: Worker, limits: Limits, defaults: AnimateSettings):
        self._studio, self._folder, self._worker, self._limits, self._defaults = studio, folder, worker, limits, defaults
        self.visits = Visits(folder)

    def photo_sent(self, payload):
        """Photo and status after a photo was dropped."""
        return self._taken(payload, photo_to_show, "Photo")

    def video_sent(self, payload):
        """Driving video and status after a video was dropped."""
        return self._taken(payload, video_to_show, "Video")

    def _taken(self, payload, to_show: Callable[[Path], Path], what: str):
        try:
            (path,) = files_of(payload, self._folder)
            self._limits.check_file(path)
            shown = to_show(path)
        except InputError as error:
            return None, self._problem(error)
        return (gr.skip() if shown == path else str(shown)), texts.note(f"{what} taken. {texts.READY}")

    async def preview(self, request: gr.Request, photo, video, more, *options) -> AsyncIterator[tuple]:
        """Yield buttons, status, preview until it is there; `more` are further photos."""
        visitor = self.visits.of(request.session_hash)

        def work(photos: list[Path], driving: Path, settings: AnimateSettings, report: Report):
            return look(self._studio, photos[0], driving, settings, report)

        async for task in self._follow(visitor, work, photo, video, more, options):
            shown = texts.previewed(task.result) if task.state == "done" else gr.skip()
            yield *self._state(task, "Looking for the people …", "This is what was found."), shown

    async def animate(self, request: gr.Request, photo, video, more, *options) -> AsyncIterator[tuple]:
        """Yield buttons, status, result until it is there; `more` are further photos of the same person."""
        visitor = self.visits.of(request.session_hash)

        def work(photos: list[Path], driving: Path, settings: AnimateSettings, report: Report):
            visitor.results += 1
            clean = visitor.folder / f"animated-{visitor.results}.mp4"
            first, *further = map(str, photos)
            job = Job(first, str(driving), clean, settings.model_copy(update={"compare": True}), sources=tuple(further))
            motion, compared = self._studio.animate(job, report), compare_path(clean)
            for old in visitor.folder.iterdir():
                if old not in (clean, compared):
                    old.unlink()
            return texts.result(clean, compared, settings.start or 0.0, motion.sound is not None)

        async for task in self._follow(visitor, work, photo, video, more, options):
            shown = task.result if task.state == "done" else gr.skip()
            yield *self._state(task, "Looking for the people …", "Done. The bar under the result moves both videos."), shown

    def cancel(self, request: gr.Request):
        """Stop what is under way."""
        visitor = self.visits.of(request.session_hash)
        if visitor.task:
            visitor.task.stop()

    def leave(self, request: gr.Request):
        """Forget a visitor who closed the page."""
        self.visits.ends(request.session_hash)

    async def _follow(self, visitor: Visitor, work: Callable, photo, video, more, options) -> AsyncIterator[Task]:
        """Yield the task that does `work` now and then until it has ended, and then once more; nothing where another one is under way."""
        if visitor.busy:
            return

        def checked(report: Report):
            photos, videos = files_of(photo, self._folder), files_of(video, self._folder)
            if not photos or not videos:
                raise InputError("a photo and a driving video are needed; drop them above, or click an example")
            photos += files_of(more, self._folder)
            visitor.used = {path.parent for path in (*photos, *videos)}
            settings = settings_of(options, self._defaults)
            for path in (*photos, *videos):
                self._limits.check_file(path)
            self._limits.check_length(videos[0], settings.start, settings.end)
            return work(photos, videos[0], settings, report)

        task = visitor.task = Task(checked)
        self._worker.add(task)
        while not task.ended:
            yield task
            await asyncio.sleep(POLL)
        yield task

    def _state(self, task: Task, doing: str, done: str) -> tuple:
        """Animate, preview and cancel button, and status."""
        buttons = [gr.update(interactive=task.ended), gr.update(interactive=task.ended), gr.update(interactive=not task.ended)]
        match task.state:
            case "done":
                status = texts.note(done)
            case "failed":
                status = self._problem(task.error)
            case "stopped":
                status = texts.note("Stopped. Nothing was kept.")
            case _:
                status = texts.progress(task, self._worker.before(task), doing)
        return *buttons, status

    def _problem(self, error) -> str:
        return texts.problem(in_words(self._folder.plain(str(error))))
