"""Folders of data sets and runs. A name may be a wildcard, such as `{dataset}`: then the path is a pattern of Snakemake's."""

from collections.abc import Mapping

from ..config import Folders


def data_folder(folders: Folders, dataset: str) -> str:
    """Where the videos of a data set are rendered or downloaded to."""
    return f"{folders.data}/{dataset}"


def cache_folder(folders: Folders, dataset: str) -> str:
    """Where the clip table, the shards and the indexes of a data set are."""
    return f"{folders.cache}/{dataset}"


def results_folder(folders: Folders, dataset: str) -> str:
    """Where the pages and tables of a data set are."""
    return f"{folders.results}/{dataset}"


def run_folder(folders: Folders, dataset: str, variant: str) -> str:
    """Where the model, the rollout and the metrics of a variant are."""
    return f"{folders.results}/{dataset}/runs/{variant}"


def written_folder(folders: Folders, rule: str, wildcards: Mapping[str, str]) -> str | None:
    """The folder of a data set, or of one of its runs, that a job writes to; None for a rule that writes to no such folder."""
    match rule:
        case "sample" | "fetch":
            return data_folder(folders, wildcards["dataset"])
        case "clips" | "decode" | "densepose" | "warp" | "index":
            return cache_folder(folders, wildcards["dataset"])
        case "train" | "rollout" | "evaluate":
            return run_folder(folders, wildcards["dataset"], wildcards["variant"])
        case "report" | "ablation":
            return results_folder(folders, wildcards["dataset"])
        case "weights":
            return folders.weights
    return None
