"""Listens to what Snakemake logs of a run; shows one line a stage, and gathers what failed."""

import atexit
import logging
import sys
import threading
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from .failures import failure_text, retry_command
from .stage import COLUMNS, DONE, FAILED, RUNNING, WAITING, Job, Stage

LINE_SECONDS = 30.0
"""Between lines of a stage that goes on, where no terminal shows them live."""
SAID = ("Nothing to be done", "Trying to restart job", "Terminating processes", "Will exit after")
"""Beginnings of Snakemake's messages that are shown beside warnings and errors."""
SUMMARISED = {"job_error", "group_error"}
UNSAID = ("RuleException:\nCalledProcessError", "Exiting because a job execution failed")
"""Events, and beginnings of errors, of which the summary at the end speaks."""


class Display(logging.Handler):
    """Handler of Snakemake's logger for one run of `workflow`.

    Every run's failed jobs are gathered (`print_failures`). With `shown` it takes the place of Snakemake's own output from where the run
    begins: a line a stage, live on a terminal and now and then elsewhere, and warnings and errors as they come.
    """

    def __init__(self, workflow, shown: bool):
        super().__init__()
        self._workflow, self.shown = workflow, shown
        settings = workflow.output_settings
        self._console = Console(stderr=not settings.stdout, no_color=settings.nocolor or None, highlight=False)
        self._stages: dict[str, Stage] = {}
        self._jobs: dict[tuple, Job] = {}
        self._by_id: dict[int, Job] = {}
        self._checkpoints: set[int] = set()
        self._stale = True
        self._state = threading.RLock()
        self._printed: dict[str, str] = {}
        self._ended = threading.Event()
        self._live: Live | None = None
        self._thread: threading.Thread | None = None
        self.running = False

    def start(self):
        """Begin to show the stages."""
        if not self.shown:
            return
        atexit.register(self.stop)  # where an error of Snakemake passes by the hooks
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._lines, console=self._console, refresh_per_second=1)
            self._live.start()
        else:
            self._thread = threading.Thread(target=self._print_now_and_then, daemon=True)
            self._thread.start()

    def stop(self):
        """Show how far the stages came, for the last time."""
        if self._ended.is_set():
            return
        self._ended.set()
        if self._live:
            self._live.stop()
        elif self._thread:
            self._thread.join()
            self._print_stages()

    def print_failures(self, everything: list[str]):
        """Print once of every job that failed, and was not finished by another attempt, what happened and how to try it again.

        `everything` are the files that hold all that Snakemake said.
        """
        failed = [job for job in self._jobs.values() if job.state == FAILED]
        if not failed:
            return
        local = self._workflow.local_exec
        texts = [failure_text(job, retry_command(sys.argv[1:], job.target, local)) for job in failed]
        title = f"{len(failed)} job{'s' * (len(failed) > 1)} failed"
        said = f"all that Snakemake said: {', '.join(str(Path(path)) for path in everything)}" if everything else ""
        self._console.print("\n" + "\n\n".join(filter(None, [title, *texts, said])), markup=False, soft_wrap=True)

    def emit(self, record: logging.LogRecord):
        try:
            event = str(getattr(record, "event", None) or "")
            with self._state:
                self._note(event, record)
            if self.shown and self.running and self._worth_saying(event, record):
                self._console.print(Text(self.format(record)), soft_wrap=True)
            if self.shown and not self._live and event in ("job_finished", "job_error"):
                self._print_stages(over=True)
        except Exception:
            self.handleError(record)

    def _note(self, event: str, record: logging.LogRecord):
        if event == "workflow_started":
            self.running = True
        elif event == "job_info":
            if self._stale:
                self._plan()
            job = self._job(record.rule_name, dict(record.wildcards), list(record.output), list(record.log))
            self._by_id[record.jobid] = job
            self._stages[job.rule].start(job)
            if record.is_checkpoint:
                self._checkpoints.add(record.jobid)
        elif event == "job_finished" and record.job_id in self._by_id:
            self._end(self._by_id[record.job_id], DONE)
            self._stale = self._stale or record.job_id in self._checkpoints
        elif event == "job_error" and record.jobid in self._by_id:
            self._end(self._by_id[record.jobid], FAILED)

    def _end(self, job: Job, state: str):
        self._stages[job.rule].end(job, state)

    def _plan(self):
        """Take the jobs that are still to run from Snakemake's plan; after a checkpoint there are others, and more is known of them."""
        self._stale = False
        for key, job in list(self._jobs.items()):
            if job.state == WAITING:
                self._stages[job.rule].jobs.remove(job)
                del self._jobs[key]
        for planned in self._workflow.dag.needrun_jobs():
            if not planned.output:
                continue
            job = self._job(planned.rule.name, dict(planned.wildcards_dict), list(planned.output), list(planned.log))
            table = Path(getattr(planned.input, "clips", ""))
            if table.stem == job.wildcards.get("shard") and table.is_file():
                job.clips = table.read_bytes().count(b"\n") - 1  # no cell of it holds a line end
        order = [rule.name for rule in self._workflow.rules]
        self._stages = {rule: self._stages[rule] for rule in order if rule in self._stages and self._stages[rule].jobs}

    def _job(self, rule: str, wildcards: dict[str, str], output: list[str], log: list[str]) -> Job:
        key = (rule, *sorted(wildcards.items()))
        if key not in self._jobs:
            job = Job(rule, wildcards, str(output[0]), Path(log[0]) if log else None)
            self._jobs[key] = job
            self._stages.setdefault(rule, Stage(rule)).jobs.append(job)
        return self._jobs[key]

    def _worth_saying(self, event: str, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return str(record.msg).startswith(SAID)
        return event not in SUMMARISED and not str(record.msg).startswith(UNSAID)

    def _lines(self) -> Group:
        """The lines of all stages, in columns; what does not fit into the terminal is cut off."""
        with self._state:
            rows = [(stage.cells(), any(job.state == RUNNING for job in stage.jobs)) for stage in self._stages.values()]
        widths = [max(len(cells[column]) for cells, _ in rows) for column in range(COLUMNS)] if rows else []
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True) if width).rstrip() for cells, _ in rows)
        styles = ("" if runs else "dim" for _, runs in rows)
        return Group(*(Text(line, style, no_wrap=True, overflow="ellipsis") for line, style in zip(lines, styles, strict=True)))

    def _print_now_and_then(self):
        while not self._ended.wait(LINE_SECONDS):
            self._print_stages()

    def _print_stages(self, over: bool = False):
        """Print the line of every stage of which something is new to say; only of those that have just ended with `over`."""
        with self._state:
            for rule, stage in self._stages.items():
                if stage.begun and (stage.over or not over):
                    name, *cells = stage.cells()
                    line = "  ".join([f"{name:<10}", *filter(None, cells)])
                    if self._printed.get(rule) != line:
                        self._printed[rule] = line
                        self._console.print(Text(line), soft_wrap=True)


def listen(workflow) -> Display:
    """Let a display follow the run of `workflow`, Snakemake's object, if this process is the one that runs it.

    The display is `shown`, in the place of Snakemake's output, where a profile says `quiet: host`, unless --verbose asks for all of it.
    What the commands print should go to their logs alone then.
    """
    from snakemake.logging import DefaultFormatter, logger
    from snakemake.settings.enums import Quietness
    from snakemake_interface_executor_plugins.settings import ExecMode

    settings = workflow.output_settings
    runs = workflow.exec_mode == ExecMode.DEFAULT and not settings.dryrun
    display = Display(workflow, runs and set(settings.quiet or ()) == {Quietness.HOST} and not settings.verbose)
    display.setFormatter(DefaultFormatter())
    if runs:
        others = list(logger.handlers)
        logger.addHandler(display)
        if display.shown:
            for handler in others:
                if handler.name == "DefaultStreamHandler":
                    handler.addFilter(lambda record: not (display.running or str(record.msg).startswith("Assuming unrestricted shared")))
    return display
