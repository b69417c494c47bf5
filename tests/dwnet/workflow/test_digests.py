"""Digests of stages: what changes one, and what does not."""

import json
from pathlib import Path

import pytest
import yaml
from pinned_digests import STAGES

from densepose_cache.config import FORMATS
from dwnet.config import VARIANTS
from dwnet.workflow import digests
from dwnet.workflow.arguments import stage_texts
from dwnet.workflow.digests import ablation_digest, chain_digest
from dwnet.workflow.project import read_project

ROOT = Path(__file__).parents[3]
CHAIN = ["clips", "decode", "densepose", "warp", "index", "train", "rollout", "evaluate", "report"]


def chain(project, dataset="sample") -> dict[str, str]:
    return {stage: chain_digest(project, stage, dataset) for stage in CHAIN}


def changed(before: dict, after: dict) -> list[str]:
    return [stage for stage in before if before[stage] != after[stage]]


@pytest.mark.parametrize("dataset", STAGES)
def test_the_stages_of_the_default_file_have_the_digests_that_they_had(dataset):
    project = read_project(yaml.safe_load((ROOT / "config.yaml").read_text()))
    places = {place: place.partition("/")[::2] for place in STAGES[dataset]}
    found = {place: chain_digest(project, stage, dataset, variant or "full") for place, (stage, variant) in places.items()}
    assert changed(STAGES[dataset], found) == []


@pytest.mark.parametrize(
    ("sections", "first"),
    [
        ({"video": {"pad": [0, 0, 0]}}, "decode"),
        ({"densepose": {"backend": "precomputed", "degrade": "all"}}, "densepose"),
        ({"warp": {"seed": 1}}, "warp"),
        ({"model": {"refine": False}}, "train"),
        ({"train": {"learning_rate": 1e-3}}, "train"),
        ({"evaluate": {"max_frames": 3}}, "rollout"),
        ({"evaluate": {"precision": "bf16"}}, "rollout"),
        ({"evaluate": {"pairs": "pairs.csv"}}, "rollout"),
        ({"evaluate": {"blur_sigma": 1.0}}, "evaluate"),
        ({"evaluate": {"weights": {"alexnet": "mine.pth"}}}, "evaluate"),
        ({"report": {"title": "Mine"}}, "report"),
    ],
    ids=str,
)
def test_a_key_changes_its_stage_and_those_after_it(project, make_project, sections, first):
    assert changed(chain(project), chain(make_project(**sections))) == CHAIN[CHAIN.index(first) :]


def test_the_source_changes_every_stage_and_another_data_set_none(project, make_project):
    sample = {"source": {"kind": "sample", "train": 3, "test": 1, "size": 64, "frames": 6}}
    datasets = {"sample": sample, "other": {"source": sample["source"] | {"seed": 1}}}
    both = make_project(datasets=datasets)
    assert chain(both) == chain(project), "the number of shards is no setting of a clip"
    assert changed(chain(both), chain(both, "other")) == CHAIN


@pytest.mark.parametrize(
    ("section", "keys", "stage"),
    [
        ("densepose", {"backend": "precomputed", "device": "cpu", "batch": 3}, "densepose"),
        ("warp", {"engine": "lattice"}, "warp"),
        ("train", {"save_every": 7, "workers": 1, "explosion": None}, "train"),
        ("evaluate", {"device": "cpu", "batch": 2}, "rollout"),
        ("evaluate", {"device": "cpu", "batch": 2}, "evaluate"),
    ],
)
def test_keys_that_change_no_result_are_given_to_the_command_but_are_in_no_digest(project, make_project, section, keys, stage):
    other = make_project(**{section: keys})
    assert chain(other) == chain(project)
    given = json.loads(stage_texts(other, stage, "sample")["settings"])
    assert given | keys == given


def test_a_format_version_and_a_template_change_their_stages(project, make_project, monkeypatch):
    before = chain(project) | {"ablation": ablation_digest(project, "sample")}
    monkeypatch.setitem(digests.FORMATS, "warp", FORMATS["warp"] + 1)
    newer = make_project()
    found = chain(newer) | {"ablation": ablation_digest(newer, "sample")}
    assert changed(before, found) == [*CHAIN[CHAIN.index("warp") :], "ablation"]
    monkeypatch.undo()
    texts = digests.template_texts()
    monkeypatch.setattr(digests, "template_texts", lambda: [*texts, "another page"])
    newer = make_project()
    assert changed(before, chain(newer) | {"ablation": ablation_digest(newer, "sample")}) == ["report", "ablation"]


def test_a_variant_changes_its_training_and_the_comparison_of_all(project, make_project):
    training = {variant: chain_digest(project, "train", "sample", variant) for variant in VARIANTS}
    assert len(set(training.values())) == len(VARIANTS)
    assert len({chain_digest(project, "index", "sample", variant) for variant in VARIANTS}) == 1
    only_full = make_project(model={"previous": False})
    assert chain_digest(only_full, "train", "sample", "no_prev") == training["no_prev"]
    assert chain_digest(only_full, "train", "sample") != training["full"]
    assert ablation_digest(only_full, "sample") != ablation_digest(project, "sample")


def test_a_key_that_came_later_changes_a_digest_only_where_it_is_used(make_project):
    """At its default it is as if nobody had named it."""
    sample = {"source": {"kind": "sample", "train": 3, "test": 1, "size": 64, "frames": 6}}
    cases = {
        "plain": {},
        "named": {"train": {"losses": {"l1_coarse": 0.0, "l1_body": 0.0, "l1_head": 0.0}}, "model": {"generator": "dwnet"}},
        "narrow": {"source": sample["source"] | {"wide": False}},
        "wide": {"source": sample["source"] | {"wide": True}},
        "coarse": {"train": {"losses": {"l1_coarse": 0.5}}},
        "body": {"train": {"losses": {"l1_body": 0.5}}},
        "head": {"train": {"losses": {"l1_head": 0.5}}},
        "compose": {"model": {"generator": "compose"}},
        "wider": {"model": {"generator": "compose", "width": 64}},
    }
    project = make_project(datasets={name: sample | changes for name, changes in cases.items()})
    found = {name: [chain_digest(project, stage, name) for stage in ("sample", "train")] for name in cases}
    plain = found.pop("plain")
    assert found.pop("named") == found.pop("narrow") == plain
    wide = found.pop("wide")
    assert wide[0] != plain[0] and wide[1] != plain[1]
    assert all(sample == plain[0] for sample, _ in found.values())
    assert len({plain[1], wide[1], *(train for _, train in found.values())}) == 2 + len(found)
