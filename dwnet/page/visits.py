"""Visitors of the page: each one's folder of results, and the task that is under way for them."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from .folder import PageFolder
from .work import Task


@dataclass
class Visitor:
    """One open page. `task` is the latest one, None before the first; `results` counts the videos that were begun."""

    folder: Path
    task: Task | None = None
    used: set[Path] = field(default_factory=set)
    """Folders with files that the task needs."""
    results: int = 0

    @property
    def busy(self) -> bool:
        return self.task is not None and not self.task.ended


class Visits:
    """All visitors, by the name that Gradio gives an open page."""

    def __init__(self, folder: PageFolder):
        self._folder, self._visitors = folder, {}

    def of(self, name: str) -> Visitor:
        """The visitor `name`; a new one gets a folder."""
        visitor = self._visitors.get(name)
        if visitor is None or not visitor.folder.is_dir():
            visitor = self._visitors[name] = Visitor(self._folder.visitor())
        return visitor

    def ends(self, name: str):
        """Stop what is under way for the visitor `name`, who has closed the page, and remove the results."""
        visitor = self._visitors.pop(name, None)
        if visitor:
            if visitor.task:
                visitor.task.stop()
            shutil.rmtree(visitor.folder, ignore_errors=True)

    def in_use(self) -> set[Path]:
        """Folders that tasks which have not ended need."""
        return {folder for visitor in list(self._visitors.values()) if visitor.busy for folder in (visitor.folder, *visitor.used)}
