from pathlib import Path

import pytest
import yaml

from densepose_cache.config import SampleSource
from densepose_cache.config.base import read_settings
from densepose_cache.core.errors import InputError
from densepose_cache.storage.digest import digest
from dwnet.config import (
    GENERATORS,
    SECTIONS,
    VARIANTS,
    LossSettings,
    ModelSettings,
    TrainSettings,
    load_config,
    parse_config,
    variant_model,
)

ROOT = Path(__file__).parents[3]
MINIMAL = {"datasets": {"x": {"source": {"kind": "sample"}}}}


def with_section(section, **keys):
    return MINIMAL | {section: keys}


def test_a_data_set_overrides_single_keys():
    config = parse_config(
        MINIMAL
        | {
            "train": {"batch": 4, "losses": {"gan": 0.5}},
            "datasets": {"a": {"source": {"kind": "sample"}, "train": {"losses": {"l1": 2}}}, "b": {"source": {"kind": "sample"}}},
        }
    )
    a, b = config.datasets["a"].train, config.datasets["b"].train
    assert (a.batch, a.losses.gan, a.losses.l1) == (4, 0.5, 2.0)
    assert (b.batch, b.losses.gan, b.losses.l1) == (4, 0.5, 0.0)


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (with_section("video", siz=128), ["video.siz", "unknown key"]),
        (with_section("video", size=102), ["video.size", "multiple of 4"]),
        (with_section("video", size=28), ["video.size", "greater than or equal to 32"]),
        (with_section("video", size=2052), ["video.size", "less than or equal to 2048"]),
        (MINIMAL | {"video": {"size": 60}, "train": {"preset": "official"}}, ["video.size is 60", "losses.warp", "needs 64"]),
        (with_section("video", size="256"), ["video.size"]),
        (with_section("train", learning_rate=-1), ["train.learning_rate", "greater than 0"]),
        (with_section("train", batch=2.5), ["train.batch", "integer"]),
        (with_section("train", preset="papr"), ["train.preset", "'paper' or 'official'"]),
        (with_section("train", targets=5), ["train.targets is 5", "warp.samples.targets"]),
        (with_section("train", betas=[1.5, 0.9]), ["train.betas.0", "less than 1"]),
        (
            with_section("train", losses=dict.fromkeys(("gan", "feature_matching", "perceptual"), 0)),
            ["train.losses: none of gan", "above 0"],
        ),
        (with_section("evaluate", weights={"vgg": "vgg.pth"}), ["evaluate.weights.vgg", "'vgg19', 'inception', 'alexnet'"]),
        (with_section("model", coarse_warp=False), ["refine needs coarse_warp"]),
        (with_section("model", refine=False, visibility=True), ["visibility needs refine"]),
        (with_section("model", iuv_input="onehot"), ["model.iuv_input", "'channels' or 'one_hot'"]),
        (with_section("train", preset="official", detach_previous=False), ["detach_previous: false needs update: sample"]),
        (with_section("train", backward="frame", detach_previous=False), ["detach_previous: false needs backward: sample"]),
        (MINIMAL | {"vidoe": {}}, ["vidoe", "allowed:", "video"]),
        ({"datasets": {}}, ["datasets"]),
        ({"datasets": {"x": {"source": {"kind": "sampel"}}}}, ["datasets.x.source", "'sample', 'frames', 'videos', 'urls'"]),
        ({"datasets": {"x": {}}}, ["datasets.x.source"]),
        ({"datasets": {"a/b": {"source": {"kind": "sample"}}}}, ["datasets: the name 'a/b' may hold letters, digits, _ and - only"]),
        (with_section("train", learning_rate="2e-4"), ["train.learning_rate", "(given: '2e-4', text to YAML: write 2.0e-04)"]),
    ],
)
def test_mistakes_are_named_with_what_is_allowed(raw, names):
    with pytest.raises(InputError) as error:
        parse_config(raw)
    for name in names:
        assert name in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"video": {"size": 100}},
        {"video": {"size": 32}},
        {"video": {"size": 60}, "train": {"preset": "official", "features": "embedded"}},
        {"video": {"size": 60}, "train": {"preset": "official", "losses": {"warp": 0.0}}},
        {"video": {"size": 60}, "train": {"preset": "official"}, "model": {"refine": False}},
    ],
)
def test_any_multiple_of_4_is_a_frame_size(changes):
    assert parse_config(MINIMAL | changes).datasets["x"].video.size == changes["video"]["size"]


def test_a_mistake_of_a_shared_section_is_told_once():
    source = {"source": {"kind": "sample"}}
    datasets = {"a-b": source, "c": source | {"video": {"size": 1}}}
    with pytest.raises(InputError) as error:
        parse_config({"datasets": datasets, "video": {"siz": 64}, "train": {"batch": 0}})
    told = str(error.value).splitlines()[1:]
    assert [line.split(":")[0] for line in told] == ["video.siz", "train.batch", "datasets.c.video.size"]
    assert parse_config({"datasets": {"a-b": source}}).datasets.keys() == {"a-b"}


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(InputError) as error:
        parse_config(MINIMAL | {"video": {"size": 1, "fps": -1}})
    assert "video.size" in str(error.value) and "video.fps" in str(error.value)


DEPARTURES = [
    (("train", "targets"), 3, 2),
    (("train", "update"), "sample", "frame"),
    (("train", "decay"), "linear", "none"),
    (("train", "losses", "warp"), 0.0, 1.0),
    (("warp", "samples", "epochs"), 2, 1),
    (("warp", "samples", "source"), "any", "other"),
]
"""Options in which the paper and the official code differ, with the value of each."""


def _settings(**given) -> dict:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    return parse_config(raw | {"datasets": {"x": {"source": {"kind": "sample"}, **given}}}).datasets["x"].model_dump()


def _value(settings: dict, place: tuple[str, ...]):
    for key in place:
        settings = settings[key]
    return settings


@pytest.mark.parametrize(("preset", "column"), [("paper", 1), ("official", 2)])
def test_every_departure_of_the_official_code_is_an_option_by_itself(preset, column):
    """In the shipped file a preset sets all of them and nothing else, and a key that is given wins over it, alone."""
    plain, settings = _settings(), _settings(train={"preset": preset})
    for place, *values in DEPARTURES:
        assert _value(settings, place) == values[column - 1]
        given = values[2 - column]
        for key in reversed(place):
            given = {key: given}
        given["train"] = given.get("train", {}) | {"preset": preset}
        other = _settings(**given)
        changed = [where for where, *_ in DEPARTURES if _value(other, where) != _value(settings, where)]
        assert changed == [place]
    for place, value, _ in DEPARTURES:
        section = settings
        for key in place[:-1]:
            section = section[key]
        section[place[-1]] = value
    settings["train"]["preset"] = "paper"
    assert settings == plain


def test_what_both_have_in_common():
    """Paper, section 4.3, and README and defaults of the official code."""
    for preset in ("paper", "official"):
        settings = _settings(train={"preset": preset})
        train, losses = settings["train"], settings["train"]["losses"]
        assert (train["batch"], train["epochs"], train["learning_rate"], train["betas"]) == (8, 2, 2e-4, (0.5, 0.999))
        assert (losses["gan"], losses["feature_matching"], losses["perceptual"], losses["l1"]) == (1.0, 10.0, 10.0, 0.0)
        assert train["detach_previous"] and train["start"] is None and train["features"] == "vgg19"
        assert settings["model"] == {
            "ngf": 64,
            "blocks": 9,
            "refine_blocks": 2,
            "padding_mode": "reflection",
            "coarse_warp": True,
            "refine": True,
            "previous": True,
            "iuv_input": "channels",
            "visibility": False,
            "ndf": 64,
            "critic_scales": 2,
            "critic_layers": 3,
        }


def test_presets_differ_where_the_official_code_departs_from_the_paper():
    paper, official = TrainSettings(), TrainSettings(preset="official")
    assert (paper.targets, paper.update, paper.decay, paper.losses.warp) == (3, "sample", "linear", 0.0)
    assert (official.targets, official.update, official.decay, official.losses.warp) == (2, "frame", "none", 1.0)
    assert TrainSettings(preset="official", targets=3).targets == 3


def test_settings_survive_the_trip_through_a_command_line():
    for kind in SECTIONS.values():
        assert read_settings(kind, kind().model_dump_json()) == kind()
    official = TrainSettings(preset="official", losses={"warp": 0.0})
    assert read_settings(TrainSettings, official.model_dump_json()) == official


SAMPLE = {"kind": "sample"}
OTHER = {"ngf": 8, "blocks": 1, "refine_blocks": 1, "iuv_input": "one_hot", "visibility": True, "width": 8}
"""A value for every key that one generator alone has."""


def test_every_key_of_one_generator_alone_is_known():
    assert set().union(*GENERATORS.values()) == OTHER.keys() and not frozenset.intersection(*GENERATORS.values())
    assert GENERATORS.keys() == {"dwnet", "compose"}


@pytest.mark.parametrize(("owner", "key"), [(name, key) for name, keys in GENERATORS.items() for key in sorted(keys)])
def test_a_key_of_the_other_generator_is_refused_by_name(owner, key):
    """In the shared section, in a data set, and where the shared section says the generator and the data set the key."""
    (here,) = GENERATORS.keys() - {owner}
    model, wrong = {"generator": here}, {key: OTHER[key]}
    for shared, own in ((model | wrong, {}), ({}, model | wrong), (model, wrong)):
        with pytest.raises(InputError) as error:
            parse_config({"model": shared, "datasets": {"x": {"source": SAMPLE, "model": own}}})
        assert f"model: {key}: only for generator: {owner}, this is {here}" in str(error.value)
    assert getattr(parse_config({"model": {"generator": owner} | wrong} | MINIMAL).datasets["x"].model, key) == OTHER[key]


def test_foreign_keys_are_all_named_at_once():
    with pytest.raises(InputError, match=r"datasets\.x\.model: blocks, ngf, visibility: only for generator: dwnet, this is compose"):
        parse_config({"datasets": {"x": {"source": SAMPLE, "model": {"generator": "compose", "ngf": 4, "blocks": 1, "visibility": True}}}})
    with pytest.raises(InputError, match=r"datasets\.x\.model: width: only for generator: compose, this is dwnet"):
        parse_config({"datasets": {"x": {"source": SAMPLE, "model": {"width": 64}}}})


def test_a_data_set_with_the_other_generator_leaves_the_shared_keys_of_the_first():
    """What both have stays shared; of its own it may name the other's keys."""
    shared = {"ngf": 16, "blocks": 3, "padding_mode": "border", "ndf": 8}
    compose, wide = {"generator": "compose"}, {"generator": "compose", "width": 8}
    datasets = {"a": {}, "b": {"model": compose}, "c": {"model": wide}, "d": {"model": {"generator": "dwnet"}}}
    found = parse_config({"model": shared, "datasets": {name: {"source": SAMPLE, **own} for name, own in datasets.items()}}).datasets
    assert found["a"].model == found["d"].model == ModelSettings(**shared)
    assert found["b"].model == ModelSettings(generator="compose", padding_mode="border", ndf=8)
    assert found["c"].model == ModelSettings(generator="compose", padding_mode="border", ndf=8, width=8)
    turned = {
        "model": {"generator": "compose", "width": 8, "ndf": 8},
        "datasets": {"a": {"source": SAMPLE, "model": {"generator": "dwnet"}}},
    }
    assert parse_config(turned).datasets["a"].model == ModelSettings(ndf=8)
    with pytest.raises(InputError, match="'dwnet' or 'compose'"):
        parse_config({"model": shared, "datasets": {"x": {"source": SAMPLE, "model": {"generator": "compsoe"}}}})


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", [ModelSettings(ngf=8), ModelSettings(generator="compose", width=8)], ids=list(GENERATORS))
def test_settings_of_a_saved_model_come_back(model, variant):
    """They are written without the keys of the other generator, and without `generator` where it is the first one."""
    settings = variant_model(model, variant)
    written = settings.model_dump(mode="json")
    assert read_settings(ModelSettings, settings.model_dump_json()) == settings == ModelSettings.model_validate(written)
    own = set(ModelSettings.model_fields) - set().union(*(keys for name, keys in GENERATORS.items() if name != model.generator))
    assert written.keys() == own - ({"generator"} if model.generator == "dwnet" else set())


@pytest.mark.parametrize("width", [0, 2, 6, 31])
def test_an_impossible_width_is_refused(width):
    with pytest.raises(InputError, match=r"model\.width: input should be (a multiple of|greater than or equal to) 4"):
        parse_config(with_section("model", generator="compose", width=width))


def test_a_loss_that_came_later_can_be_the_only_one():
    nothing = dict.fromkeys(("gan", "feature_matching", "perceptual"), 0)
    for name in LossSettings.added:
        settings = parse_config(with_section("train", losses=nothing | {name: 0.5})).datasets["x"].train
        assert getattr(settings.losses, name) == 0.5
        with pytest.raises(InputError, match=rf"train\.losses\.{name}: input should be greater than or equal to 0"):
            parse_config(with_section("train", losses={name: -1}))


DIGESTS = {
    "fashion": {
        "video": "b04f5283170606ef8ae1b304291659d85892f83888075f5832d149114dbd1a83",
        "densepose": "3518fd6f6aa951fbc46fe6e2e9ebc0d25f60da7e98f3ccd29dc2c988745fb371",
        "warp": "2c1cb365e77792906b903b99390131d496728640491a7f071172b188561f5129",
        "model": "cd85b2e2d8b339fd2d1c19b06fa3538df41a50ff2ea8cda55139b0254edfcfd0",
        "train": "ca1378ed87953d1320b57cf69a0aecf23fc980764d49030800a985847bbbc7c2",
        "evaluate": "0db44739e27e651174b28fd6516ce8838610292d4d170a77c12b204292e5a8c8",
        "report": "95b40fc7eb5567bba7a0a813183786026fa053d2f991f4053cda3a736a59d078",
        "ablation": "4b9b4b15b33516abab669b212e20ecf70bd3d32c3fc4c2f3d9b3aba613118639",
        "source": "b92d3ac3ee55fb4b4dcf5542e8b5558c3ed9be9027332ad26d088c00ce158847",
    },
    "taichi": {
        "video": "b04f5283170606ef8ae1b304291659d85892f83888075f5832d149114dbd1a83",
        "densepose": "3518fd6f6aa951fbc46fe6e2e9ebc0d25f60da7e98f3ccd29dc2c988745fb371",
        "warp": "2c1cb365e77792906b903b99390131d496728640491a7f071172b188561f5129",
        "model": "f1e2c2f210bef1a2fa24d8ec26b7774d0883bc5357a9848cc0e68593413702da",
        "train": "ca1378ed87953d1320b57cf69a0aecf23fc980764d49030800a985847bbbc7c2",
        "evaluate": "0db44739e27e651174b28fd6516ce8838610292d4d170a77c12b204292e5a8c8",
        "report": "95b40fc7eb5567bba7a0a813183786026fa053d2f991f4053cda3a736a59d078",
        "ablation": "4b9b4b15b33516abab669b212e20ecf70bd3d32c3fc4c2f3d9b3aba613118639",
        "source": "ee576228440b7557a888fb934b35b97775df070f3a4cafde92eda40fc7e0323e",
    },
}
"""Digests of all that results depend on, by section, from before there were two generators."""


@pytest.mark.parametrize("name", DIGESTS)
def test_the_sections_of_the_papers_data_sets_stay_what_they_were(name):
    data = load_config(ROOT / "config.yaml").datasets[name]
    assert {section: digest(getattr(data, section).decisive()) for section in DIGESTS[name]} == DIGESTS[name]


@pytest.mark.parametrize(
    ("kind", "given", "key", "value"),
    [
        (SampleSource, SAMPLE, "wide", True),
        (LossSettings, {}, "l1_coarse", 0.5),
        (LossSettings, {}, "l1_body", 0.5),
        (LossSettings, {}, "l1_head", 0.5),
        (ModelSettings, {}, "generator", "compose"),
    ],
)
def test_a_key_that_came_later_is_written_where_it_differs_from_its_default_alone(kind, given, key, value):
    plain, default = kind(**given), kind.model_fields[key].default
    assert kind(**given, **{key: default}).decisive() == plain.decisive() and key not in plain.decisive()
    assert kind(**given, **{key: value}).decisive()[key] == value
    assert kind(**given, **{key: value}) == kind.model_validate(kind(**given, **{key: value}).model_dump())
    for settings in (plain, kind(**given, **{key: default})):
        assert getattr(settings, key) == default


def test_variants_are_the_ablations_of_figure_5():
    model = load_config(ROOT / "config.yaml").datasets["fashion"].model
    assert list(VARIANTS) == ["full", "no_prev", "no_prev_no_refine", "no_prev_no_refine_no_warp"]
    last = variant_model(model, "no_prev_no_refine_no_warp")
    assert (last.previous, last.refine, last.coarse_warp, last.ngf) == (False, False, False, 64)
    with pytest.raises(InputError, match="no_prev_no_refine"):
        variant_model(model, "no_such")


def test_a_broken_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml"):
        load_config(tmp_path / "none.yaml")
    bad = tmp_path / "bad.yaml"
    for content, reason in {
        b"a: 1\nb: [1\nc: 2\n": "line 3: ",
        b"\x89PNG\r\n": "can't decode byte 0x89",
        b"a: \0": "character #x0000",
    }.items():
        bad.write_bytes(content)
        for read in (load_config, lambda path: read_settings(TrainSettings, str(path))):
            with pytest.raises(InputError, match=rf"bad\.yaml: is not valid YAML or JSON \(.*{reason}") as error:
                read(bad)
            assert "\n" not in str(error.value)
