"""What jobs ask for."""

import pytest

from dwnet.workflow.resources import (
    CLUSTER_THREADS,
    densepose_gpus,
    evaluate_gpus,
    gpus,
    growing,
    train_gpus,
    train_processes,
    train_threads,
    warp_environment,
    warp_gpus,
    warp_memory,
)


@pytest.mark.parametrize(
    ("count", "section", "settings", "number"),
    [
        (densepose_gpus, "densepose", {"backend": "precomputed"}, 0),
        (densepose_gpus, "densepose", {"backend": "embedded"}, 1),
        (densepose_gpus, "densepose", {"backend": "rcnn", "device": "cpu"}, 0),
        (warp_gpus, "warp", {"engine": "lattice"}, 0),
        (warp_gpus, "warp", {"engine": "torch"}, 1),
        (train_gpus, "train", {"devices": 4, "nodes": 2}, 8),
        (train_gpus, "train", {"devices": 4, "device": "cpu"}, 0),
        (evaluate_gpus, "evaluate", {}, 1),
        (evaluate_gpus, "evaluate", {"device": "cpu"}, 0),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_job_asks_for_the_gpus_that_it_uses(make_project, count, section, settings, number):
    assert count(make_project(**{section: settings}).datasets["sample"]) == number


def test_jobs_with_a_gpu_go_to_the_partition_that_the_environment_names(monkeypatch):
    monkeypatch.delenv("DWNET_GPU_PARTITION", raising=False)
    assert set(gpus(int)) == {"gpu"}
    monkeypatch.setenv("DWNET_GPU_PARTITION", "volta")
    monkeypatch.setenv("SBATCH_PARTITION", "main")
    asked = gpus(int)
    assert [(asked["gpu"](number), asked["slurm_partition"](number)) for number in (0, 2)] == [(0, "main"), (2, "volta")]


def test_memory_grows_with_the_attempts(make_project):
    assert [growing(2000)(None, attempt) for attempt in (1, 2, 3)] == [2000, 4000, 6000]
    for engine, memory, environment in (("kdtree", 2000, "warp"), ("torch", 8000, "train")):
        data = make_project(warp={"engine": engine}).datasets["sample"]
        assert (warp_memory(data), warp_environment(data)) == (memory, environment)


@pytest.mark.parametrize(
    ("settings", "cores", "threads"),
    [
        ({}, 6, 6),
        ({"devices": 2}, None, 2 * CLUSTER_THREADS),
        ({"devices": 2, "threads": 3}, 16, 6),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_training_takes_its_threads_or_all_cores(make_project, settings, cores, threads):
    assert train_threads(make_project(train=settings).datasets["sample"], cores) == threads


@pytest.mark.parametrize(("settings", "processes"), [({"devices": 2}, None), ({"devices": 2, "nodes": 2}, 4)], ids=str)
def test_a_cluster_starts_the_processes_of_several_machines(make_project, settings, processes):
    assert train_processes(make_project(train=settings).datasets["sample"]) == processes
