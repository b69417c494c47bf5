"""Checkpoints are read in every published format, and nothing in them runs."""

import collections
import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backends.checkpoint import read_checkpoint

PARAMETERS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "a.bias": np.array([1.5, -2], np.float32)}
TENSORS = {name: torch.from_numpy(value) for name, value in PARAMETERS.items()}


class Harm:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def check(path):
    found = read_checkpoint(path)
    assert found.keys() == PARAMETERS.keys()
    for name, value in PARAMETERS.items():
        assert np.array_equal(found[name].numpy(), value)


@pytest.mark.parametrize("protocol", range(1, 6))
def test_pickles_of_the_model_zoo(tmp_path, protocol):
    path = tmp_path / "model.pkl"
    content = {"model": collections.OrderedDict(PARAMETERS), "__author__": "zoo", "matching_heuristics": True, "scale": np.float64(2)}
    path.write_bytes(pickle.dumps(content, protocol))
    check(path)


def test_pickles_of_older_numpy(tmp_path):
    path = tmp_path / "model.pkl"
    text = pickle.dumps({"model": PARAMETERS}, 2)
    assert b"numpy._core.multiarray" in text
    path.write_bytes(text.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    check(path)


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
@pytest.mark.parametrize("old", [False, True])
def test_torch_files(tmp_path, suffix, old):
    path = tmp_path / f"model{suffix}"
    torch.save({"model": TENSORS, "iteration": 7}, path, _use_new_zipfile_serialization=not old)
    check(path)
    torch.save(TENSORS, path)
    check(path)


def test_safetensors(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    check(path)


@pytest.mark.parametrize("suffix", [".pkl", ".pth"])
@pytest.mark.parametrize("content", ["alone", "parameter", "beside", "array"])
def test_nothing_in_a_checkpoint_runs(tmp_path, suffix, content):
    path, trace = tmp_path / f"model{suffix}", tmp_path / "harmed"
    harm = Harm(trace)
    array = np.empty(1, object)
    array[0] = harm
    beside = {"model": PARAMETERS, "x": harm}
    holds = {"alone": harm, "parameter": {"model": {"a": harm}}, "beside": beside, "array": {"model": {"a": array}}}
    if suffix == ".pkl":
        path.write_bytes(pickle.dumps(holds[content]))
    else:
        torch.save(holds[content], path)
    with pytest.raises(InputError, match=rf"model\{suffix}: cannot be read"):
        read_checkpoint(path)
    assert not trace.exists()


@pytest.mark.parametrize("allowed", [b"cnumpy\nndarray\n(tR.", b"cnumpy\ndtype\n(S'O'\ntR.", b"c_codecs\nencode\n(S'abc'\nS'rot13'\ntR."])
def test_allowed_names_in_odd_places(tmp_path, allowed):
    path = tmp_path / "model.pkl"
    path.write_bytes(allowed)
    with pytest.raises(InputError, match=r"model\.pkl"):
        read_checkpoint(path)


@pytest.mark.parametrize("suffix", [".pkl", ".pth", ".safetensors"])
@pytest.mark.parametrize("text", [b"", b"no pickle", b"<html>404</html>"])
def test_other_files(tmp_path, suffix, text):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(text)
    with pytest.raises(InputError, match=rf"model\{suffix}: cannot be read as a checkpoint"):
        read_checkpoint(path)


@pytest.mark.parametrize("suffix", [".pkl", ".pth", ".safetensors"])
def test_truncated_files(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    if suffix == ".pkl":
        path.write_bytes(pickle.dumps({"model": PARAMETERS}))
    elif suffix == ".pth":
        torch.save(TENSORS, path)
    else:
        save_file(TENSORS, path)
    whole = path.read_bytes()
    for length in np.linspace(1, len(whole) - 1, 12, dtype=int):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=rf"model\{suffix}: cannot be read as a checkpoint"):
            read_checkpoint(path)


@pytest.mark.parametrize("content", [[1, 2], {}, {"model": {}}, {"a": "text"}, {3: np.zeros(2)}, {"a": np.array(["x"])}])
def test_pickles_without_parameters(tmp_path, content):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=r"model\.pkl: .*give the checkpoint of a DensePose R-CNN"):
        read_checkpoint(path)


def test_missing_files_and_other_names(tmp_path):
    with pytest.raises(InputError, match=r"none\.pth: no such checkpoint"):
        read_checkpoint(tmp_path / "none.pth")
    with pytest.raises(InputError, match=r"model\.onnx: .*must end in \.pkl"):
        read_checkpoint(tmp_path / "model.onnx")
