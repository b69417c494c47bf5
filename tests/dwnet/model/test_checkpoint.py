import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tiny_model import changed

from densepose_cache.core.errors import InputError
from dwnet.config import GENERATORS, ModelSettings
from dwnet.model.build import build_generator
from dwnet.model.checkpoint import load_model, save_model
from dwnet.model.discriminator import MultiscaleDiscriminator


@pytest.fixture
def small(generator) -> ModelSettings:
    return changed(generator, padding_mode="border")


def _same(one, other) -> bool:
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_model_comes_back_from_file_and_folder(small, tmp_path):
    generator = build_generator(small)
    path = tmp_path / "run" / "model.safetensors"
    save_model(path, generator, {"steps": 3, "train": {"betas": [0.5, 0.9]}})
    for where in (path, path.parent):
        loaded, facts = load_model(where)
        assert _same(loaded, generator) and loaded.settings == small and type(loaded) is type(generator) and not loaded.training
        assert facts["steps"] == 3 and facts["train"] == {"betas": [0.5, 0.9]} and facts["model"] == small.model_dump()
    assert [entry.name for entry in path.parent.iterdir()] == ["model.safetensors"]


def test_a_model_says_its_generators_own_keys_alone(generator, small, tmp_path):
    save_model(tmp_path / "model.safetensors", build_generator(small), {})
    written = load_model(tmp_path)[1]["model"]
    assert not any(written.keys() & keys for name, keys in GENERATORS.items() if name != generator)
    assert GENERATORS[generator] <= written.keys() and written.get("generator", "dwnet") == generator


def test_equal_models_are_equal_files(small, tmp_path):
    """The library writes several keys of metadata in an order that differs from process to process."""
    save_model(tmp_path / "model.safetensors", build_generator(small), {"steps": 3})
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert len(file.metadata()) == 1


def test_what_is_no_model_is_refused(generator, small, tmp_path):
    with pytest.raises(InputError, match=r"model\.safetensors: no such model"):
        load_model(tmp_path)
    (tmp_path / "text").write_text("not a model")
    with pytest.raises(InputError, match="text: is no model"):
        load_model(tmp_path / "text")
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="unknown weights"):
        load_model(tmp_path / "other.safetensors")
    save_model(tmp_path / "critic.safetensors", MultiscaleDiscriminator(small), {})
    with pytest.raises(InputError, match="holds critic"):
        load_model(tmp_path / "critic.safetensors")
    mixed = build_generator(small)
    mixed.settings = small.model_copy(update={"ngf" if generator == "dwnet" else "width": 8})
    save_model(tmp_path / "mixed.safetensors", mixed, {})
    with pytest.raises(InputError, match="do not fit"):
        load_model(tmp_path / "mixed.safetensors")
