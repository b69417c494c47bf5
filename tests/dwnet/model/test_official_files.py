"""Official files in and out: `dwnet import-official` and `dwnet export-official`."""

import io
import pickle
import re
import types
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from safetensors.torch import save_file
from tiny_model import MODELS

from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.core.errors import InputError
from dwnet.cli.main import SUBCOMMANDS, SUMMARY
from dwnet.config import ModelSettings
from dwnet.model.build import build_generator
from dwnet.model.checkpoint import load_model, read_discriminator, save_model
from dwnet.model.discriminator import MultiscaleDiscriminator
from dwnet.model.generator import Generator
from dwnet.model.official import state_dict
from dwnet.model.official.files import export_official, read_weights

SMALL = ModelSettings(ngf=4, blocks=1, refine_blocks=2, ndf=4, critic_layers=2, padding_mode="border")


def _same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _run(*arguments) -> int:
    return run_subcommands(SUMMARY, SUBCOMMANDS, list(map(str, arguments)))


class _Python2Pickler(pickle._Pickler):
    """Writes text as Python 2 wrote it: as byte strings."""

    def save_text(self, text: str):
        self.write(pickle.SHORT_BINSTRING + bytes([len(text)]) + text.encode())
        self.memoize(text)

    dispatch: ClassVar = {**pickle._Pickler.dispatch, str: save_text}


def _old_file(state: dict) -> bytes:
    """A file as PyTorch 1.0 wrote it under Python 2: no zip archive, text as bytes."""

    def dump(value, file, protocol):
        _Python2Pickler(file, protocol).dump(value)

    module, file = types.SimpleNamespace(Pickler=_Python2Pickler, dump=dump, __name__="pickle"), io.BytesIO()
    torch.save(state, file, pickle_module=module, _use_new_zipfile_serialization=False)
    return file.getvalue()


@pytest.fixture
def files(tmp_path) -> Path:
    """A folder with the official files of random networks, and these networks' weights by our names."""
    torch.manual_seed(0)
    folder = tmp_path / "official"
    folder.mkdir()
    for name, state in {
        "latest_net_G.pth": state_dict.export_generator(Generator(SMALL)),
        "latest_net_D.pth": state_dict.export_discriminator(MultiscaleDiscriminator(SMALL)),
    }.items():
        (folder / name).write_bytes(_old_file(state))
    return folder


def _import(files: Path, out: Path):
    arguments = (files / "latest_net_G.pth", "-o", out, "--critic", files / "latest_net_D.pth", "--padding-mode", "border")
    assert _run("import-official", *arguments) == 0


def test_official_files_become_a_model(files, tmp_path):
    out = tmp_path / "run" / "model.safetensors"
    _import(files, out)
    (generator, facts), (discriminator, _) = load_model(out), read_discriminator(out.parent)
    assert generator.settings.model_dump(exclude={"ndf", "critic_layers"}) == SMALL.model_dump(exclude={"ndf", "critic_layers"})
    assert _same(state_dict.export_generator(generator), read_weights(files / "latest_net_G.pth"))
    assert _same(state_dict.export_discriminator(discriminator), read_weights(files / "latest_net_D.pth"))
    assert facts["size"] == 256 and facts["imported"]["file"] == "latest_net_G.pth"


@pytest.mark.parametrize("from_folder", [True, False])
def test_a_model_becomes_official_files_again_bit_for_bit(files, tmp_path, capsys, from_folder):
    run, back = tmp_path / "run", tmp_path / "back"
    _import(files, run / "model.safetensors")
    capsys.readouterr()
    model = run if from_folder else run / "model.safetensors"
    assert _run("export-official", model, "-o", back / "latest_net_G.pth", "--critic", back / "latest_net_D.pth") == 0
    assert capsys.readouterr().out.strip().endswith("--ngf 4 --n_blocks_global 1 --grid_padding border --ndf 4 --num_D 2 --n_layers_D 2")
    for name in ("latest_net_G.pth", "latest_net_D.pth"):
        one, other = read_weights(files / name), read_weights(back / name)
        assert list(one) == list(other) and _same(one, other)
        assert not (back / name).read_bytes().startswith(b"PK"), "PyTorch 1.0 reads no zip archives"


def test_reference_weights_go_through_files_bit_for_bit(reference, tmp_path):
    """The weights that the official code made, with its own names and shapes."""
    state = reference("fashion_ngf8").weights
    (tmp_path / "G.pth").write_bytes(_old_file(state))
    assert _run("import-official", tmp_path / "G.pth", "-o", tmp_path / "model.safetensors") == 0
    assert _run("export-official", tmp_path / "model.safetensors", "-o", tmp_path / "back.pth") == 0
    assert _same(read_weights(tmp_path / "back.pth"), state)


def test_files_of_python_2_on_a_gpu_behind_data_parallel_are_read(tmp_path, monkeypatch):
    state = state_dict.export_generator(Generator(SMALL))
    monkeypatch.setattr(torch.serialization, "location_tag", lambda _storage: "cuda:0")
    content = _old_file({f"module.{name}": value for name, value in state.items()})
    monkeypatch.undo()
    name = b"module.down_pair.bias"
    assert pickle.SHORT_BINSTRING + bytes([len(name)]) + name in content and b"cuda:0" in content
    (tmp_path / "G.pth").write_bytes(content)
    weights = read_weights(tmp_path / "G.pth")
    assert all(value.device.type == "cpu" for value in weights.values())
    assert _same(state_dict.export_generator(state_dict.load_generator(weights)), state)


def _strangers(folder: Path, good: bytes):
    """Files that are none of the official ones, by name, each with what is said of it."""
    save_file({"down_pair.bias": torch.zeros(4)}, folder / "model.safetensors")
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)), folder / "whole.pth")
    torch.save([1, 2], folder / "list.pth")
    torch.save({"epoch": 3, "state_dict": {"a": torch.zeros(1)}}, folder / "nested.pth")
    torch.save({"a": torch.zeros(1)}, folder / "other.pth")
    torch.save({"a": torch.zeros(1)}, folder / "zip.pth")
    zipped = (folder / "zip.pth").read_bytes()
    for number, content in enumerate([b"", b"\x80", b"text\n", good[:60], good[:500], good[:-4], zipped[:1], zipped[:10], zipped[:-40]]):
        (folder / f"cut{number}.pth").write_bytes(content)
        yield f"cut{number}.pth", "is no file of torch.save, or it is cut off or damaged"
    (folder / "page.pth").write_text("\n<!DOCTYPE html><html>")
    (folder / "note.pth").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    yield from {
        "none.pth": "no such file",
        "..": "is a folder",
        "page.pth": "is a web page",
        "note.pth": "git lfs pull",
        "model.safetensors": "is a safetensors file, which needs no import",
        "whole.pth": r"holds more than tensors \(torch\.nn\.modules\.\S+\)",
        "list.pth": "holds no table of tensors;",
        "nested.pth": "holds no table of tensors but epoch, state_dict;",
        "other.pth": "no weights of an official DwNet",
    }.items()


@pytest.mark.parametrize(("swapped", "kind"), [("latest_net_D.pth", "a discriminator"), ("latest_net_G.pth", "a generator")])
def test_other_files_are_named_in_one_line_and_leave_nothing_behind(files, tmp_path, capsys, swapped, kind):
    """As the generator's file, where the swapped one is the discriminator's, and as the discriminator's."""
    out, critics = tmp_path / "run" / "model.safetensors", swapped == "latest_net_G.pth"
    cases = [*_strangers(files, (files / swapped).read_bytes()), (swapped, f"these are the weights of {kind} ")]
    for name, message in cases:
        given = [files / "latest_net_G.pth", "--critic", files / name] if critics else [files / name]
        assert _run("import-official", *given, "-o", out) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {files / name}: ") and error.count("\n") == 1 and "weights_only" not in error
        assert re.search(message, error), error
    assert not out.parent.exists()


@pytest.mark.parametrize("kind", ["zip", "old", "bare"])
def test_code_in_a_file_is_never_run(tmp_path, kind):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    path = tmp_path / "trap.pth"
    if kind == "bare":
        path.write_bytes(pickle.dumps({"a": Trap()}, protocol=2))
    else:
        torch.save({"a": Trap()}, path, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(InputError, match=r"trap\.pth: (holds more than tensors|is no file of torch\.save)"):
        read_weights(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SMALL.model_copy(update={"iuv_input": "one_hot"}), "no networks with iuv_input: one_hot"),
        (SMALL.model_copy(update={"visibility": True}), "visibility: true"),
        (SMALL.model_copy(update={"refine_blocks": 3}), "has 3 refine blocks, but the official code always has 2"),
        (MODELS["compose"], "no generator: compose"),
    ],
)
def test_what_the_official_code_has_not_is_not_exported(tmp_path, settings, message):
    save_model(tmp_path / "model.safetensors", build_generator(settings), {})
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=f"{tmp_path}: .*{message}"):
        export_official(tmp_path, tmp_path / "G.pth", None)
    assert sorted(tmp_path.iterdir()) == before


def test_ablations_name_the_official_options(tmp_path, capsys):
    settings = SMALL.model_copy(update={"previous": False, "refine": False})
    save_model(tmp_path / "model.safetensors", Generator(settings), {})
    assert _run("export-official", tmp_path, "-o", tmp_path / "G.pth") == 0
    assert "--grid_padding border --no_refining_warp --prev_frame_num 0" in capsys.readouterr().out
    assert not any(name.startswith("model_downsample_grid_set") for name in read_weights(tmp_path / "G.pth"))
    back = tmp_path / "back" / "model.safetensors"
    assert _run("import-official", tmp_path / "G.pth", "-o", back, "--padding-mode", "border", "--no-previous") == 2
    assert "without refined warp: switch `refine` off (--no-refine)" in capsys.readouterr().err
    assert _run("import-official", tmp_path / "G.pth", "-o", back, "--padding-mode", "border", "--no-previous", "--no-refine") == 0
    found = load_model(back)[0].settings
    assert found == settings.model_copy(update={"ndf": found.ndf, "critic_layers": found.critic_layers, "refine_blocks": 0})


def test_an_import_without_discriminator_leaves_none_of_another_behind(files, tmp_path):
    out = tmp_path / "run" / "model.safetensors"
    _import(files, out)
    assert _run("import-official", files / "latest_net_G.pth", "-o", out) == 0
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_a_folder_is_refused_as_output_and_the_discriminator_beside_it_stays(files, tmp_path, capsys):
    out = tmp_path / "run" / "model.safetensors"
    _import(files, out)
    (out.parent / "folder").mkdir()
    assert _run("import-official", files / "latest_net_G.pth", "-o", out.parent / "folder") == 2
    assert _run("export-official", out, "-o", out.parent / "folder") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith(f"error: {out.parent / 'folder'}: is a folder") for line in lines)
    read_discriminator(out.parent)
