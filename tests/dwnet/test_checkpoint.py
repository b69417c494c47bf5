import io
import pickle
import types
from typing import ClassVar

import pytest
import torch
from safetensors.torch import save_file

from densepose_cache.errors import InputError
from densepose_cache.verbs import run_verbs
from dwnet import official
from dwnet.checkpoint import load_critic, load_model, save_model
from dwnet.cli import SUMMARY, VERBS
from dwnet.config import ModelSettings
from dwnet.discriminator import MultiscaleDiscriminator
from dwnet.generator import Generator
from dwnet.official_files import read_weights

SMALL = ModelSettings(ngf=4, blocks=1, refine_blocks=1, ndf=4, critic_layers=2, padding_mode="border")


def _same(one, other) -> bool:
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_model_comes_back_from_file_and_folder(tmp_path):
    generator = Generator(SMALL)
    path = tmp_path / "run" / "model.safetensors"
    save_model(path, generator, {"steps": 3, "train": {"betas": [0.5, 0.9]}})
    for where in (path, path.parent):
        loaded, facts = load_model(where)
        assert _same(loaded, generator) and loaded.settings == SMALL and not loaded.training
        assert facts["steps"] == 3 and facts["train"] == {"betas": [0.5, 0.9]} and facts["model"] == SMALL.model_dump()
    assert [entry.name for entry in path.parent.iterdir()] == ["model.safetensors"]


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"model\.safetensors: no such model"):
        load_model(tmp_path)
    (tmp_path / "text").write_text("not a model")
    with pytest.raises(InputError, match="text: is no model"):
        load_model(tmp_path / "text")
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="unknown weights"):
        load_model(tmp_path / "other.safetensors")
    save_model(tmp_path / "critic.safetensors", MultiscaleDiscriminator(SMALL), {})
    with pytest.raises(InputError, match="holds critic"):
        load_model(tmp_path / "critic.safetensors")
    generator = Generator(SMALL)
    generator.settings = SMALL.model_copy(update={"ngf": 8})
    save_model(tmp_path / "mixed.safetensors", generator, {})
    with pytest.raises(InputError, match="do not fit"):
        load_model(tmp_path / "mixed.safetensors")


def _import(*arguments) -> int:
    return run_verbs(SUMMARY, VERBS, ["import-official", *map(str, arguments)])


def test_official_files_become_a_model(tmp_path):
    generator, critic = Generator(SMALL), MultiscaleDiscriminator(SMALL)
    torch.save(official.export_generator(generator), tmp_path / "latest_net_G.pth", _use_new_zipfile_serialization=False)
    torch.save(official.export_discriminator(critic), tmp_path / "latest_net_D.pth")
    out = tmp_path / "run" / "model.safetensors"
    arguments = (tmp_path / "latest_net_G.pth", "-o", out, "--critic", tmp_path / "latest_net_D.pth", "--padding-mode", "border")
    assert _import(*arguments) == 0
    loaded, facts = load_model(out)
    assert _same(loaded, generator) and loaded.settings.padding_mode == "border" and facts["size"] == 256
    assert _same(load_critic(out.parent)[0], critic) and facts["imported"]["file"] == "latest_net_G.pth"


def test_wrong_official_files_leave_nothing_behind(tmp_path, capsys):
    torch.save(official.export_generator(Generator(SMALL)), tmp_path / "G.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "G.pth").read_bytes()[:500])
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    out = tmp_path / "run" / "model.safetensors"
    for name in ("none.pth", "cut.pth", "list.pth", "other.pth"):
        assert _import(tmp_path / name, "-o", out) == 2
        assert _import(tmp_path / "G.pth", "-o", out, "--critic", tmp_path / name) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 8 and all(line.startswith("error: ") for line in errors) and not out.parent.exists()


class _Python2Pickler(pickle._Pickler):
    """Writes text as Python 2 wrote it: as byte strings."""

    def save_text(self, text: str):
        self.write(pickle.SHORT_BINSTRING + bytes([len(text)]) + text.encode())
        self.memoize(text)

    dispatch: ClassVar = {**pickle._Pickler.dispatch, str: save_text}


def test_files_of_python_2_are_read(tmp_path):
    def dump(value, file, protocol):
        _Python2Pickler(file, protocol).dump(value)

    module = types.SimpleNamespace(Pickler=_Python2Pickler, dump=dump, __name__="pickle")
    state, file = official.export_generator(Generator(SMALL)), io.BytesIO()
    torch.save(state, file, pickle_module=module, _use_new_zipfile_serialization=False)
    assert pickle.SHORT_BINSTRING + bytes([len("down_pair.bias")]) + b"down_pair.bias" in file.getvalue()
    (tmp_path / "G.pth").write_bytes(file.getvalue())
    assert all(torch.equal(value, state[name]) for name, value in read_weights(tmp_path / "G.pth").items())


def test_code_in_a_file_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"a": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(InputError, match="cannot be read"):
        read_weights(tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()
