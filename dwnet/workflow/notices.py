"""What a run says of itself on the terminal: targets, rough maps, new metrics."""

import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from densepose_cache.densepose.choice import published_file

from .other_runs import Due
from .paths import results_folder
from .project import Project


@cache
def default_target(project: Project) -> str:
    """What a run makes that names no target: the metrics of the data set `sample`.

    Where there is none, so that Snakemake stops, what can be made is said once.
    """
    if "sample" not in project.datasets:
        targets = " ".join(f"{results_folder(project.folders, name)}/metrics.json" for name in project.datasets)
        print(
            f"a run without a target makes the data set `sample`, which this configuration does not have; name what to make: {targets}",
            file=sys.stderr,
        )
    return f"{results_folder(project.folders, 'sample')}/metrics.json"


def name_embedded(project: Project, due: Iterable[Due]):
    """Say for which data sets jobs make rough maps for want of weights, and how to get better ones."""
    for name in sorted({job.wildcards["dataset"] for job in due if job.rule == "densepose"}):
        asked, chosen = project.asked.datasets[name].densepose, project.datasets[name].densepose
        if asked.backend == "auto" and chosen.backend == "embedded":
            path = published_file(chosen, Path(project.folders.weights))
            reason = f"the cache has such maps, although there is {path}" if path.is_file() else f"there is no {path}"
            print(
                f"IUV maps of {name} by the small network that ships with the package: {reason}; "
                f"densepose.backend: rcnn makes better ones and downloads what that needs",
                file=sys.stderr,
            )


def print_new_metrics(project: Project, since: float):
    """Print the metrics that were written after `since`, in seconds of the epoch, and where to look."""
    from ..report.summary import print_summary

    for dataset in project.datasets:
        path = Path(results_folder(project.folders, dataset)) / "metrics.json"
        if path.is_file() and path.stat().st_mtime >= since:
            print_summary(path)
