"""What stops a run before anything is planned."""

import re
from pathlib import Path

import pytest

from densepose_cache.core.errors import InputError
from dwnet.config import Folders
from dwnet.workflow.checks import check_files, check_folders, unmounted


def test_all_files_that_are_not_there_are_named_with_their_keys(make_project):
    Path("gone.pth").symlink_to("nowhere.pth")
    project = make_project(
        densepose={"backend": "detectron2", "weights": "no/model.pkl"},
        train={"start": "no/{variant}"},
        evaluate={"pairs": "no/pairs.csv", "weights": {"alexnet": "gone.pth"}},
    )
    with pytest.raises(InputError) as error:
        check_files(project)
    lines = [line.removeprefix("datasets.sample.") for line in str(error.value).splitlines()[1:]]
    assert lines[:2] == ["densepose.weights: no/model.pkl does not exist", "evaluate.pairs: no/pairs.csv does not exist"]
    assert lines[2] == "train.start of full: no/full/model.safetensors does not exist" and len(lines) == 7
    assert lines[6] == "evaluate.weights.alexnet: gone.pth is a link to nowhere.pth, which is not there"


def test_files_that_are_there_and_models_that_are_trained_first_stop_nothing(make_project):
    Path("run").mkdir()
    for name in ("pairs.csv", "run/model.safetensors"):
        Path(name).touch()
    for start in ("run", "run/model.safetensors", "results/sample/runs/{variant}", None):
        check_files(make_project(train={"start": start}, evaluate={"pairs": "pairs.csv"}))


def test_a_folder_seems_not_to_be_mounted_where_it_would_be_made_in_an_empty_one(tmp_path):
    lab = tmp_path / "disk/lab"
    assert unmounted(str(lab / "cache")) == f"{lab}, in which cache is to be made, is not there"
    lab.mkdir(parents=True)
    assert unmounted(str(lab / "cache")) == f"{lab}, in which cache is to be made, is empty and nothing is mounted there"
    (lab / "other").touch()
    assert unmounted(str(lab / "cache")) is None
    assert unmounted("not/there") is None, "a relative one is made where the run is"
    Path("results").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=re.escape(f"\nfolders.results: results is a link to {tmp_path / 'nowhere'}, which is not there")):
        check_folders(Folders())
    check_folders(Folders(results=str(lab)))
