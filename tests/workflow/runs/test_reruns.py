"""What a change schedules again: that stage and those after it, and nothing where nothing that matters has changed."""

import copy
import json
import os
import re
import shutil

import h5py
import pytest
from tiny_project import PROFILE, ROOT, TINY

METRICS = "results/sample/metrics.json"
MODEL = "results/sample/runs/full/model.safetensors"
STAGES = ["sample", "clips", "decode", "densepose", "warp", "index", "train", "rollout", "evaluate", "report"]


def planned(project, *arguments, config=TINY, root=ROOT, comment="") -> set[str]:
    """Rules that a run would start, with `config` and the checkout `root`."""
    project.configure(config)
    append(project.folder / "config.yaml", comment)
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
        ({"evaluate": {"precision": "bf16"}}, "rollout"),
        ({"evaluate": {"features": "paper"}}, "evaluate"),
        ({"report": {"title": "Mine"}}, "report"),
    ],
    ids=str,
)
def test_a_changed_key_schedules_its_stage_and_those_after_it(finished, change, first):
    found = planned(finished, config=changed(**change)) - {"weights"}
    assert found == set(STAGES[STAGES.index(first) :])


def test_another_data_set_an_unrelated_section_and_a_comment_schedule_nothing(finished):
    config = copy.deepcopy(TINY)
    config["datasets"]["other"] = {"source": {"kind": "videos", "path": "nowhere"}, "train": {"batch": 4}}
    config["ablation"] = {"seed": 1}
    assert planned(finished, config=config, comment="# another word\n") == set()


NO_EFFECT = {
    "densepose": {"device": "cpu", "batch": 3},
    "warp": {"engine": "lattice"},
    "train": {"save_every": 7, "workers": 1, "explosion": None},
    "evaluate": {"device": "cpu", "batch": 2},
}


def test_keys_that_change_no_result_schedule_nothing_but_are_given_to_the_subcommands(finished):
    assert planned(finished, config=changed(**NO_EFFECT)) == set()
    done = finished.run("--dry-run", "--forceall", "--printshellcmds", METRICS)
    for subcommand, section in (
        ("densepose", "densepose"),
        ("warp", "warp"),
        ("train", "train"),
        ("rollout", "evaluate"),
        ("evaluate", "evaluate"),
    ):
        command = re.search(rf"(densepose-cache|dwnet) {subcommand} --.*$", done.stdout, re.M)[0]
        settings = json.loads(re.search(r"--settings '(.*?)'", command)[1])
        assert {key: settings[key] for key in NO_EFFECT[section]} == NO_EFFECT[section]


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
    append(checkout / "densepose_cache/config/__init__.py", 'FORMATS["warp"] += 1\n')
    assert planned(finished, root=checkout) == set(STAGES[STAGES.index("warp") :])


def test_an_edited_template_schedules_the_report_alone(finished, checkout):
    append(checkout / "dwnet/templates/report.html", "<!-- another word -->\n")
    assert planned(finished, root=checkout) == {"report"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_can_be_forced(finished, stage):
    assert planned(finished, "--forcerun", stage, "--") == set(STAGES[STAGES.index(stage) :])


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_can_end_with_a_stage_or_before_it(finished, stage):
    place = STAGES.index(stage)
    assert planned(finished, "--forceall", "--until", stage, "--") == set(STAGES[: place + 1])
    assert planned(finished, "--forceall", "--omit-from", stage, "--") == set(STAGES[:place])


TOUCHED = ["data/sample/manifest.csv", "cache/sample/clips.csv", "cache/sample/clips/000.csv", "cache/sample/frames/000.h5", MODEL]


@pytest.mark.slow
def test_what_is_scheduled_without_a_change_costs_no_work(finished):
    """Touched files and a stage that is forced: all that runs finishes with what was there before."""
    finished.configure(TINY)
    for path in [*(finished.folder / name for name in TOUCHED), *(finished.folder / "data/sample").glob("*.mp4")]:
        os.utime(path)
    assert planned(finished) == set(), "small files are compared by their content"
    before = content(finished)
    done = finished.run("--max-checksum-file-size", "0", "--forcerun", "sample", "--", METRICS)
    assert done.returncode == 0, done.stdout
    assert set(finished.jobs(done)) == set(STAGES)
    assert content(finished) == before


def test_tables_of_shards_that_are_gone_are_written_again(finished):
    tables = {path: path.read_bytes() for path in (finished.folder / "cache/sample/clips").iterdir()}
    for expected, config in ((set(), TINY), (set(STAGES[STAGES.index("decode") :]), changed(video={"pad": [0, 0, 0]}))):
        for path in tables:
            path.unlink()
        assert planned(finished, config=config) == expected
        assert {path: path.read_bytes() for path in tables} == tables


FILES = {"decode": "frames/00[01].h5", "densepose": "iuv/00[01].h5", "warp": "warps/00[01].h5", "train": MODEL, "rollout": "rollout.h5"}
GARBAGE, PAIRS = "garbage.pkl", "pairs.csv"
FAILING = [
    ("rollout", {"evaluate": {"pairs": PAIRS}}, PAIRS),
    ("train", {"train": {"start": GARBAGE}}, GARBAGE),
    ("warp", {"warp": {"samples": {"targets": 8}}}, "warp.samples.targets"),
    ("densepose", {"densepose": {"backend": "torchvision", "weights": GARBAGE}}, GARBAGE),
    ("decode", {"video": {"fps": 1.0}}, "at least 4 are needed"),
]


@pytest.mark.slow
def test_a_stage_that_failed_is_never_taken_for_done(finished):
    """Each stage fails after a change of its parameters, the last one first; its summary says why and how to try again."""
    before = content(finished)
    (finished.folder / GARBAGE).write_bytes(b"no weights")
    (finished.folder / PAIRS).write_text("source_clip,driving_clip\nnobody,nobody\n")
    for stage, change, words in FAILING:
        finished.configure(changed(**change))
        done = finished.run(METRICS, profile=PROFILE)
        assert done.returncode != 0 and "Nothing to be done" not in done.stdout
        _, summary = done.stdout.split(" failed\n\n", 1)
        assert f"{stage}: dataset sample, " in summary and "  error: " in summary and words in summary
        assert f"log: logs/sample/{stage}/" in summary and "CalledProcessError" not in done.stdout
        assert re.search(rf"try it again: snakemake --snakefile .* --cores 2 \S*{FILES[stage]}$", summary, re.M)
        assert stage in planned(finished, config=changed(**change))
    finished.configure(TINY)
    done = finished.run(METRICS)
    assert done.returncode == 0 and {"decode", "train", "rollout"} <= set(finished.jobs(done)), done.stdout
    assert content(finished) == before
    assert planned(finished) == set()


def content(project) -> dict:
    """Checksums of all clips of the cache, the bytes of the model, and when rendered videos, its states and its videos were written."""
    found = {}
    for path in (project.folder / "cache/sample").glob("*/*.h5"):
        with h5py.File(path) as file:
            found |= {(path.parent.name, clip): file[clip].attrs["checksum"] for clip in file}
    run = project.folder / "results/sample/runs/full"
    found["model"] = (run / "model.safetensors").read_bytes()
    made = [*(project.folder / "data/sample").glob("*.mp4"), *(run / "states").iterdir(), *(run / "videos").iterdir()]
    return found | {path: path.stat().st_mtime_ns for path in made}
