"""Where a result comes from: what is recorded of data set, configuration, clips, maps, weights."""

import json
from pathlib import Path

import pandas as pd
import pytest
from small_cache import write_split
from tiny_origin import DETECTOR, settings, write_maps

from densepose_cache.cache.index import read_index
from densepose_cache.clips import write_table
from densepose_cache.config.base import check
from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backends.origin import map_origins
from densepose_cache.storage.digest import file_sha256
from densepose_cache.storage.weights import WEIGHTS
from dwnet.config import VARIANTS, Folders
from dwnet.evaluation.provenance import Origin, configuration_fingerprint, git_revision, map_weights, provenance, training_weights, versions
from dwnet.pretrained import EMBEDDED


@pytest.fixture
def origin(tmp_path):
    cache = tmp_path / "cache" / "mine"
    for split in ("train", "test"):
        write_split(cache / f"{split}.h5", {split: 3})
    rows = {"clip": ["train", "test"], "split": ["train", "test"], "video": ["a.mp4", "b.mp4"], "sha256": ["1" * 64, "2" * 64]}
    write_table(cache / "clips.csv", pd.DataFrame(rows))
    write_maps(cache / "iuv" / "000.h5", {"lost": None, "train": ("torchvision", DETECTOR)})
    write_maps(cache / "iuv" / "001.h5", {"test": ("torchvision", DETECTOR)})
    write_maps(cache / "iuv" / "002.h5", {"left over": ("embedded", DETECTOR | {"weights": "e" * 64})})
    folders = Folders(cache=str(tmp_path / "cache"))
    return Origin(dataset="mine", target="results/mine/metrics.json", folders=folders, settings=settings())


def test_everything_that_a_result_depends_on_is_named(origin):
    found = provenance(origin)
    assert json.loads(json.dumps(found)) == found
    assert (found["dataset"], found["target"]) == ("mine", "results/mine/metrics.json")
    assert found["configuration"]["settings"] == settings() and set(found["configuration"]["folders"]) == set(Folders.model_fields)
    assert (found["clips"]["train"], found["clips"]["test"]) == (1, 1)
    assert found["indexes"] == {split: read_index(origin.cache / f"{split}.h5").digest for split in ("train", "test")}
    assert found["maps"] == [{"backend": "torchvision", "detector": DETECTOR, "shards": 2}], "a shard of an earlier number does not count"
    assert found["weights"] == {"densepose": "d" * 64, "train.features": WEIGHTS["vgg19"].sha256}


def test_the_fingerprint_is_of_the_settings_alone(origin):
    first = provenance(origin)["configuration"]["fingerprint"]
    moved = check(Origin, origin.model_dump(mode="json") | {"target": "elsewhere.json"})
    assert provenance(moved)["configuration"]["fingerprint"] == first == configuration_fingerprint(settings())
    assert configuration_fingerprint(settings(train={"seed": 1})) != first


def test_a_cache_that_is_not_whole_is_named(origin):
    (origin.cache / "iuv" / "001.h5").unlink()
    with pytest.raises(InputError, match=r"001\.h5: no such shard"):
        provenance(origin)
    (origin.cache / "clips.csv").unlink()
    with pytest.raises(InputError, match=r"clips\.csv: no such table"):
        provenance(origin)


def test_maps_of_files_and_of_several_detectors(tmp_path):
    paths = [
        write_maps(tmp_path / "000.h5", {"a": ("precomputed", {"iuv": "1"}), "b": ("precomputed", {"iuv": "2"})}),
        write_maps(tmp_path / "001.h5", {"c": ("precomputed", {"iuv": "3"})}),
        write_maps(tmp_path / "002.h5", {"d": None}),
        write_maps(tmp_path / "003.h5", {}),
    ]
    maps = map_origins(paths)
    assert maps == [{"backend": "precomputed", "detector": None, "shards": 2}] and map_weights(maps) == {}
    few, many = ({"backend": "torchvision", "detector": {"weights": name * 64}, "shards": shards} for name, shards in (("a", 1), ("b", 2)))
    assert map_weights([few, many]) == map_weights([many, few]) == {"densepose": "b" * 64}


def trained(variant: str = "no_prev", **train) -> Origin:
    """The origin of a variant of a data set, with keys of the section `train`."""
    return Origin(dataset="mine", target=f"results/mine/runs/{variant}/metrics.json", folders=Folders(), settings=settings(train=train))


def test_training_names_the_files_it_reads(tmp_path):
    folder = tmp_path / "no_prev"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    sha = file_sha256(folder / "model.safetensors")
    for start in (folder, folder / "model.safetensors", tmp_path / "{variant}"):
        assert training_weights(trained(features="embedded", start=str(start))) == {"train.start": sha}
    losses = {"perceptual": 0.0, "warp": 0.0}
    assert training_weights(trained(losses=losses)) == {}
    assert "train.features" in training_weights(trained(losses=losses | {"warp": 1.0}))


def test_of_what_ships_the_full_model_alone_has_started(shipped):
    found = {variant: training_weights(trained(variant, features="embedded", start=EMBEDDED)) for variant in VARIANTS}
    assert found.pop("full") == {"train.start": file_sha256(shipped / "model.safetensors")}
    assert all(weights == {} for weights in found.values())


def test_a_data_sets_own_result_is_that_of_the_full_model(shipped):
    run = trained("full", features="embedded", start=EMBEDDED)
    own = run.model_copy(update={"target": "results/mine/metrics.json"})
    assert own.variant == "full" and own.start == run.start
    assert training_weights(own) == {"train.start": file_sha256(shipped / "model.safetensors")}


def test_versions_and_revision():
    assert {"python", "torch", "dwnet"} <= set(versions())
    if (Path(__file__).parents[3] / ".git").exists():
        assert len(git_revision().removesuffix("-dirty")) == 40
    else:
        assert git_revision() is None
