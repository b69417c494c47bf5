"""Training that starts from the weights of another run, or from official ones."""

from pathlib import Path

import pytest
import torch
from small_cache import small_cache

from densepose_cache.errors import InputError
from dwnet import official
from dwnet.checkpoint import load_critic, load_model, save_model
from dwnet.config import LossSettings, ModelSettings, TrainSettings, variant_model
from dwnet.discriminator import MultiscaleDiscriminator
from dwnet.generator import Generator
from dwnet.official_files import import_official
from dwnet.start import start_digest, start_weights
from dwnet.train_plan import train_plan
from dwnet.training import train

MODEL = ModelSettings(ngf=4, blocks=1, refine_blocks=2, ndf=4, critic_layers=2)
STILL = TrainSettings(
    steps=1,
    batch=1,
    learning_rate=1e-12,
    losses=LossSettings(gan=1.0, feature_matching=10.0, perceptual=0.0, warp=0.0, l1=1.0),
    workers=0,
    threads=1,
    device="cpu",
)
"""A training that moves no weight by more than rounding."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    small_cache(folder)
    return folder


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Random official weights, imported; trained with another padding."""
    torch.manual_seed(7)
    folder = tmp_path_factory.mktemp("official")
    torch.save(official.export_generator(Generator(MODEL)), folder / "G.pth")
    torch.save(official.export_discriminator(MultiscaleDiscriminator(MODEL)), folder / "D.pth")
    import_official(folder / "G.pth", folder / "model.safetensors", folder / "D.pth", "border", True, True, True)
    return folder


def _close(one, other) -> bool:
    one, other = one.state_dict(), other.state_dict()
    return all(torch.allclose(value, other[name], rtol=0, atol=1e-8) for name, value in one.items())


def test_a_training_starts_from_official_weights(cache, imported, tmp_path):
    settings = STILL.model_copy(update={"start": str(imported)})
    train(cache / "train.h5", tmp_path / "model.safetensors", MODEL, settings)
    assert _close(load_model(tmp_path)[0], load_model(imported)[0]) and _close(load_critic(tmp_path)[0], load_critic(imported)[0])
    train(cache / "train.h5", tmp_path / "afresh" / "model.safetensors", MODEL, STILL)
    assert not _close(load_model(tmp_path / "afresh")[0], load_model(imported)[0])


def test_a_plan_names_what_it_starts_from(cache, imported, tmp_path):
    settings = STILL.model_copy(update={"start": str(imported / "model.safetensors")})
    lines = train_plan(cache / "train.h5", tmp_path / "model.safetensors", MODEL, settings, Path("weights"))
    assert next(line for line in lines if line.startswith("training: ")).endswith(f"; starts from {imported}/model.safetensors")


def test_without_a_critic_beside_it_the_critic_starts_afresh(imported, tmp_path):
    save_model(tmp_path / "alone.safetensors", load_model(imported)[0], {})
    found = start_weights(str(tmp_path / "alone.safetensors"), MODEL)
    generator, critic = Generator(MODEL), MultiscaleDiscriminator(MODEL)
    before = {name: value.clone() for name, value in critic.state_dict().items()}
    found.load(generator, critic)
    assert _close(generator, load_model(imported)[0])
    assert all(torch.equal(value, before[name]) for name, value in critic.state_dict().items())


def test_an_ablation_takes_what_it_has(imported):
    model = variant_model(MODEL, "no_prev_no_refine")
    generator = Generator(model)
    start_weights(str(imported), model).load(generator, None)
    wanted = load_model(imported)[0].state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in generator.state_dict().items())


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
