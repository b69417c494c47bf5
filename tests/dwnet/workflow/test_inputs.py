"""Files that rules read: shards, models to start from, pairs, weights."""

from pathlib import Path

import pandas as pd
import pytest

from densepose_cache.cache.shard import bucket
from densepose_cache.clips.table import read_table, write_table
from densepose_cache.storage.weights import WEIGHTS
from dwnet import pretrained
from dwnet.workflow.inputs import clip_source, is_trained_here, shard_files, shard_table, start_files, start_model, transfer_pairs
from dwnet.workflow.weights import weight_files, weights_name

VIDEOS = {"kind": "videos", "path": "videos"}
URLS = {"kind": "urls", "train": "train.txt", "test": "test.txt"}


def test_rendered_and_downloaded_videos_are_made_before_the_clip_table(make_project):
    datasets = {"own": {"source": VIDEOS}, "urls": {"source": URLS, "densepose": {"backend": "embedded"}}}
    project = make_project(datasets=datasets, folders={"data": "d"})
    assert clip_source(project, "own") == [] and clip_source(project, "urls") == ["d/urls/fetched.csv"]
    assert clip_source(make_project(), "sample") == ["data/sample/manifest.csv"]


def test_a_data_set_has_all_its_shards(make_project):
    project = make_project(folders={"cache": "/disk"})
    assert shard_files(project, "sample", "iuv") == ["/disk/sample/iuv/000.h5", "/disk/sample/iuv/001.h5"]


def test_a_shards_table_that_is_gone_is_written_again_as_old_as_the_whole_one(tmp_path):
    whole, names = tmp_path / "clips.csv", [f"clip{number}" for number in range(8)]
    write_table(whole, pd.DataFrame({"clip": names, "split": "train", "video": "a.mp4"}))
    first, second = (shard_table(whole, f"00{number}", 2) for number in range(2))
    assert first == tmp_path / "clips/000.csv"
    for number, path in enumerate((first, second)):
        assert list(read_table(path)["clip"]) == [name for name in names if bucket(name, 2) == number]
        assert path.stat().st_mtime_ns == whole.stat().st_mtime_ns
    first.write_text("it stays")
    assert shard_table(whole, "000", 2).read_text() == "it stays"


@pytest.mark.parametrize(
    ("start", "variant", "files"),
    [
        (None, "full", []),
        ("run", "full", ["run/model.safetensors"]),
        ("run/model.safetensors", "no_prev", ["run/model.safetensors"]),
        ("results/small/runs/{variant}", "no_prev", ["results/small/runs/no_prev/model.safetensors"]),
        ("embedded", "full", [str(pretrained.FOLDER / "model.safetensors")]),
        ("embedded", "no_prev", []),
    ],
)
def test_a_training_starts_from_a_run_a_file_or_what_ships(make_project, start, variant, files):
    project = make_project(model={"generator": "compose"}, train={"start": start})
    assert start_files(project.datasets["sample"].train, variant) == files


def test_a_file_without_an_extension_is_a_model_too():
    Path("model").touch()
    assert start_model("model") == "model"


@pytest.mark.parametrize(
    ("start", "here"),
    [
        ("results/sample/runs/full", True),
        ("results/sample/runs/{variant}", True),
        ("results/sample/runs/no_prev/model.safetensors", True),
        ("results/other/runs/full", False),
        ("embedded", False),
    ],
)
def test_models_of_this_workflow_are_told_from_those_that_must_be_there(project, start, here):
    assert is_trained_here(project, start) == here


def test_pairs_are_read_where_they_are_given(project, make_project):
    assert transfer_pairs(project.datasets["sample"]) == []
    assert transfer_pairs(make_project(evaluate={"pairs": "pairs.csv"}).datasets["sample"]) == ["pairs.csv"]


DENSEPOSE = "w/model_final_162be9.pkl"
PAPER = [f"w/{WEIGHTS[name].file}" for name in ("vgg19", "inception", "alexnet", "keypointrcnn")]


@pytest.mark.parametrize(
    ("section", "settings", "files"),
    [
        ("densepose", {"backend": "precomputed"}, []),
        ("densepose", {"backend": "embedded"}, []),
        ("densepose", {"backend": "rcnn"}, [DENSEPOSE]),
        ("densepose", {"backend": "torchvision"}, [DENSEPOSE]),
        ("densepose", {"backend": "detectron2", "weights": "mine.pkl"}, ["mine.pkl"]),
        ("train", {"features": "vgg19"}, PAPER[:1]),
        ("train", {"features": "vgg19", "losses": {"perceptual": 0.0, "warp": 1.0}}, PAPER[:1]),
        ("train", {"features": "vgg19", "losses": {"perceptual": 0.0}}, []),
        ("train", {"features": "embedded"}, []),
        ("evaluate", {"features": "paper"}, PAPER),
        ("evaluate", {"features": "paper", "weights": {"inception": "mine.pth"}}, [PAPER[0], "mine.pth", *PAPER[2:]]),
        ("evaluate", {"features": "embedded"}, []),
        ("evaluate", {"features": "embedded", "weights": {"alexnet": "mine.pth"}}, ["mine.pth"]),
    ],
    ids=str,
)
def test_a_section_reads_the_weights_that_it_needs(make_project, section, settings, files):
    data = make_project(**{section: settings}).datasets["sample"]
    assert weight_files(section, data, "w") == files


def test_every_weight_file_has_its_name():
    assert {name: weights_name(weights.file) for name, weights in WEIGHTS.items()} == {name: name for name in WEIGHTS}
