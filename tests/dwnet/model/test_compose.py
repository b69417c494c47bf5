"""The generator that copies: what it blends, what it looks at, what it costs."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from people import draw
from tiny_model import MODELS, changed, save_tiny_model, tiny_generator
from torch.utils.flop_counter import FlopCounterMode

from densepose_cache.iuv import PARTS
from densepose_cache.warp.surface import surface_table
from dwnet.config import VARIANTS, ModelSettings, variant_model
from dwnet.inference.driving import FreeDriving
from dwnet.inference.network_inputs import FilledInputs, network_input
from dwnet.inference.rollout import generate_frames
from dwnet.model.build import build_generator
from dwnet.model.checkpoint import load_model
from dwnet.model.compose import CORRECTIONS, FOLD, INPUTS, PICTURES, STEP
from dwnet.model.iuv_input import parts
from dwnet.model.prepared import Prepared
from dwnet.model.shipping import export
from dwnet.model.warping import grid_from_index, warp
from dwnet.training.data import scaled

CPU = torch.device("cpu")
DRAWN = 3 * FOLD * FOLD
"""Outputs of the head that are colours; masks and corrections follow."""


def learned(model: ModelSettings = MODELS["compose"]):
    """A network whose head is not zero: it corrects, blends and draws as it likes."""
    torch.manual_seed(0)
    network = build_generator(model).eval()
    torch.nn.init.normal_(network.trunk.head.weight, std=0.1)
    torch.nn.init.normal_(network.trunk.head.bias, std=0.3)
    return network


def inputs(height: int = 64, width: int = 64, batch: int = 2, blurred: bool = False) -> tuple[list[torch.Tensor], Prepared]:
    """Five arguments and what goes with them, all noise; with `blurred` pictures have no edges that a warp could fall off."""
    random = torch.Generator().manual_seed(0)
    source, previous, plate = torch.rand(3, batch, 3, height, width, generator=random) * 2 - 1
    if blurred:
        source, previous, plate = (torch.nn.functional.avg_pool2d(image, 9, 1, 4) for image in (source, previous, plate))
    iuv = torch.randint(0, 256, (2, batch, height, width, 3), generator=random, dtype=torch.uint8)
    iuv[..., 0] = (iuv[..., 0] % 49).clamp(min=24) - 24
    index = torch.randint(0, height * width, (3, batch, height, width), generator=random)
    masks = torch.rand(2, batch, height, width, generator=random) < 0.5
    distances = torch.rand(3, batch, height, width, generator=random) * 2.6
    edge = torch.rand(batch, height, width, generator=random) * (iuv[0, ..., 0] == 0)
    driving, source_iuv = scaled(iuv)
    *grids, smooth = (grid_from_index(part, height, width) for part in index)
    prepared = Prepared(None, plate, source_iuv, *masks, *distances[:2], smooth, distances[2], edge)
    return [driving, source, previous, *grids], prepared


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("height", "width"), [(36, 36), (132, 132), (36, 132), (132, 36)])
def test_frames_and_grids_are_as_large_as_what_is_given(variant, height, width):
    network = learned(variant_model(MODELS["compose"], variant))
    given, prepared = inputs(height, width)
    for result in (network(*given, prepared), network(*given)):
        assert result.frame.shape == (2, 3, height, width) and result.frame.dtype == torch.float32
        assert result.frame.abs().max() <= 1 + 1e-6
        if network.settings.coarse_warp:
            assert result.source_grid.shape == result.previous_grid.shape == (2, height, width, 2)
        else:
            assert result.source_grid is None and result.previous_grid is None


@torch.no_grad()
def test_a_frame_is_the_sum_of_its_pictures_each_times_its_mask():
    network, (given, prepared) = learned(), inputs(36, 36)
    blend, result = network.blend(*given, prepared), network(*given, prepared)
    torch.testing.assert_close(blend.masks.sum(1), torch.ones(2, 36, 36))
    torch.testing.assert_close((torch.stack(blend.pictures, 1) * blend.masks[:, :, None]).sum(1), result.frame)
    assert len(blend.pictures) == PICTURES and all(map(torch.equal, blend.grids, (result.source_grid, result.previous_grid)))


@torch.no_grad()
def test_large_frames_come_out_whole():
    given, prepared = inputs(512, 512, batch=1)
    result = learned()(*given, prepared)
    assert result.frame.shape == (1, 3, 512, 512) and result.source_grid.shape == (1, 512, 512, 2)
    assert all(part.isfinite().all() for part in result)


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(36, 36), (36, 44), (48, 36)])
def test_a_frame_is_the_corner_of_one_that_goes_on_as_it_ends(height, width):
    """Sides that are no multiple of 16 are padded inside; nothing of the padding is seen."""
    network = learned(changed("compose", refine=False))
    given, prepared = inputs(48, 48)
    corner = np.s_[..., :height, :width]
    rows, columns = (np.minimum(np.arange(48), side - 1) for side in (height, width))
    index = torch.randint(0, height * width, (3, 2, height, width), generator=torch.Generator().manual_seed(5))
    wide = index[..., rows, :][..., columns]
    *large, large_smooth = (grid_from_index(part, 48, 48) for part in wide // width * 48 + wide % width)
    *small, small_smooth = (grid_from_index(part, height, width) for part in index)
    whole = [image[..., rows, :][..., columns] for image in given[:3]] + large
    part = [image[corner] for image in given[:3]] + small
    plain = prepared._replace(smooth_grid=None)
    more = Prepared(*(value if value is None else value[..., rows, :][..., columns] for value in plain)).at(smooth_grid=large_smooth)
    cut = Prepared(*(value if value is None else value[corner] for value in plain)).at(smooth_grid=small_smooth)
    torch.testing.assert_close(network(*part, cut).frame, network(*whole, more).frame[corner], rtol=0, atol=1e-4)


def test_an_untrained_network_gives_the_source_at_its_smooth_grid_and_the_plate():
    """On the body what the smooth grid shows, whether the part is matched or not; the plate where the person stood; elsewhere the source as
    it is.
    """
    network = build_generator(MODELS["compose"]).eval()
    (image, source_iuv), (_, driving_iuv) = draw(0, 0), draw(0, 6)
    image = image ^ np.random.default_rng(0).integers(0, 32, image.shape, np.uint8)
    for rows, part in ((slice(40, 44), 24), (slice(46, 50), 1)):
        driving_iuv[rows][driving_iuv[rows, :, 0] == 2, 0] = part
    source_iuv[source_iuv.shape[0] // 3, source_iuv.shape[1] // 4, 0] = 1  # of part 1 the source shows a sliver, of part 24 nothing
    driving = FreeDriving(image, source_iuv, driving_iuv[None], "lattice")
    given = FilledInputs([driving], False, CPU)
    plates, maps = given.of_source()
    iuv, grids, frame = given.of_frame(0, 1)
    source = network_input([image], CPU)
    with torch.no_grad():
        result = network(iuv, source, source, *grids, network.prepare(source, plates, maps).at(**frame))
    assert torch.equal(result.source_grid, grids[0]) and torch.equal(result.previous_grid, grids[1])
    body, stood = (torch.from_numpy(part[..., 0] > 0) for part in (driving_iuv, source_iuv))
    smooth = warp(source, frame["smooth_grid"], network.settings.padding_mode)
    assert (smooth != warp(source, grids[0], network.settings.padding_mode))[0].any(0)[body].float().mean() > 0.5
    filled, edge = body & ~frame["source_visible"][0], frame["edge"][0] > 0
    wanted = torch.where(body, smooth, torch.where(stood, plates, source))
    ground = {"uncovered": stood & ~body & ~edge, "seen": ~stood & ~body & ~edge, "edge": edge}
    zones = {"matched": body & ~filled, "filled": filled, **ground}
    assert all(zone.any() for zone in zones.values())
    off = (result.frame - wanted).abs().amax(1)[0]
    for name, zone in zones.items():
        assert off[zone].max() < 0.12 and off[zone].mean() < 0.03, name


@torch.no_grad()
def test_one_colour_everywhere_comes_out_as_it_is():
    """The masks are shares of a whole, whatever they are."""
    network, (given, prepared) = learned(), inputs()
    network.trunk.head.weight[:DRAWN] = 0
    colours = torch.tensor([-0.6, 0.1, 0.8])
    network.trunk.head.bias[:DRAWN] = torch.atanh(colours).repeat_interleave(FOLD * FOLD)
    image = colours.view(1, 3, 1, 1).expand(2, 3, 64, 64)
    result = network(given[0], image, image, *given[3:], prepared._replace(plate=image))
    torch.testing.assert_close(result.frame, image, rtol=0, atol=1e-5)
    assert (result.source_grid != given[3]).any(), "though grids are corrected"


@torch.no_grad()
@pytest.mark.parametrize("picture", range(PICTURES))
def test_a_mask_that_is_sure_shows_its_picture_alone(picture):
    network, (given, prepared) = learned(changed("compose", refine=False)), inputs()
    network.trunk.head.bias[DRAWN + picture] = 1000.0
    flat = [torch.full((2, 3, 64, 64), value) for value in (-0.9, -0.3, 0.3)]
    network.trunk.head.weight[:DRAWN], network.trunk.head.bias[:DRAWN] = 0, math.atanh(0.9)
    driving, _, _, *grids = given
    frame = network(driving, flat[0], flat[1], *grids, prepared._replace(plate=flat[2])).frame
    wanted = (-0.9, -0.3, 0.3, -0.9, 0.9)[picture]
    torch.testing.assert_close(frame, torch.full_like(frame, wanted), rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("coarse_warp", [True, False])
def test_the_fourth_picture_is_the_source_at_its_smooth_grid(coarse_warp):
    """At its source grid without such a grid, in its place without any."""
    network, (given, prepared) = learned(changed("compose", coarse_warp=coarse_warp, refine=False)), inputs()
    network.trunk.head.bias[DRAWN + 3] = 1000.0
    mode, source = network.settings.padding_mode, given[1]
    smooth, exact = warp(source, prepared.smooth_grid, mode), warp(source, given[3], mode)
    assert (smooth != source).any() and (smooth != exact).any()
    for kept, wanted in ((prepared, smooth), (prepared._replace(smooth_grid=None), exact)):
        torch.testing.assert_close(network(*given, kept).frame, wanted if coarse_warp else source, rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("refine", [True, False])
def test_the_smooth_grid_has_a_correction_of_its_own_on_the_body(refine):
    network, (given, prepared) = build_generator(changed("compose", refine=refine)).eval(), inputs()
    way = torch.tensor([0.5, -0.25])
    network.trunk.head.bias[DRAWN + 3] = 1000.0
    network.trunk.head.bias[-2:] = way
    body = parts(given[0]) > 0
    grid = prepared.smooth_grid + refine * STEP * way * body[..., None]
    result = network(*given, prepared)
    torch.testing.assert_close(result.frame, warp(given[1], grid, network.settings.padding_mode), rtol=0, atol=1e-4)
    assert torch.equal(result.source_grid, given[3]) and torch.equal(result.previous_grid, given[4])


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_an_ablation_leaves_out_changes_nothing(variant):
    network = learned(variant_model(MODELS["compose"], variant))
    settings, (given, prepared) = network.settings, inputs()
    driving, source, previous, *grids = given
    result = network(*given, prepared)
    others = {
        "previous": network(driving, source, -previous, *grids, prepared),
        "previous_grid": network(driving, source, previous, grids[0], grids[1].flip(1), prepared),
        "previous_visible": network(*given, prepared._replace(previous_visible=~prepared.previous_visible)),
        "previous_distance": network(*given, prepared._replace(previous_distance=prepared.previous_distance.flip(1))),
        "source_grid": network(driving, source, previous, grids[0].flip(1), grids[1], prepared),
        "smooth_grid": network(*given, prepared._replace(smooth_grid=prepared.smooth_grid.flip(1))),
        "smooth_distance": network(*given, prepared._replace(smooth_distance=prepared.smooth_distance.flip(1))),
    }
    same = {name: torch.equal(other.frame, result.frame) for name, other in others.items()}
    without = not settings.previous
    assert same == {
        "previous": without,
        "previous_grid": without or not settings.coarse_warp,
        "previous_visible": without,
        "previous_distance": without,
        "source_grid": not settings.coarse_warp,
        "smooth_grid": not settings.coarse_warp,
        "smooth_distance": False,
    }
    if not settings.coarse_warp:
        assert (result.source_grid, result.previous_grid) == (None, None)
        assert torch.equal(network(driving, source, previous, None, None, prepared).frame, result.frame)
    else:
        assert torch.equal(result.source_grid, grids[0]) == (not settings.refine)
        if settings.previous and not settings.refine:
            assert torch.equal(result.previous_grid, grids[1])


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in Prepared._fields if name != "features"])
def test_all_that_is_prepared_is_looked_at(name):
    network, (given, prepared) = learned(), inputs()
    value = getattr(prepared, name)
    other = ~value if value.dtype == torch.bool else value.flip(-1)
    assert (network(*given, prepared).frame != network(*given, prepared._replace(**{name: other})).frame).any()


@torch.no_grad()
def test_what_is_not_prepared_is_taken_for_matched_and_for_background():
    """The smooth grid for the source grid, and its distance for the source grid's."""
    network, (given, prepared) = learned(), inputs()
    plain, whole = torch.ones(2, 64, 64, dtype=torch.bool), torch.zeros(2, 64, 64)
    said = Prepared(
        None, given[1], scaled(torch.zeros(2, 64, 64, 3, dtype=torch.uint8)), plain, plain, whole, whole, given[3], whole, whole
    )
    torch.testing.assert_close(network(*given).frame, network(*given, said).frame, rtol=0, atol=1e-4)
    one, other = (prepared._replace(smooth_distance=distance) for distance in (None, prepared.source_distance))
    assert torch.equal(network(*given, one).frame, network(*given, other).frame)


def test_every_weight_learns_once_the_head_has_moved():
    torch.manual_seed(0)
    network, (given, prepared) = build_generator(MODELS["compose"]), inputs()
    sgd = torch.optim.SGD(network.parameters(), lr=1.0)
    still = []
    for _ in range(2):
        sgd.zero_grad()
        network(*given, prepared).frame.square().mean().backward()
        still.append([name for name, weight in network.named_parameters() if not weight.grad.abs().sum() > 0])
        sgd.step()
    assert still[1] == [] and not any(name.startswith("trunk.head") for name in still[0])
    head = network.trunk.head.weight.grad.abs().sum((1, 2, 3))
    assert (head > 0).all(), "colours, masks and corrections"


def turned(network):
    """The network whose frames are those of `network`, transposed, for transposed inputs."""
    other = copy.deepcopy(network)
    fold = [0, 2, 1, 3]
    with torch.no_grad():
        for weight in other.parameters():
            if weight.ndim == 4:
                weight.copy_(weight.transpose(2, 3).clone())
        stem, head = other.trunk.stem, other.trunk.head
        order = [4 * channel + k for channel in range(stem.weight.shape[1] // 4) for k in fold]
        stem.weight.copy_(stem.weight[:, order])
        order = [4 * channel + k for channel in range(3) for k in fold] + list(range(DRAWN, DRAWN + PICTURES))
        order += [DRAWN + PICTURES + k for k in (1, 0, 3, 2, 5, 4)]
        head.weight.copy_(head.weight[order])
        head.bias.copy_(head.bias[order])
    return other


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(48, 80), (36, 52)])
def test_axes_are_not_mixed_up(height, width):
    network, (given, prepared) = learned(changed("compose", padding_mode="border")), inputs(height, width, blurred=True)
    tall = network(*given, prepared)
    flat = [image.transpose(2, 3) for image in given[:3]] + [grid.transpose(1, 2).flip(-1) for grid in given[3:]]
    smooth = prepared.smooth_grid.transpose(1, 2).flip(-1)
    rest = prepared._replace(smooth_grid=None)
    turned_rest = Prepared(*(value if value is None else value.transpose(-1, -2) for value in rest))
    wide = turned(network)(*flat, turned_rest.at(smooth_grid=smooth))
    torch.testing.assert_close(tall.frame.transpose(2, 3), wide.frame, rtol=0, atol=1e-4)
    torch.testing.assert_close(tall.source_grid.transpose(1, 2).flip(-1), wide.source_grid, rtol=0, atol=1e-5)
    torch.testing.assert_close(tall.previous_grid.transpose(1, 2).flip(-1), wide.previous_grid, rtol=0, atol=1e-5)


@torch.no_grad()
def test_an_image_is_treated_apart_from_its_batch():
    network, (given, prepared) = learned(), inputs(36, 64)
    whole = network(*given, prepared)
    alone = network(*(part[1:] for part in given), Prepared(*(value if value is None else value[1:] for value in prepared)))
    torch.testing.assert_close(whole.frame[1:], alone.frame, rtol=0, atol=1e-5)
    torch.testing.assert_close(whole.source_grid[1:], alone.source_grid, rtol=0, atol=1e-6)
    first = network(*(part[:1] for part in given), prepared.first(1))
    torch.testing.assert_close(whole.frame[:1], first.frame, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_every_part_and_every_byte_of_u_and_v_finds_its_place_on_the_body(kind):
    network = build_generator(MODELS["compose"])
    part, u, v = torch.meshgrid(torch.arange(PARTS + 1), torch.arange(256), torch.arange(256), indexing="ij")
    iuv = scaled(torch.stack((part, u, v), -1).to(torch.uint8)).to(kind)
    found = network._places(iuv, part.float())
    wanted = torch.from_numpy(surface_table())[part, u // 4, v // 4].permute(0, 3, 1, 2)
    assert torch.equal(found, wanted) and not found[0].any()


def test_the_table_of_the_body_is_no_weight():
    """It ships with the package, and is not written into every model."""
    network = build_generator(MODELS["compose"])
    assert "surface" not in network.state_dict() and all(name.startswith("trunk.") for name in network.state_dict())


@torch.no_grad()
def test_full_size_has_so_many_weights_and_takes_so_many_operations():
    network = build_generator(ModelSettings(generator="compose"))
    count = sum(parameter.numel() for parameter in network.parameters())
    assert network.settings.width == 32 and round(count / 1e6, 2) == 1.67
    assert (INPUTS, network.trunk.head.out_channels) == (25, DRAWN + PICTURES + 2 * CORRECTIONS) == (25, 23)
    given, prepared = inputs(256, 256, batch=1)
    with FlopCounterMode(display=False) as counter:
        network(*given, prepared)
    assert round(counter.get_total_flops() / 1e9, 1) == 5.5


def test_a_model_exported_in_half_precision_gives_nearly_the_same_frames(tmp_path):
    run = save_tiny_model(tmp_path / "run" / "model.safetensors", "compose")
    out = export(run.parent, tmp_path / "shipped", "make it", "tried once")
    loaded, facts = load_model(out)
    original = tiny_generator("compose")
    weights, wanted = loaded.state_dict(), original.state_dict()
    assert weights.keys() == wanted.keys() and out.stat().st_size < 0.7 * run.stat().st_size
    assert all(torch.equal(weights[name], value.half().float()) for name, value in wanted.items())
    (image, source_iuv), maps = draw(0, 0), np.stack([draw(1, number)[1] for number in range(3)])
    driving = FreeDriving(image, source_iuv, maps, "lattice")
    frames = [np.stack(list(generate_frames(network, [driving], [3], CPU))).astype(int) for network in (loaded, original)]
    assert np.abs(frames[0] - frames[1]).max() <= 1
    record = json.loads((tmp_path / "shipped" / "record.json").read_text())
    assert (record["command"], record["history"], record["model"]) == ("make it", "tried once", facts["model"])
    assert record["fingerprint"] == facts["fingerprint"] == "f" * 64 and record["licence"] == facts["licence"]
    assert record["parameters"] == sum(value.numel() for value in original.parameters())
