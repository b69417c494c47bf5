"""How a result is made again, and what is said of inputs that are no longer those that it was made from."""

import dataclasses
import json
import os
import shlex
import shutil

import pytest
import yaml
from small_cache import write_split
from tiny_origin import DETECTOR, settings, write_maps

from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.config import read_source
from densepose_cache.iuv_network.weights import WEIGHTS as SHIPPED
from densepose_cache.stages.clips import build_clip_table
from densepose_cache.storage.digest import file_sha256
from densepose_cache.storage.weights import WEIGHTS
from dwnet.cli.main import SUBCOMMANDS, SUMMARY
from dwnet.cli.reproduce import examine
from dwnet.config import NO_RESULT, Folders, load_config
from dwnet.evaluation.keypoints.mediapipe_pose import TASK
from dwnet.evaluation.provenance import Origin, provenance
from dwnet.model.checkpoint import model_file
from dwnet.pretrained import EMBEDDED
from dwnet.reproduce import commands as commands_module
from dwnet.reproduce import inputs, surroundings
from dwnet.reproduce.commands import commands
from dwnet.reproduce.record import read_record

METRICS = "results/mine/metrics.json"
ALEXNET = WEIGHTS["alexnet"].file
VERSIONS = {"python": "3.11.7", "torch": "2.14.1", "dwnet": "0.1.0"}
COMMIT = "c" * 40
CHANGES = {"train": {"features": "embedded"}, "evaluate": {"features": "embedded"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a finished result: videos, cache, weights, configuration and metrics.json."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("Snakefile", "v/train/a.mp4", "v/train/b.mp4", "v/test/c.mp4", "weights/detector.pkl", f"weights/{ALEXNET}"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
        merged = settings(densepose={"backend": "rcnn", "weights": "weights/detector.pkl"}, **CHANGES)
        asked = merged | {"densepose": merged["densepose"] | {"backend": "auto"}}
        (folder / "config.yaml").write_text(yaml.safe_dump({"datasets": {"mine": asked}}))
        cache = folder / "cache/mine"
        build_clip_table(read_source(json.dumps(merged["source"])), folder, cache / "clips.csv", 2)
        for split in ("train", "test"):
            write_split(cache / f"{split}.h5", {split: 3})
        detector = DETECTOR | {"weights": file_sha256("weights/detector.pkl")}
        for number in range(2):
            write_maps(cache / "iuv" / f"{number:03d}.h5", {"a": ("torchvision", detector)})
        write_metrics(folder, provenance(Origin(dataset="mine", target=METRICS, folders=Folders(), settings=merged)))
    return folder


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    """A copy of that folder, the working one, with fixed versions and revision."""
    folder = tmp_path / "project"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    for module in (surroundings, commands_module):
        monkeypatch.setattr(module, "versions", lambda: VERSIONS)
    monkeypatch.setattr(surroundings, "git_revision", lambda: COMMIT)
    monkeypatch.setattr(commands_module, "CHECKOUT", folder)
    return folder


def write_metrics(folder, found, **changes):
    made = {"metrics": {}, "baselines": {}, "clips": {}, "provenance": found, "versions": VERSIONS, "revision": COMMIT, "model": {}}
    made["extractors"] = {
        "efficientnet_lite0": {"sha256": "e" * 64},
        "mediapipe": {"file": TASK.name, "sha256": file_sha256(TASK)},
        "alexnet": {"file": ALEXNET, "sha256": file_sha256(f"weights/{ALEXNET}")},
    }
    (folder / METRICS).parent.mkdir(parents=True, exist_ok=True)
    (folder / METRICS).write_text(json.dumps(made | changes))


def lines(folder, verify=False, state="differs"):
    """What is found of the result in a certain state, as `name: text`."""
    found = examine(read_record(folder / METRICS), folder / "config.yaml", verify)
    return [f"{finding.name}: {finding.text}" for finding in found if finding.state == state]


def change_metrics(folder, **changes):
    path = folder / METRICS
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_nothing_differs_right_after(project, capsys):
    assert lines(project) == lines(project, verify=True) == lines(project, state="absent") == []
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["reproduce", METRICS]) == 0
    printed = capsys.readouterr().out
    assert "Nothing differs." in printed and f"git checkout {COMMIT}" in printed and "seed: 0" in printed
    names = [line.split(":")[0] for line in lines(project, state="same")]
    assert names == [
        "configuration",
        "clips and videos",
        "cache, train",
        "cache, test",
        "weights, densepose",
        "weights, evaluate.mediapipe",
        "weights, evaluate.alexnet",
        "versions",
        "git revision",
    ]


def test_the_written_configuration_is_that_of_the_result(project, capsys):
    path = project / "config.yaml"
    path.write_text(path.read_text().replace("seed: 0", "seed: 1"))
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["reproduce", METRICS, "--config-out", "again.yaml"]) == 1
    printed = capsys.readouterr().out
    assert "train.seed: 0 then, 1 now" in printed and "datasets:" not in printed
    again = load_config("again.yaml").datasets["mine"].model_dump(mode="json", exclude=NO_RESULT)
    assert json.loads(json.dumps(again)) == read_record(METRICS).origin.settings
    assert "snakemake --cores all --configfile again.yaml --replace-workflow-config -- results/mine/metrics.json" in printed


def test_a_folder_in_place_of_the_configuration_is_refused(project, capsys):
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["reproduce", METRICS, "--config-out", "."]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: .: is a folder")


def test_every_changed_key_is_named(project):
    maps, grids = {"weights": "weights/detector.pkl", "batch": 3}, {"samples": {"sources": 4}, "engine": "lattice"}
    merged = settings(densepose=maps, **CHANGES, warp=grids, video={"pad": [0, 0, 0]})
    merged["evaluate"]["weights"] = {"alexnet": "x.pth"}
    (project / "config.yaml").write_text(yaml.safe_dump({"datasets": {"mine": merged}}))
    assert set(lines(project)) == {
        "configuration: video.pad: [255, 255, 255] then, [0, 0, 0] now",
        "configuration: warp.samples.sources: null then, 4 now",
        "configuration: evaluate.weights.alexnet: not there then, x.pth now",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such configuration file"),
        ("datasets: {other: {source: {kind: videos, path: v}}}", "holds no data set mine"),
        ("trian: {}\ndatasets: {mine: {source: {kind: videos, path: v}}}", "unknown section trian"),
    ],
)
def test_a_configuration_that_is_gone_or_wrong_is_a_line(project, text, words):
    (project / "config.yaml").unlink() if text is None else (project / "config.yaml").write_text(text)
    (line,) = lines(project)
    assert line.startswith("configuration: ") and words in line and "\n" not in line


def test_changed_clips_are_named_as_long_as_their_table_is_there(project):
    (project / "v/train/a.mp4").write_text("another film")
    (project / "v/test/c.mp4").rename(project / "v/test/d.mp4")
    assert lines(project) == ["clips and videos: changed: train-a; gone: test-c; new: test-d"]
    (project / "cache/mine/clips.csv").unlink()
    (line,) = lines(project)
    assert "2 for training, 1 for testing then, 2 for training, 1 for testing now" in line
    shutil.rmtree(project / "v")
    (line,) = lines(project)
    assert line.startswith("clips and videos: v: ")


def test_only_verify_reads_a_video_that_looks_unchanged(project, monkeypatch):
    path = project / "v/train/a.mp4"
    before = path.stat()
    path.write_text(path.read_text().swapcase())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert lines(project) == [] and lines(project, verify=True) == ["clips and videos: changed: train-a"]


def test_a_touched_video_is_the_same(project):
    (project / "v/train/a.mp4").touch()
    assert lines(project) == []


def test_what_the_workflow_makes_again_may_be_absent(project):
    (project / "cache/mine/train.h5").unlink()
    (project / "weights" / ALEXNET).unlink()
    assert lines(project) == []
    assert [line.split(":")[0] for line in lines(project, state="absent")] == ["cache, train", "weights, evaluate.alexnet"]
    record = read_record(METRICS)
    rendered = record.origin.model_copy(update={"settings": record.origin.settings | {"source": {"kind": "sample"}}})
    finding = inputs.check_clips(dataclasses.replace(record, origin=rendered), False)
    assert finding.state == "absent" and "data/mine/manifest.csv" in finding.text


def test_another_cache_and_other_weights_differ(project):
    write_split(project / "cache/mine/test.h5", {"test": 4})
    (project / "cache/mine/train.h5").write_text("no HDF5")
    (project / "weights" / ALEXNET).write_text("another")
    (project / "weights/detector.pkl").unlink()
    found = lines(project)
    assert [line.split(":")[0] for line in found] == ["cache, train", "cache, test", "weights, densepose", "weights, evaluate.alexnet"]
    assert "is no HDF5 file" in found[0] and " then, " in found[1] and "is gone" in found[2]


def test_another_pose_model_than_the_shipped_one_differs(project):
    change_metrics(project, extractors={"mediapipe": {"file": TASK.name, "sha256": "0" * 64}})
    (line,) = lines(project)
    assert line.startswith("weights, evaluate.mediapipe: ")


def test_published_weights_are_looked_for_where_the_workflow_puts_them(project):
    record = read_record(METRICS)
    changed = settings(train={"start": "weights/detector.pkl"}, evaluate={"weights": {"inception": "mine.pth"}})
    changed["densepose"]["backend"] = "rcnn"
    extractors = {name: {"sha256": "a"} for name in ("vgg19", "inception")}
    weights = {"densepose": "1", "train.features": "2", "train.start": "3"}
    origin = record.origin.model_copy(update={"settings": changed})
    found = {
        file.name: file for file in inputs.weight_files(dataclasses.replace(record, origin=origin, extractors=extractors, weights=weights))
    }
    places = {name: (str(file.path), file.fetched) for name, file in found.items()}
    assert places == {
        "densepose": ("weights/model_final_162be9.pkl", True),
        "train.features": ("weights/vgg19-dcbb9e9d.pth", True),
        "train.start": ("weights/detector.pkl", False),
        "evaluate.vgg19": ("weights/vgg19-dcbb9e9d.pth", True),
        "evaluate.inception": ("mine.pth", False),
    }


def test_the_network_that_ships_with_the_package_is_looked_at_there(project):
    record = read_record(METRICS)
    changed = settings(densepose={"backend": "embedded"}, **CHANGES)
    then = file_sha256(SHIPPED)
    for weights, state in ((then, "same"), ("0" * 64, "differs")):
        origin = record.origin.model_copy(update={"settings": changed})
        first, *_ = inputs.check_weights(dataclasses.replace(record, origin=origin, weights={"densepose": weights}))
        assert (first.name, first.state) == ("weights, densepose", state)


def test_the_generator_that_ships_is_looked_at_where_a_training_started_from_it(project):
    record = read_record(METRICS)
    changed = settings(train=CHANGES["train"] | {"start": EMBEDDED}, evaluate=CHANGES["evaluate"])
    origin = record.origin.model_copy(update={"settings": changed, "target": "results/mine/metrics.json"})
    for then, state in ((file_sha256(model_file(EMBEDDED)), "same"), ("0" * 64, "differs")):
        found = inputs.check_weights(dataclasses.replace(record, origin=origin, weights={"train.start": then}, extractors={}))
        assert [(each.name, each.state) for each in found] == [("weights, train.start", state)]


def test_other_versions_are_named_and_installed(project):
    change_metrics(
        project, versions={"python": "3.12.1", "torch": "2.11.0", "lpips": "0.1", "dwnet": "0.1.0"}, model={"versions": {"h5py": "0.0"}}
    )
    found = lines(project)
    assert found[:3] == [
        "versions: python 3.12.1 then, 3.11.7 now",
        "versions: torch 2.11.0 then, 2.14.1 now",
        "versions: lpips 0.1 then, not installed now",
    ]
    assert any(line.startswith("versions: h5py 0.0 in training, ") for line in found)
    printed = list(commands(read_record(METRICS), project / "again.yaml"))
    assert "# with Python 3.12.1" in printed and "pip install torch==2.11.0 lpips==0.1" in printed


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (COMMIT, "d" * 40, "cccccccccccc then, dddddddddddd now"),
        (COMMIT, COMMIT + "-dirty", "then, cccccccccccc with uncommitted changes now"),
        (COMMIT + "-dirty", COMMIT + "-dirty", "cccccccccccc with uncommitted changes then"),
        (COMMIT, None, "no git checkout now"),
        (None, COMMIT, "not known"),
    ],
)
def test_revisions(project, monkeypatch, then, now, words):
    change_metrics(project, revision=then)
    monkeypatch.setattr(surroundings, "git_revision", lambda: now)
    (line,) = lines(project)
    assert words in line
    printed = list(commands(read_record(METRICS), project / "again.yaml"))
    assert (printed[0] == f"git checkout {COMMIT}") == (then is not None)
    assert any(line.startswith("# the checkout had uncommitted changes") for line in printed) == (then is not None and "dirty" in then)


def test_commands_for_another_folder_than_the_checkout(project, monkeypatch):
    checkout = project / "the code"
    monkeypatch.setattr(commands_module, "CHECKOUT", checkout)
    (project / "Snakefile").unlink()
    first, last = commands(read_record(METRICS), project / "again.yaml")
    assert shlex.split(first)[:3] == ["git", "-C", str(checkout)]
    assert shlex.split(last)[1:3] == ["--snakefile", str(checkout / "Snakefile")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda made: made.pop("provenance"), "does not say where it comes from"),
        (lambda made: made["provenance"].pop("indexes"), "lacks indexes"),
        (lambda made: made.pop("revision"), "revision"),
        (lambda made: made["provenance"]["configuration"]["settings"]["train"].update(seed=3), "was changed by hand"),
        (lambda made: made["provenance"].update(dataset=3), "provenance cannot be read"),
    ],
)
def test_what_is_no_result_of_the_workflow_is_one_line_and_exit_code_2(project, capsys, change, words):
    made = json.loads((project / METRICS).read_text())
    change(made)
    (project / METRICS).write_text(json.dumps(made))
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["reproduce", METRICS]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {METRICS}: ") and words in line


def test_no_such_result(project, capsys):
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["reproduce", "none.json"]) == 2
    assert capsys.readouterr().err.startswith("error: none.json: no such file")
