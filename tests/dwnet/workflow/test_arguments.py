"""What rules give to the commands."""

import json

import pytest

from densepose_cache.config.base import read_settings
from dwnet.config import EvaluateSettings, ModelSettings, TrainSettings
from dwnet.workflow.arguments import origin, sample_options, stage_texts, train_launcher


def test_options_of_the_rendered_people_that_are_switches_have_no_value(make_project):
    sample = {"kind": "sample", "train": 3, "test": 1, "size": 64, "frames": 6}
    sources = {"plain": sample, "wide": sample | {"wide": True}, "narrow": sample | {"wide": False}}
    project = make_project(datasets={name: {"source": source} for name, source in sources.items()})
    found = {name: sample_options(data) for name, data in project.datasets.items()}
    assert found["plain"] == found["narrow"] == "--train 3 --test 1 --size 64 --frames 6 --fps 25 --seed 0 --background any"
    assert found["wide"] == f"{found['plain']} --wide"


def test_a_command_is_given_the_settings_of_its_stage_and_variant(make_project):
    project = make_project(train={"start": "runs/{variant}"}, evaluate={"blur_sigma": 1.0, "max_frames": 3})
    texts = stage_texts(project, "train", "sample", "no_prev")
    assert read_settings(ModelSettings, texts["model"]) == project.datasets["sample"].model.model_copy(update={"previous": False})
    assert read_settings(TrainSettings, texts["settings"]).start == "runs/no_prev"
    assert read_settings(EvaluateSettings, stage_texts(project, "rollout", "sample")["settings"]) == EvaluateSettings(max_frames=3)
    assert read_settings(EvaluateSettings, stage_texts(project, "evaluate", "sample")["settings"]).blur_sigma == 1.0
    assert stage_texts(project, "index", "sample") == {}


def test_a_result_says_its_data_set_target_folders_and_all_settings_on_which_it_depends(make_project):
    project = make_project(folders={"results": "other"})
    found = json.loads(origin(project, "sample", "no_prev"))
    assert found["dataset"] == "sample" and found["target"] == "other/sample/runs/no_prev/metrics.json"
    assert found["folders"] == {"cache": "cache", "data": "data", "results": "other", "weights": "weights"}
    assert set(found["settings"]) == {"source", "shards", "video", "densepose", "warp", "model", "train", "evaluate"}


@pytest.mark.parametrize(("nodes", "launcher"), [(1, ""), (2, "srun --nodes 2 --ntasks-per-node 4 ")])
def test_several_machines_need_a_launcher(make_project, nodes, launcher):
    assert train_launcher(make_project(train={"devices": 4, "nodes": nodes}).datasets["sample"]) == launcher
