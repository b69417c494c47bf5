"""Training that starts from the weights of another run, or from official ones."""

import json
from pathlib import Path

import pytest
import torch
from tiny_model import MODELS, changed, tiny_generator

from densepose_cache.core.errors import InputError
from densepose_cache.storage.digest import file_sha256
from dwnet.config import VARIANTS, LossSettings, ModelSettings, TrainSettings, load_config, variant_model, variant_train
from dwnet.model.build import build_generator
from dwnet.model.checkpoint import load_model, read_discriminator, save_model
from dwnet.model.discriminator import MultiscaleDiscriminator
from dwnet.model.generator import Generator
from dwnet.model.official import state_dict
from dwnet.model.official.files import import_official
from dwnet.pretrained import EMBEDDED, FOLDER, RECORD, named_model
from dwnet.training.checkpoints import load_start_weights, start_digest
from dwnet.training.loop import train
from dwnet.training.plan import train_plan

ROOT = Path(__file__).parents[3]
MODEL = ModelSettings(ngf=4, blocks=1, refine_blocks=2, ndf=4, critic_layers=2)
STILL = TrainSettings(
    steps=1,
    batch=1,
    learning_rate=1e-12,
    losses=LossSettings(gan=1.0, feature_matching=10.0, perceptual=0.0, warp=0.0, l1=1.0),
    workers=0,
    threads=1,
    device="cpu",
    precision="fp32",
)
"""A training that moves no weight by more than rounding."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Random official weights, imported; trained with another padding."""
    torch.manual_seed(7)
    folder = tmp_path_factory.mktemp("official")
    torch.save(state_dict.export_generator(Generator(MODEL)), folder / "G.pth")
    torch.save(state_dict.export_discriminator(MultiscaleDiscriminator(MODEL)), folder / "D.pth")
    import_official(folder / "G.pth", folder / "model.safetensors", folder / "D.pth", "border", True, True, True)
    return folder


@pytest.fixture(scope="module")
def earlier(tmp_path_factory, model):
    """Folder of an earlier run of each generator: random weights, of a discriminator, too."""
    folder = tmp_path_factory.mktemp("earlier")
    save_model(folder / "model.safetensors", tiny_generator(model.generator), {})
    save_model(folder / "critic.safetensors", MultiscaleDiscriminator(model), {})
    return folder


def _close(one, other) -> bool:
    one, other = one.state_dict(), other.state_dict()
    return all(torch.allclose(value, other[name], rtol=0, atol=1e-8) for name, value in one.items())


def test_a_training_starts_from_official_weights(cache, imported, tmp_path):
    settings = STILL.model_copy(update={"start": str(imported)})
    train(cache / "train.h5", tmp_path / "model.safetensors", MODEL, settings)
    assert _close(load_model(tmp_path)[0], load_model(imported)[0]) and _close(
        read_discriminator(tmp_path)[0], read_discriminator(imported)[0]
    )
    train(cache / "train.h5", tmp_path / "afresh" / "model.safetensors", MODEL, STILL)
    assert not _close(load_model(tmp_path / "afresh")[0], load_model(imported)[0])


def test_a_training_starts_from_an_earlier_run(cache, model, earlier, tmp_path):
    train(cache / "train.h5", tmp_path / "model.safetensors", model, STILL.model_copy(update={"start": str(earlier)}))
    assert _close(load_model(tmp_path)[0], load_model(earlier)[0]) and _close(
        read_discriminator(tmp_path)[0], read_discriminator(earlier)[0]
    )
    train(cache / "train.h5", tmp_path / "afresh" / "model.safetensors", model, STILL)
    assert not _close(load_model(tmp_path / "afresh")[0], load_model(earlier)[0])


def test_a_plan_names_what_it_starts_from(cache, model, earlier, tmp_path):
    settings = STILL.model_copy(update={"start": str(earlier / "model.safetensors")})
    lines = train_plan(cache / "train.h5", tmp_path / "model.safetensors", model, settings, Path("weights"))
    assert next(line for line in lines if line.startswith("training: ")).endswith(f"; starts from {earlier}/model.safetensors")


def test_without_a_discriminator_beside_it_the_discriminator_starts_afresh(model, earlier, tmp_path):
    save_model(tmp_path / "alone.safetensors", load_model(earlier)[0], {})
    found = load_start_weights(str(tmp_path / "alone.safetensors"), model)
    network, discriminator = build_generator(model), MultiscaleDiscriminator(model)
    before = {name: value.clone() for name, value in discriminator.state_dict().items()}
    found.load(network, discriminator)
    assert _close(network, load_model(earlier)[0])
    assert all(torch.equal(value, before[name]) for name, value in discriminator.state_dict().items())


def test_an_ablation_takes_what_it_has(model, earlier):
    ablated = variant_model(model, "no_prev_no_refine")
    network = build_generator(ablated)
    load_start_weights(str(earlier), ablated).load(network, None)
    wanted = load_model(earlier)[0].state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(("there", "here"), [("dwnet", "compose"), ("compose", "dwnet")])
def test_weights_of_the_other_generator_are_refused(cache, tmp_path, there, here):
    save_model(tmp_path / "earlier.safetensors", tiny_generator(there), {})
    settings = STILL.model_copy(update={"start": str(tmp_path / "earlier.safetensors")})
    with pytest.raises(
        InputError, match=rf"earlier\.safetensors: cannot start .*\(key train\.start\): generator is {there} there and {here} here$"
    ):
        train(cache / "train.h5", tmp_path / "run" / "model.safetensors", MODELS[here], settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("changes", "message"), [({"width": 8}, "width is 4 there and 8 here"), ({"ndf": 8}, "ndf is 4 there and 8 here")])
def test_another_width_of_what_copies_is_refused(tmp_path, changes, message):
    model = MODELS["compose"]
    save_model(tmp_path / "model.safetensors", build_generator(model), {})
    save_model(tmp_path / "critic.safetensors", MultiscaleDiscriminator(model), {})
    with pytest.raises(InputError, match=message):
        load_start_weights(str(tmp_path), changed("compose", **changes))
    switched_off = changed("compose", padding_mode="border", previous=False, refine=False, coarse_warp=False)
    assert load_start_weights(str(tmp_path), switched_off).generator.keys() == build_generator(model).state_dict().keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ngf": 8}, "ngf is 4 there and 8 here"),
        ({"iuv_input": "one_hot"}, "iuv_input is channels there and one_hot here"),
        ({"visibility": True}, "visibility is False there and True here"),
        ({"critic_scales": 3}, r"critic\.safetensors: .*critic_scales is 2 there and 3 here"),
    ],
)
def test_other_networks_are_refused_before_the_first_step(cache, imported, tmp_path, changes, message):
    settings = STILL.model_copy(update={"start": str(imported)})
    with pytest.raises(InputError, match=message):
        train(cache / "train.h5", tmp_path / "run" / "model.safetensors", MODEL.model_copy(update=changes), settings)
    assert not (tmp_path / "run").exists()


def test_the_digest_is_that_of_both_files(imported, tmp_path):
    for name in ("model.safetensors", "critic.safetensors"):
        (tmp_path / name).write_bytes((imported / name).read_bytes())
    assert start_digest(str(tmp_path)) == start_digest(str(imported)) and start_digest(None) is None
    (tmp_path / "critic.safetensors").unlink()
    assert start_digest(str(tmp_path)) != start_digest(str(imported))
    with pytest.raises(InputError, match=r"no such model to start from \(key train\.start\)"):
        start_digest(str(tmp_path / "none"))


def test_what_ships_is_named_embedded(cache, shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, settings = MODELS["compose"], STILL.model_copy(update={"start": EMBEDDED})
    train(cache / "train.h5", tmp_path / "run" / "model.safetensors", model, settings)
    assert _close(load_model(tmp_path / "run")[0], load_model(shipped)[0])
    assert start_digest(EMBEDDED) == start_digest(str(shipped)) and named_model(EMBEDDED) == named_model(Path(EMBEDDED)) == shipped
    lines = train_plan(cache / "train.h5", tmp_path / "other" / "model.safetensors", model, settings, Path("weights"))
    assert next(line for line in lines if line.startswith("training: ")).endswith("; starts from embedded")


def test_a_folder_of_that_name_is_told_apart_by_its_dot(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = MODELS["compose"]
    with pytest.raises(InputError, match=r"embedded/model\.safetensors: no such model|embedded: no such model"):
        start_digest("./embedded")
    save_model(Path("embedded/model.safetensors"), build_generator(model), {})
    assert start_digest("./embedded") != start_digest(EMBEDDED)
    found = load_start_weights("./embedded", model).generator
    own, theirs = (load_model(folder)[0].state_dict() for folder in (tmp_path / "embedded", shipped))
    assert all(torch.equal(value, own[name]) for name, value in found.items())
    assert not all(torch.equal(value, theirs[name]) for name, value in found.items())


@pytest.mark.parametrize("variant", VARIANTS)
def test_of_what_ships_only_the_full_model_starts(variant):
    """The others are trained to be compared with each other: from random weights, since none that ships is theirs."""
    assert variant_train(TrainSettings(start=EMBEDDED), variant).start == (EMBEDDED if variant == "full" else None)
    assert variant_train(TrainSettings(start="runs/{variant}"), variant).start == f"runs/{variant}"
    assert variant_train(TrainSettings(start="./embedded"), variant).start == "./embedded"


@pytest.mark.skipif(not (FOLDER / "model.safetensors").is_file(), reason="the generator that ships is not in this checkout")
def test_the_generator_that_ships_is_what_its_record_says():
    generator, facts = load_model(EMBEDDED)
    record = json.loads(RECORD.read_text())
    assert record["sha256"] == file_sha256(FOLDER / "model.safetensors") and record["model"] == facts["model"]
    assert record["parameters"] == sum(value.numel() for value in generator.parameters())
    assert generator.settings.generator == "compose" and all(value.isfinite().all() for value in generator.state_dict().values())
    assert {value.dtype for value in generator.state_dict().values()} == {torch.float32}, "loaded for any arithmetic"
    for name, data in load_config(ROOT / "config.yaml").datasets.items():
        if data.train.start == EMBEDDED:
            assert load_start_weights(data.train.start, data.model) is not None, name
