"""What failed in a run: the job, what its log says at its end, and the command that tries it again."""

import argparse
import shlex
from collections.abc import Sequence

from densepose_cache.core.progress import LINE

from .stage import Job, tail

LAST = 8
"""Lines of a log that are shown."""
KEPT_OPTIONS = (
    ("--snakefile", "-s"),
    ("--directory", "-d"),
    ("--profile",),
    ("--workflow-profile",),
    ("--executor", "-e"),
    ("--software-deployment-method", "--sdm"),
    ("--cores", "-c"),
    ("--jobs", "-j"),
)
KEPT_LISTS = (("--configfile", "--configfiles"), ("--config", "-C"))
"""Options of Snakemake with which the same target is the same job; lists come first, so that the target is not one more item of theirs."""


def failure_text(job: Job, command: str) -> str:
    """A failed job in a few lines: rule and wildcards, what its log says, and how to try it again."""
    wildcards = ", ".join(f"{name} {value}" for name, value in job.wildcards.items())
    lines = [f"{job.rule}: {wildcards}" if wildcards else job.rule]
    try:
        words = last_words(tail(job.log)) or ["it ended without a word: it was killed, or broke down"]
        lines += [f"  {line}" for line in (*words, f"log: {job.log}")]
    except (OSError, AttributeError):
        lines.append(f"  it left no log{f' ({job.log})' if job.log else ''}: it did not begin, or its machine failed")
    return "\n".join([*lines, f"  try it again: {command}"])


def last_words(text: str) -> list[str]:
    """The last lines of a log without progress: a subcommand's `error: ...` and what belongs to it first, then what was said before it."""
    lines = [line for line in text.splitlines() if line.strip() and not LINE.match(line)]
    errors = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    if not errors:
        return lines[-LAST:]
    error, before = lines[errors[-1] :], lines[: errors[-1]]
    return [*error, *before[len(before) - max(0, LAST - len(error)) :]]


def retry_command(arguments: Sequence[str], target: str, local: bool) -> str:
    """The command that makes `target` in the way in which a run was started with `arguments`, without what it forced or asked for else."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for names in KEPT_LISTS:
        parser.add_argument(*names, nargs="+", dest=names[0])
    for names in KEPT_OPTIONS:
        bare = {"nargs": "?", "const": "all"} if names[0] in ("--cores", "--jobs") else {}
        parser.add_argument(*names, dest=names[0], **bare)
    found = vars(parser.parse_known_args(list(arguments))[0])
    if local and not (found["--cores"] or found["--jobs"]):
        found["--cores"] = "all"
    words = ["snakemake"]
    for name, value in found.items():
        if value is not None:
            words += [name, *([value] if isinstance(value, str) else value)]
    ends_in_list = all(found[names[0]] is None for names in KEPT_OPTIONS) and len(words) > 1
    return shlex.join([*words, *(["--"] if ends_in_list else []), target])
