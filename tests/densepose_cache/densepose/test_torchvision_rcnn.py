"""The DensePose R-CNN on torchvision's operators: against figures of detectron2, and its parts against plain computations."""

import itertools
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from rcnn.make_rcnn_fixture import FRAME_SIZE, FRAMES, INPUT_SIZE, MODELS, PATH, PEOPLE, STEP, write_checkpoint
from rcnn.random_rcnn import checkpoint_shapes, random_checkpoint, random_frames
from torchvision.ops import nms, roi_align

from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backends.torchvision_rcnn import TorchvisionNetwork, load_rcnn
from densepose_cache.densepose.precision import precision
from densepose_cache.densepose.rcnn.backbone import FeaturePyramid
from densepose_cache.densepose.rcnn.decoder import Decoder
from densepose_cache.densepose.rcnn.folding import fold_frozen_norms
from densepose_cache.densepose.rcnn.pooling import pool_levels
from densepose_cache.densepose.rcnn.suppression import _suppress_in_turn, _suppress_together

V1, DEEPLAB = MODELS
CPU = torch.device("cpu")
NAMES = ("boxes", "scores", "coarse", "fine", "u", "v", "maps")


def charts_of(network: TorchvisionNetwork, found, frames: list[int], person: int):
    """Charts of one person of some of the frames."""
    boxes = np.stack([found.state.boxes[frame][person] for frame in frames])
    with torch.inference_mode(), precision(CPU, None):
        return [values.cpu() for values in network.model.charts(found.state.levels, frames, boxes)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def checkpoint(folder):
    return write_checkpoint(V1, folder)


@pytest.fixture(scope="module")
def network(checkpoint):
    return TorchvisionNetwork(V1, checkpoint, 0.7, INPUT_SIZE, CPU, None)


@pytest.fixture(scope="module")
def frames():
    return random_frames(FRAMES, FRAME_SIZE)


@pytest.fixture(scope="module")
def found(network, frames):
    """What `network` finds on the frames, in one batch."""
    return network.detect([network.prepare(frame) for frame in frames])


@pytest.fixture(scope="module")
def recorded():
    """By model: one list per frame of the arrays `NAMES`."""
    with np.load(PATH) as file:
        return {model: [[file[f"{model}/{number}/{name}"] for name in NAMES] for number in range(FRAMES)] for model in MODELS}


def check_recorded(network, found, wanted):
    """Boxes, scores, charts and maps equal those that detectron2 found, up to rounding, which the random network blows up."""
    for boxes, scores, frame in zip(found.boxes, found.scores, wanted, strict=True):
        assert boxes.dtype == scores.dtype == np.float32
        assert boxes.shape == frame[0].shape and scores.shape == frame[1].shape
        assert np.abs(boxes - frame[0]).max() < 0.01
        assert np.abs(scores - frame[1]).max() < 1e-3
    for person in range(PEOPLE):
        charts = charts_of(network, found, list(range(FRAMES)), person)
        maps = network.maps(found, [person] * FRAMES)
        for number, frame in enumerate(wanted):
            for values, expected in zip(charts, frame[2:6], strict=True):
                assert np.abs(values[number, :, ::STEP, ::STEP].numpy() - expected[person]).max() < 0.01
            check_map(maps[number], frame[6][person])


def check_map(found, wanted):
    """The same parts on 99.9 % of the pixels, and there U and V within 1."""
    same = found[..., 0] == wanted[..., 0]
    assert found.dtype == np.uint8 and found[..., 0].any()
    assert same.mean() >= 0.999
    assert np.abs(found.astype(int) - wanted)[same].max() <= 1


def test_equal_to_detectron2_as_recorded(network, found, recorded):
    check_recorded(network, found, recorded[V1])


def test_deeplab_with_confidences_equal_to_detectron2_as_recorded(folder, frames, recorded):
    network = TorchvisionNetwork(DEEPLAB, write_checkpoint(DEEPLAB, folder), 0.7, INPUT_SIZE, CPU, None)
    found = network.detect([network.prepare(frame) for frame in frames])
    check_recorded(network, found, recorded[DEEPLAB])


def test_frames_do_not_depend_on_their_batch(network, frames, found):
    alone = network.detect([network.prepare(frames[1])])
    assert np.allclose(alone.boxes[0], found.boxes[1], atol=0.01)
    assert np.allclose(alone.scores[0], found.scores[1], atol=1e-3)
    check_map(network.maps(alone, [0])[0], network.maps(found, [1, 0])[1])


def test_frames_without_a_choice(network, found):
    assert network.maps(found, [None, None]) == [None, None]
    first, second = network.maps(found, [None, 0])
    assert first is None and second.shape == (FRAME_SIZE, FRAME_SIZE, 3)


def test_nobody_is_good_enough(checkpoint, frames):
    network = TorchvisionNetwork(V1, checkpoint, 1.0, 64, CPU, None)
    found = network.detect([network.prepare(frame) for frame in frames])
    assert [boxes.shape for boxes in found.boxes] == [(0, 4)] * FRAMES
    assert [scores.shape for scores in found.scores] == [(0,)] * FRAMES
    assert network.maps(found, [None] * FRAMES) == [None] * FRAMES


def test_frames_are_prepared_as_pillow_resizes_them(network, frames):
    prepared = network.prepare(frames[0])
    wanted = np.asarray(Image.fromarray(frames[0]).resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BILINEAR))
    assert prepared.image.dtype == torch.uint8 and prepared[1:] == (FRAME_SIZE, FRAME_SIZE)
    assert np.array_equal(prepared.image.numpy(), wanted[..., ::-1])


def test_boxes_lie_within_the_frame_and_scores_fall(found):
    for boxes, scores in zip(found.boxes, found.scores, strict=True):
        assert boxes.min() >= 0 and boxes.max() <= FRAME_SIZE and (boxes[:, 2:] > boxes[:, :2]).all()
        assert (np.diff(scores) <= 0).all() and scores.min() > 0.7 and scores.max() <= 1


def check_close(found, others, charts, other_charts, bound: float):
    """Features and charts of two number formats, both on the boxes of the first: mean difference in standard deviations."""
    pairs = [*zip(found.state.levels, others.state.levels, strict=True), *zip(charts, other_charts, strict=True)]
    worst = max(float((one - other.float().cpu()).abs().mean() / one.std()) for one, other in pairs)
    assert worst < bound


def test_bfloat16_stays_close(checkpoint, frames):
    """Of a random network, whose layers blow rounding up; in float32 where it is about boxes, scores and charts."""
    exact, short = (TorchvisionNetwork(V1, checkpoint, 0.7, 64, CPU, dtype) for dtype in (None, torch.bfloat16))
    found, others = (network.detect([network.prepare(frames[0])]) for network in (exact, short))
    assert others.state.levels[0].dtype == torch.bfloat16
    box = [np.array([[10, 5, 40, 60]], np.float32)]
    found, others = (replace(one, state=one.state._replace(boxes=box)) for one in (found, others))
    charts, other_charts = charts_of(exact, found, [0], 0), charts_of(short, others, [0], 0)
    assert all(values.dtype == torch.float32 for values in other_charts)
    check_close(found, others, charts, other_charts, 0.15)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("dtype", "bound"), [(None, 0.001), (torch.bfloat16, 0.15), (torch.float16, 0.02)])
def test_a_gpu_finds_the_same(network, checkpoint, frames, found, dtype, bound):
    """Charts on the boxes of the CPU; in float32 the boxes, scores and maps, too."""
    device = torch.device("cuda")
    other = TorchvisionNetwork(V1, checkpoint, 0.7, INPUT_SIZE, device, dtype)
    others = other.detect([other.prepare(frame) for frame in frames])
    on_same = replace(others, state=others.state._replace(boxes=found.state.boxes))
    charts, other_charts = (charts_of(*pair, [0, 1], 0) for pair in ((network, found), (other, on_same)))
    check_close(found, others, charts, other_charts, bound)
    if dtype is None:
        for frame in range(FRAMES):
            assert others.boxes[frame].shape == found.boxes[frame].shape
            assert np.abs(others.boxes[frame] - found.boxes[frame]).max() < 0.01
            assert np.abs(others.scores[frame] - found.scores[frame]).max() < 1e-3
        for iuv, wanted in zip(other.maps(others, [0, 0]), network.maps(found, [0, 0]), strict=True):
            check_map(iuv, wanted)


class TestLoading:
    def test_folded_norms_compute_the_same(self):
        generator = torch.Generator().manual_seed(0)
        kernel, images = torch.randn(8, 4, 3, 3, generator=generator), torch.randn(2, 4, 9, 9, generator=generator)
        weight, bias, mean = torch.randn(3, 8, generator=generator)
        variance = torch.rand(8, generator=generator) + 0.1
        tensors = {"a.weight": kernel, "a.norm.weight": weight, "a.norm.bias": bias, "a.norm.running_mean": mean, "b.norm.weight": weight}
        folded = fold_frozen_norms(tensors | {"a.norm.running_var": variance})
        assert folded.keys() == {"a.weight", "a.bias", "b.norm.weight"}
        wanted = F.batch_norm(F.conv2d(images, kernel), mean, variance, weight, bias, training=False, eps=1e-5)
        assert torch.allclose(F.conv2d(images, folded["a.weight"], folded["a.bias"]), wanted, atol=1e-4)

    def test_every_published_model_has_its_layers(self):
        for depth, head, confidence in itertools.product((50, 101), ("", "_DL"), ("", "_WC1", "_WC2", "_WC1M", "_WC2M")):
            shapes = checkpoint_shapes(f"densepose_rcnn_R_{depth}_FPN{head}{confidence}_s1x")
            layers = {name.split(".")[2] for name in shapes if "densepose_predictor" in name}
            assert len(layers) == 4 + {"": 0, "_WC1": 1, "_WC2": 3, "_WC1M": 3, "_WC2M": 5}[confidence]
            assert any("ASPP" in name for name in shapes) == bool(head)
            assert ("backbone.bottom_up.res4.22.conv1.weight" in shapes) == (depth == 101)

    def test_what_older_checkpoints_hold_beside_is_passed_over(self, folder):
        parameters = random_checkpoint(V1)
        anchors = {f"proposal_generator.anchor_generator.cell_anchors.{level}": np.zeros((3, 4), np.float32) for level in range(5)}
        path = folder / "older.pkl"
        path.write_bytes(
            pickle.dumps({"model": parameters | anchors | {"pixel_mean": np.zeros((3, 1, 1)), "pixel_std": np.ones((3, 1, 1))}})
        )
        assert torch.equal(load_rcnn(V1, path).backbone.fpn_output2.weight, torch.from_numpy(parameters["backbone.fpn_output2.weight"]))

    @pytest.mark.parametrize(
        ("model", "pattern"),
        [
            ("densepose_rcnn_R_101_FPN_s1x", r"another model: .*res4\.6.* are missing or of another shape"),
            ("densepose_rcnn_R_50_FPN_DL_s1x", r"another model: .*ASPP.* are missing or of another shape"),
            ("densepose_rcnn_R_50_FPN_WC1_s1x", r"another model: 2 parameters, .*sigma_2_lowres.* are missing"),
            ("densepose_rcnn_R_50_FPN_WC2M_s1x", r"another model: .* are missing"),
        ],
    )
    def test_checkpoints_of_other_models(self, checkpoint, model, pattern):
        with pytest.raises(InputError, match=rf"{checkpoint.name}: is the checkpoint of {pattern}.*belong together"):
            load_rcnn(model, checkpoint)

    def test_parameters_without_a_place(self, folder):
        path = folder / "more.pkl"
        path.write_bytes(pickle.dumps({"model": random_checkpoint(V1) | {"roi_heads.mask_head.weight": np.zeros(3)}}))
        with pytest.raises(InputError, match=r"more\.pkl: .*no place for 1 of its parameters, roi_heads\.mask_head\.weight"):
            load_rcnn(V1, path)

    @pytest.mark.parametrize("model", ["densepose_rcnn_R_50_FPN", "densepose_rcnn_R_50_FPN_WC3_s1x", "small.yaml"])
    def test_unknown_models(self, checkpoint, model):
        with pytest.raises(InputError, match=rf"densepose\.model is '{model}'.*backend torchvision does not know"):
            load_rcnn(model, checkpoint)


class TestParts:
    def random_boxes(self, *shape, size=200.0, seed=0):
        generator = torch.Generator().manual_seed(seed)
        corners = torch.rand(*shape, 2, 2, generator=generator).sort(dim=-2).values * size
        return corners.flatten(-2)

    def test_pooling_equals_torchvisions_operator(self):
        generator = torch.Generator().manual_seed(0)
        levels = [torch.randn(2, 8, 640 // stride, 576 // stride, generator=generator) for stride in (4, 8, 16, 32)]
        boxes = self.random_boxes(2, 60, size=576.0)
        boxes[:, 0] = torch.tensor([0.0, 0, 576, 640])
        boxes[:, 1] = torch.tensor([575.0, 639, 576, 640])
        boxes[:, 2] = torch.tensor([3.0, 3, 3.5, 3.5])
        boxes[:, 3:30] *= 0.2
        found = pool_levels(levels, boxes, 7).view(2, 60, 49, 8)
        sides = (boxes[..., 2:] - boxes[..., :2]).prod(dim=-1).sqrt()
        number = (4 + torch.log2(sides / 224 + 1e-8)).floor().clamp(2, 5).long()
        assert set(number.flatten().tolist()) == {2, 3, 4, 5}
        for frame, box in itertools.product(range(2), range(60)):
            level = int(number[frame, box]) - 2
            rois = [boxes[frame, box : box + 1]]
            wanted = roi_align(levels[level][frame : frame + 1], rois, 7, 1 / (4 << level), sampling_ratio=2, aligned=False)
            assert torch.allclose(found[frame, box], wanted[0].flatten(1).T, atol=1e-5)

    @pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
    def test_both_ways_to_suppress_equal_torchvisions_operator(self, threshold):
        boxes = self.random_boxes(6, 300, size=100.0, seed=1)
        boxes[0, 1::2] = boxes[0, ::2]
        boxes[1, 50:60, 2:] = boxes[1, 50:60, :2]
        valid = torch.rand(6, 300, generator=torch.Generator().manual_seed(2)) > 0.2
        valid[2] = False
        wanted = torch.zeros_like(valid)
        for group in range(6):
            index = valid[group].nonzero()[:, 0]
            wanted[group, index[nms(boxes[group, index], -index.float(), threshold)]] = True
        assert 100 < wanted.sum() < valid.sum()
        assert torch.equal(_suppress_in_turn(boxes, valid, threshold), wanted)
        assert torch.equal(_suppress_together(boxes, valid, threshold), wanted)

    def test_windows_of_the_decoder_equal_the_whole_map(self):
        torch.manual_seed(0)
        decoder = Decoder()
        levels = [torch.randn(3, 256, 320 // stride, 384 // stride) for stride in (4, 8, 16, 32)]
        boxes = np.array([[150, 170, 160, 180], [0, 0, 40, 130], [380, 250, 384, 320], [120, 60, 250, 200]], np.float32)
        frames = [0, 1, 2, 2]
        with torch.inference_mode():
            features = [decoder.get_submodule(f"p{number + 2}")(level) for number, level in enumerate(levels)]
            whole = decoder.predictor(sum(features))
            windows, origins = decoder(levels, frames, boxes)
        assert windows.shape[2] < 80 and windows.shape[3] < 96
        for window, (left, top), frame, box in zip(windows, origins, frames, boxes, strict=True):
            part = whole[frame, :, top : top + window.shape[1], left : left + window.shape[2]]
            assert torch.allclose(window, part, atol=1e-4)
            inside = np.concatenate([np.floor(box[:2] / 4), np.minimum(np.floor(box[2:] / 4) + 2, [96, 80])]) - np.tile([left, top], 2)
            assert inside.min() >= 0 and inside[2] <= window.shape[2] and inside[3] <= window.shape[1]

    def test_levels_of_the_pyramid(self):
        with torch.device("meta"):
            levels = FeaturePyramid(50)(torch.zeros(1, 3, 96, 160))
        assert [tuple(level.shape[1:]) for level in levels] == [(256, 24, 40), (256, 12, 20), (256, 6, 10), (256, 3, 5), (256, 2, 3)]
