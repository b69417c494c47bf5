"""What a change schedules again: that stage and those after it, and nothing where nothing that matters has changed."""

import copy
import os
import shutil

import h5py
import pytest
from tiny_project import ROOT, TINY

METRICS = "results/sample/metrics.json"
STAGES = ["sample", "clips", "decode", "densepose", "warp", "index", "train", "rollout", "evaluate", "report"]


def planned(project, *arguments, config=TINY, root=ROOT) -> set[str]:
    """Rules that a run would start, with `config` and the checkout `root`."""
    project.configure(config)
    done = project.run("--dry-run", *arguments, METRICS, root=root)
    assert done.returncode == 0, done.stdout
    return set(project.jobs(done))


def changed(**sections):
    config = copy.deepcopy(TINY)
    for section, keys in sections.items():
        config.setdefault(section, {}).update(keys)
    return config


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({"video": {"pad": [0, 0, 0]}}, "decode"),
        ({"densepose": {"degrade": "all"}}, "densepose"),
        ({"warp": {"seed": 1}}, "warp"),
        ({"model": {"refine": False}}, "train"),
        ({"train": {"learning_rate": 1e-3}}, "train"),
        ({"evaluate": {"max_frames": 3}}, "rollout"),
        ({"evaluate": {"features": "paper"}}, "evaluate"),
        ({"report": {"title": "Mine"}}, "report"),
    ],
    ids=str,
)
def test_a_changed_key_schedules_its_stage_and_those_after_it(finished, change, first):
    found = planned(finished, config=changed(**change)) - {"weights"}
    assert found == set(STAGES[STAGES.index(first) :])


def test_another_data_set_schedules_nothing(finished):
    config = copy.deepcopy(TINY)
    config["datasets"]["other"] = {"source": {"kind": "videos", "path": "nowhere"}, "train": {"batch": 4}}
    assert planned(finished, config=config) == set()


@pytest.fixture
def checkout(tmp_path):
    """A copy of all that Snakemake reads."""
    for name in ("densepose_cache", "dwnet", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    shutil.copy(ROOT / "Snakefile", tmp_path / "copy")
    return tmp_path / "copy"


def append(path, text):
    path.write_text(path.read_text() + text)


def test_an_edited_module_schedules_nothing_until_its_format_changes(finished, checkout):
    append(checkout / "densepose_cache/warp/engines.py", "# another word\n")
    assert planned(finished, root=checkout) == set()
    append(checkout / "densepose_cache/config.py", 'FORMATS["warp"] += 1\n')
    assert planned(finished, root=checkout) == set(STAGES[STAGES.index("warp") :])


def test_an_edited_template_schedules_the_report_alone(finished, checkout):
    append(checkout / "dwnet/templates/report.html", "<!-- another word -->\n")
    assert planned(finished, root=checkout) == {"report"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_can_be_forced(finished, stage):
    assert planned(finished, "--forcerun", stage, "--") == set(STAGES[STAGES.index(stage) :])


@pytest.mark.parametrize("stage", ["decode", "warp", "train"])
def test_a_run_can_end_with_a_stage_or_before_it(finished, stage):
    place = STAGES.index(stage)
    assert planned(finished, "--forceall", "--until", stage, "--") == set(STAGES[: place + 1])
    assert planned(finished, "--forceall", "--omit-from", stage, "--") == set(STAGES[:place])


def test_what_is_scheduled_without_a_change_costs_no_work(finished):
    """A touched file, or a stage that is forced: all that runs finishes with what was there before."""
    finished.configure(TINY)
    before = content(finished)
    os.utime(finished.folder / "cache/sample/frames/000.h5")
    done = finished.run("--forcerun", "decode", "--", METRICS)
    assert done.returncode == 0, done.stdout
    assert set(finished.jobs(done)) == set(STAGES[STAGES.index("decode") :])
    assert content(finished) == before


def content(project) -> dict:
    """Checksums of all clips of the cache, the bytes of the model, and when its last state and its videos were written."""
    found = {}
    for path in (project.folder / "cache/sample").glob("*/*.h5"):
        with h5py.File(path) as file:
            found |= {(path.parent.name, clip): file[clip].attrs["checksum"] for clip in file}
    run = project.folder / "results/sample/runs/full"
    found["model"] = (run / "model.safetensors").read_bytes()
    return found | {path: path.stat().st_mtime_ns for folder in ("states", "videos") for path in (run / folder).iterdir()}
