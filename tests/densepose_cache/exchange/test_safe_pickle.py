import collections
import os
import pickle

import pytest
import torch
from dump_files import CHART_MODULE, same_named_classes, write_dump

from densepose_cache.core.errors import InputError
from densepose_cache.exchange.safe_pickle import load_results

FORMS = ("zip", "legacy", "pickle")


class Call:
    """Pickles to a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("form", FORMS)
def test_results_arrive_without_the_classes(tmp_path, form):
    labels, uv = torch.arange(12).reshape(3, 4).t(), torch.rand(2, 4, 3)
    with same_named_classes() as make:
        write_dump(tmp_path / "a.pkl", [{"x": make(CHART_MODULE, "DensePoseChartResult", labels=labels, uv=uv)}], form)
    found = load_results(tmp_path / "a.pkl")[0]["x"]
    assert type(found).__name__ == "DensePoseChartResult" and type(found).__module__ != CHART_MODULE
    assert torch.equal(found.labels, labels) and torch.equal(found.uv, uv) and found.labels.dtype == torch.int64


@pytest.mark.parametrize("form", FORMS)
def test_tensors_of_a_gpu_arrive_on_the_cpu(tmp_path, form, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        write_dump(tmp_path / "a.pkl", [{"scores": torch.arange(3.0)}], form)
    assert b"cuda:0" in (tmp_path / "a.pkl").read_bytes()
    found = load_results(tmp_path / "a.pkl")[0]["scores"]
    assert found.device.type == "cpu" and found.tolist() == [0, 1, 2]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda mark: Call(os.system, f"touch {mark}"), r"posix\.system"),
        (lambda mark: Call(eval, f"open({str(mark)!r}, 'w')"), r"\w+\.eval|eval"),
        (lambda mark: Call(getattr, [], "append"), r"\w+\.getattr|getattr"),
        (lambda mark: Call(torch.load, str(mark)), r"torch\.serialization\.load"),
    ],
)
def test_nothing_that_a_pickle_asks_for_is_run(tmp_path, form, call, name):
    mark = tmp_path / "mark"
    write_dump(tmp_path / "evil.pkl", [{"file_name": "a.jpg", "scores": call(mark)}], form)
    with pytest.raises(InputError, match=rf"evil\.pkl: asks for ({name}), which is no part of DensePose's results; it was not run"):
        load_results(tmp_path / "evil.pkl")
    assert not mark.exists()


def test_what_hides_in_the_bytes_of_a_tensor_is_not_run_either(tmp_path):
    """Plain pickles hold tensors as the bytes of an inner file, which `pickle.load` would read with all its powers."""
    mark = tmp_path / "mark"
    inner = write_dump(tmp_path / "inner.pkl", [Call(os.system, f"touch {mark}")], "legacy").read_bytes()
    write_dump(tmp_path / "outer.pkl", Call(torch.storage._load_from_bytes, inner), "pickle")
    with pytest.raises(InputError, match=r"outer\.pkl: asks for posix\.system"):
        load_results(tmp_path / "outer.pkl")
    assert not mark.exists()
    pickle.loads((tmp_path / "outer.pkl").read_bytes())
    assert mark.exists(), "the file is as bad as it is meant to be"


def test_a_tensor_reaches_no_further_than_its_bytes(tmp_path):
    storage = torch.zeros(4)._typed_storage()
    for number, arguments in enumerate([(storage, 0, (1000,), (1,)), (storage, 3, (2,), (1,)), ([], 0, (1,), (1,))]):
        evil = Call(torch._utils._rebuild_tensor_v2, *arguments, False, collections.OrderedDict())
        path = write_dump(tmp_path / f"{number}.pkl", [evil], "pickle")
        with pytest.raises(InputError, match=rf"{number}\.pkl: "):
            load_results(path)


def test_the_output_of_other_models_is_named(tmp_path):
    with same_named_classes() as make:
        for form in FORMS:
            entry = {"file_name": "a", "pred_densepose": make("densepose.structures", "DensePoseEmbeddingPredictorOutput", embedding=1)}
            write_dump(tmp_path / f"{form}.pkl", [entry], form)
    for form in FORMS:
        with pytest.raises(InputError, match=rf"{form}\.pkl: holds densepose\.structures\.DensePoseEmbedding.* CSE model.*chart-based"):
            load_results(tmp_path / f"{form}.pkl")


@pytest.mark.parametrize("form", FORMS)
def test_damaged_files(tmp_path, form):
    whole = write_dump(tmp_path / "whole.pkl", [{"x": torch.rand(1000)}], form).read_bytes()
    (tmp_path / "cut.pkl").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.pkl: .*apply_net\.py dump"):
        load_results(tmp_path / "cut.pkl")
    (tmp_path / "text.pkl").write_text("no pickle")
    with pytest.raises(InputError, match=r"text\.pkl: cannot be read as a pickle"):
        load_results(tmp_path / "text.pkl")
    with pytest.raises(InputError, match=r"none\.pkl: no such file"):
        load_results(tmp_path / "none.pkl")
