"""metrics.json and clips.csv of a tiny rollout."""

import functools
import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from people import SIZE, draw
from small_cache import write_split
from tiny_model import save_tiny_model

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.errors import InputError
from densepose_cache.warp import coarse_warp_grid
from dwnet.config import EvaluateSettings
from dwnet.evaluation import evaluate as module
from dwnet.evaluation import windows
from dwnet.evaluation.evaluate import Baselines, evaluate
from dwnet.evaluation.keypoints import mediapipe_pose
from dwnet.evaluation.metrics.feature_file import open_features
from dwnet.evaluation.metrics.frechet import Gaussian, frechet_distance
from dwnet.evaluation.metrics.measures import FrechetSums, Pixels
from dwnet.evaluation.summary import clip_summary, summarise, uncounted
from dwnet.inference.rollout import network_input, rollout
from dwnet.inference.rollout_file import RolloutReader
from dwnet.inference.trivial import BASELINES, FilledSource, coarse_warp, coarse_warp_blurred, filled_warp
from dwnet.model.perceptual import EmbeddedFeatures

LENGTHS = {"a": 3, "b": 5}
PIXEL_NAMES = {"l1", "l1_body", "psnr", "ssim"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A rollout of a random generator with its metrics, measured without a pose model: it is a broken one."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("run")
    data = write_split(folder / "test.h5", LENGTHS)
    model = save_tiny_model(folder / "model.safetensors")
    rollout(model, data, EvaluateSettings(), folder / "rollout.h5")
    (folder / "pose_landmarker.task").write_bytes(b"not a model")
    settings = EvaluateSettings(features="embedded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mediapipe_pose, "TASK", folder / "pose_landmarker.task")
        yield folder, evaluate(folder / "rollout.h5", data, model, settings, folder / "weights", folder / "metrics.json")


def test_shape_of_the_summary(run):
    folder, summary = run
    read = json.loads((folder / "metrics.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} in metrics.json"))
    assert read == json.loads(json.dumps(summary))
    names = {*PIXEL_NAMES, "perceptual_efficientnet_lite0", "perceptual_efficientnet_lite0_body", "frechet_efficientnet_lite0"}
    changes = {"warp_error", "tlp_efficientnet_lite0"}
    names |= changes
    assert set(read["metrics"]) == names
    assert set(read["baselines"]) == set(BASELINES)
    assert all(set(read["baselines"][name]) == names for name in BASELINES)
    assert set(read["clips"]) == set(LENGTHS)
    for clip, length in LENGTHS.items():
        assert set(read["clips"][clip]["metrics"]) == names - {"frechet_efficientnet_lite0"}
        assert set(read["clips"][clip]["baselines"]) == set(BASELINES)
        assert all(value["frames"] == length - (name in changes) for name, value in read["clips"][clip]["metrics"].items())
    for name, value in read["metrics"].items():
        assert (value["frames"], value["clips"]) == (8 - 2 * (name in changes), 2) and math.isfinite(value["value"])
    assert set(read["real"]) == {"warp_error"} and read["real"]["warp_error"]["frames"] == 6
    frechet = read["metrics"]["frechet_efficientnet_lite0"]
    assert (frechet["real_frames"], frechet["generated_frames"], frechet["dimensions"]) == (8, 8, 1280)
    assert read["model"]["fingerprint"] == "f" * 64
    assert read["extractors"]["efficientnet_lite0"]["sha256"] == EmbeddedFeatures().digest
    assert read["protocol"]["clips"] == 2 and read["protocol"]["frames"] == 8
    assert {"torch", "python"} <= set(read["versions"])


def test_what_cannot_be_had_is_left_out_with_a_reason(run):
    _, summary = run
    assert set(summary["unavailable"]) == {"lpips_alex", "tlp_alex", "akd_mediapipe", "akd_l2_mediapipe", "mkr_mediapipe"}
    assert "pose_landmarker.task" in summary["unavailable"]["akd_mediapipe"]
    assert "alexnet" in summary["unavailable"]["lpips_alex"].lower()
    assert not {"akd_mediapipe", "lpips_alex", "fid", "perceptual_vgg19"} & set(summary["metrics"])


def test_values_are_means_over_frames_then_over_clips(run):
    folder, summary = run
    l1, warp_l1, filled_l1 = {}, {}, {}
    with RolloutReader(folder / "rollout.h5") as generated, SplitReader(folder / "test.h5") as reader:
        for clip, length in LENGTHS.items():
            real = reader.frames(clip, slice(None)).astype(float)
            l1[clip] = np.abs(real - generated.frames(clip, slice(None))).mean() / 255
            source, index = reader.frames(clip, 0), np.stack([reader.grid(clip, 0, t) for t in range(length)])
            warp_l1[clip] = np.abs(real - coarse_warp(source, index)).mean() / 255
            filled = filled_warp(FilledSource(source, reader.iuv(clip, 0)), reader.iuv(clip, slice(None)), index)
            filled_l1[clip] = np.abs(real - filled).mean() / 255
            assert summary["clips"][clip]["metrics"]["l1"]["value"] == pytest.approx(l1[clip], rel=1e-5)
    assert summary["metrics"]["l1"]["value"] == pytest.approx(np.mean(list(l1.values())), rel=1e-5)
    assert summary["baselines"]["coarse_warp"]["l1"]["value"] == pytest.approx(np.mean(list(warp_l1.values())), rel=1e-5)
    assert summary["baselines"]["filled_warp"]["l1"]["value"] == pytest.approx(np.mean(list(filled_l1.values())), rel=1e-5)


class Noise:
    """A reader of one clip: drawn maps, and noise for a first frame, so that every baseline gives other colours."""

    maps = np.stack([draw(0, frame)[1] for frame in range(4)])
    source = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)

    def frames(self, clip, which):
        assert which == 0, "no baseline sees another real frame"
        return self.source

    def iuv(self, clip, which):
        return self.maps[which]

    def grid(self, clip, source, driving):
        return coarse_warp_grid(self.maps[source], self.maps[driving]).index


def test_baselines_of_a_window():
    found = Baselines(Noise(), "a", 2.0).frames(slice(1, 3))
    index = np.stack([Noise().grid("a", 0, t) for t in (1, 2)])
    warped = coarse_warp(Noise.source, index)
    wanted = {
        "coarse_warp": warped,
        "filled_warp": filled_warp(FilledSource(Noise.source, Noise.maps[0]), Noise.maps[1:3], index),
        "copy_source": np.stack([Noise.source] * 2),
        "coarse_warp_blurred": coarse_warp_blurred(warped, 2.0),
    }
    assert tuple(found) == BASELINES and len({frames.tobytes() for frames in wanted.values()}) == len(BASELINES)
    for name, frames in wanted.items():
        np.testing.assert_array_equal(found[name], frames, err_msg=name)


def test_a_source_is_prepared_once_for_all_windows_of_its_clip(run, tmp_path, monkeypatch):
    prepared = []
    monkeypatch.setattr(module, "FRAMES", 2)
    monkeypatch.setattr(module, "FilledSource", lambda *source: (prepared.append(source), FilledSource(*source))[1])
    paths = [run[0] / name for name in ("rollout.h5", "test.h5", "model.safetensors")]
    found = evaluate(*paths, EvaluateSettings(features="embedded"), run[0] / "weights", tmp_path / "metrics.json")
    assert len(prepared) == len(LENGTHS)
    for name, wanted in run[1]["baselines"]["filled_warp"].items():
        assert found["baselines"]["filled_warp"][name]["value"] == pytest.approx(wanted["value"], rel=1e-4), name


def test_embedded_features_equal_a_computation_frame_by_frame(run):
    folder, summary = run
    network = EmbeddedFeatures()
    means, body_means, real_features, generated_features = [], [], [], []
    with RolloutReader(folder / "rollout.h5") as generated, SplitReader(folder / "test.h5") as reader, torch.no_grad():
        for clip, length in LENGTHS.items():
            values, body_values = [], []
            for t in range(length):
                real, other = reader.frames(clip, t), generated.frames(clip, slice(t, t + 1))[0]
                composed = np.where(reader.iuv(clip, t)[..., :1] > 0, other, real)
                wanted = network.taps(network_input([real], "cpu"))
                values.append(float(network.distance(network.taps(network_input([other], "cpu")), wanted)))
                body_values.append(float(network.distance(network.taps(network_input([composed], "cpu")), wanted)))
                real_features.append(network.pooled(network_input([real], "cpu")).numpy())
                generated_features.append(network.pooled(network_input([other], "cpu")).numpy())
            means.append(np.mean(values))
            body_means.append(np.mean(body_values))
    assert summary["metrics"]["perceptual_efficientnet_lite0"]["value"] == pytest.approx(np.mean(means), rel=1e-4)
    assert summary["metrics"]["perceptual_efficientnet_lite0_body"]["value"] == pytest.approx(np.mean(body_means), rel=1e-4)
    sums = []
    for features in (real_features, generated_features):
        sums.append(Gaussian())
        sums[-1].add(np.concatenate(features))
    assert summary["metrics"]["frechet_efficientnet_lite0"]["value"] == pytest.approx(frechet_distance(*sums), rel=1e-3)


def test_the_kept_features_give_the_frechet_distances(run):
    folder, summary = run
    with open_features(folder / "features.h5") as features:
        assert features.digest == summary["digest"] and features.clips == list(LENGTHS)
        real = features.read("frechet_efficientnet_lite0", "real")
        for method, values in {"model": summary["metrics"], **summary["baselines"]}.items():
            other = features.read("frechet_efficientnet_lite0", method)
            assert len(real) == len(other) == features.lengths.sum() == 8
            once = np.ones(8)
            value = frechet_distance(Gaussian.drawn(real, once), Gaussian.drawn(other, once))
            assert value == pytest.approx(values["frechet_efficientnet_lite0"]["value"], rel=1e-3)


def test_clip_table(run):
    folder, summary = run
    table = pd.read_csv(folder / "clips.csv")
    assert len(table) == len(LENGTHS) * (1 + len(BASELINES))
    row = table[(table["clip"] == "b") & (table["method"] == "copy_source")].iloc[0]
    assert row["frames"] == 5 and row["l1"] == pytest.approx(summary["clips"]["b"]["baselines"]["copy_source"]["l1"]["value"])
    assert not table.isna().any().any()


def test_frames_without_a_value_are_not_counted():
    values = {"model": {"m": [np.array([1.0, np.nan]), np.array([3.0])], "never": [np.array([np.nan] * 3)]}}
    values |= {name: {"m": [np.array([2.0, 2.0, 2.0])]} for name in BASELINES}
    clip = clip_summary(values)
    assert clip["metrics"] == {"m": {"value": 2.0, "frames": 2}}
    other = {"metrics": {}, "baselines": {name: {} for name in BASELINES}}
    summary = summarise({"a": clip, "b": other}, FrechetSums(), [], 6)
    assert summary["metrics"] == {"m": {"value": 2.0, "frames": 2, "clips": 1}}
    missing = uncounted({"l1": {}, "psnr": {}, "ssim": {}}, [Pixels()])
    assert list(missing) == ["l1_body"] and "no frame has a value" in missing["l1_body"]


def test_paper_features_without_weights_say_what_to_do(run, tmp_path):
    folder, _ = run
    with pytest.raises(InputError) as caught:
        evaluate(
            folder / "rollout.h5", folder / "test.h5", folder / "model.safetensors", EvaluateSettings(), tmp_path, tmp_path / "metrics.json"
        )
    message = str(caught.value)
    assert all(name in message.lower() for name in ("vgg19", "inception", "alexnet", "keypoint"))
    assert "evaluate.features: embedded" in message
    assert not (tmp_path / "metrics.json").exists()


def test_a_rollout_of_other_data_or_of_fewer_frames_is_refused(run, tmp_path):
    folder, _ = run
    rest = folder / "model.safetensors", EvaluateSettings(features="embedded"), folder / "weights", tmp_path / "metrics.json"
    with pytest.raises(InputError, match=r"rollout\.h5: clip a was made from other data than .*test\.h5; run the rollout again"):
        evaluate(folder / "rollout.h5", write_split(tmp_path / "test.h5", LENGTHS, poison=True), *rest)
    rollout(folder / "model.safetensors", folder / "test.h5", EvaluateSettings(max_frames=2), tmp_path / "short.h5")
    with pytest.raises(InputError, match=r"short\.h5: has 2 frames of clip a, evaluate\.max_frames asks for 3"):
        evaluate(tmp_path / "short.h5", folder / "test.h5", *rest)


def test_damaged_frames_of_a_rollout_are_named(run, tmp_path):
    folder, _ = run
    copy = tmp_path / "rollout.h5"
    content = bytearray((folder / "rollout.h5").read_bytes())
    with RolloutReader(folder / "rollout.h5") as reader:
        place = reader._file["b"]["generated"].id.get_chunk_info(0)
    content[place.byte_offset + place.size // 2] ^= 255
    copy.write_bytes(content)
    with RolloutReader(copy) as reader, pytest.raises(InputError, match=r"rollout\.h5: frames of b are damaged"):
        reader.frames("b", slice(None))


def test_one_frame_has_all_metrics_but_the_frechet_distance(run, tmp_path):
    folder, _ = run
    data = write_split(tmp_path / "test.h5", {"a": 1})
    embedded = EvaluateSettings(features="embedded")
    rollout(folder / "model.safetensors", data, embedded, tmp_path / "rollout.h5")
    place = folder / "weights", tmp_path / "metrics.json"
    summary = evaluate(tmp_path / "rollout.h5", data, folder / "model.safetensors", embedded, *place)
    assert set(summary["metrics"]) > PIXEL_NAMES and "frechet_efficientnet_lite0" not in summary["metrics"]
    assert summary["unavailable"]["frechet_efficientnet_lite0"] == "needs two frames at least"


def test_a_rollout_of_another_model_is_refused(run, tmp_path):
    folder, _ = run
    from dwnet.model.checkpoint import load_model, save_model

    generator, _ = load_model(folder / "model.safetensors")
    save_model(tmp_path / "model.safetensors", generator, {"fingerprint": "0" * 64})
    with pytest.raises(InputError, match="was made with another model"):
        evaluate(
            folder / "rollout.h5",
            folder / "test.h5",
            tmp_path / "model.safetensors",
            EvaluateSettings(features="embedded"),
            folder / "weights",
            tmp_path / "metrics.json",
        )


def _again(folder, settings, monkeypatch) -> list:
    """Measure the rollout of `folder` again; returns the windows that were really measured."""
    real, measured = module.measure_window, []
    monkeypatch.setattr(module, "measure_window", lambda *arguments: (measured.append(arguments[0].name), real(*arguments))[1])
    evaluate(folder / "rollout.h5", folder / "test.h5", folder / "model.safetensors", settings, folder / "weights", folder / "metrics.json")
    return measured


def test_metrics_of_the_same_rollout_are_taken_over(run, tmp_path, monkeypatch):
    copy = tmp_path / "run"
    shutil.copytree(run[0], copy)
    first = {name: (copy / name).read_bytes() for name in ("metrics.json", "clips.csv", "features.h5")}
    for name in first:
        (copy / name).unlink()
    embedded = EvaluateSettings(features="embedded")
    assert _again(copy, embedded, monkeypatch) == []
    assert {name: (copy / name).read_bytes() for name in first} == first
    assert _again(copy, embedded.model_copy(update={"batch": 3}), monkeypatch) == []
    assert json.loads((copy / "metrics.json").read_text())["settings"]["batch"] == 3
    assert _again(copy, embedded.model_copy(update={"blur_sigma": 1.0}), monkeypatch) != []
    assert json.loads((copy / "metrics.json").read_text())["settings"]["blur_sigma"] == 1.0
    for name, damaged in ((".metrics.json.kept", "{"), (".features.h5.kept", "no HDF5")):
        (copy / name).unlink()
        (copy / name).write_text(damaged)
        assert _again(copy, embedded.model_copy(update={"blur_sigma": 1.0}), monkeypatch) != []


def test_a_summary_says_where_it_comes_from_also_where_its_metrics_are_taken_over(run, tmp_path, monkeypatch):
    copy = tmp_path / "run"
    shutil.copytree(run[0], copy)
    assert "provenance" not in run[1]
    arguments = copy / "rollout.h5", copy / "test.h5", copy / "model.safetensors", EvaluateSettings(features="embedded"), copy / "weights"
    monkeypatch.setattr(module, "provenance", lambda origin: {"dataset": origin})
    monkeypatch.setattr(module, "measure_window", lambda *_: pytest.fail("measured again"))
    summary = evaluate(*arguments, copy / "metrics.json", "mine")
    assert summary == run[1] | {"provenance": {"dataset": "mine"}} == json.loads((copy / "metrics.json").read_text())


def test_other_feature_networks_or_versions_are_measured_anew(run, tmp_path, monkeypatch):
    copy = tmp_path / "run"
    shutil.copytree(run[0], copy)
    embedded = EvaluateSettings(features="embedded")
    monkeypatch.setattr(module, "versions", lambda: {"torch": "0.0"})
    assert _again(copy, embedded, monkeypatch) != [] and _again(copy, embedded, monkeypatch) == []
    real = module.build_measures

    def without_perceptual(*arguments):
        measures, unavailable = real(*arguments)
        return measures[:1], unavailable | {"perceptual_efficientnet_lite0": "not there"}

    monkeypatch.setattr(module, "build_measures", without_perceptual)
    assert _again(copy, embedded, monkeypatch) != []


@pytest.mark.parametrize("room", [1, 0])
def test_where_the_memory_is_too_small_fewer_frames_at_once_give_the_same_metrics(run, tmp_path, monkeypatch, caplog, room):
    batches, real = [], windows.FrameBatch.of

    def small(frames, device):
        batches.append(len(frames))
        if len(frames) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB. And more")
        return real(frames, device)

    monkeypatch.setattr(windows.FrameBatch, "of", small)
    paths = [run[0] / name for name in ("rollout.h5", "test.h5", "model.safetensors")]
    again = functools.partial(evaluate, *paths, EvaluateSettings(features="embedded"), run[0] / "weights", tmp_path / "metrics.json")
    if not room:
        with pytest.raises(InputError, match=r"for a single frame \(CUDA out of memory\); set evaluate\.device: cpu"):
            again()
        assert not list(tmp_path.iterdir())
        return
    found = again()
    assert batches[:2] == [3, 1] and max(batches[2:]) == 1 and caplog.text.count("too small for 3 frames at once") == 1
    for name, wanted in run[1]["metrics"].items():
        assert found["metrics"][name] == {**wanted, "value": pytest.approx(wanted["value"], rel=1e-4)}, name


def test_frames_have_the_size_of_the_cache(run):
    _, summary = run
    assert summary["protocol"]["size"] == SIZE
