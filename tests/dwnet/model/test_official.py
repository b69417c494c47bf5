import pytest
import torch

from densepose_cache.core.errors import InputError
from dwnet.config import ModelSettings
from dwnet.model.discriminator import MultiscaleDiscriminator
from dwnet.model.generator import Generator
from dwnet.model.official import state_dict

TOLERANCE = 1e-4


@pytest.fixture(params=["fashion_ngf8", "taichi_ngf8_border"])
def frames(request, reference):
    return reference(request.param)


def _inputs(frames):
    grids = frames.tensor("coarse_source"), frames.tensor("coarse_prev")
    return frames.iuv("driving_iuv_rgb_order"), frames.image("source_rgb"), frames.image("prev_rgb"), *grids


def _error(found, expected) -> float:
    return float((found - expected).abs().max())


@torch.inference_mode()
def test_generator_reproduces_the_official_frames_and_grids(frames):
    generator = state_dict.load_generator(frames.weights, padding_mode=str(frames["grid_padding"]))
    driving, source, previous, source_grid, previous_grid = _inputs(frames)
    result = generator(driving, source, previous, source_grid, previous_grid)
    first = generator(driving, source, source, source_grid, source_grid)
    errors = {
        "frame": _error(result.frame, frames.tensor("output")),
        "first frame": _error(first.frame, frames.tensor("output_first_frame")),
        "source grid": _error(result.source_grid, frames.tensor("refined_source")),
        "previous grid": _error(result.previous_grid, frames.tensor("refined_prev")),
    }
    print(errors)
    assert max(errors.values()) <= TOLERANCE, errors


@torch.inference_mode()
def test_a_first_frame_does_not_depend_on_whether_its_inputs_are_the_same_objects(frames):
    generator = state_dict.load_generator(frames.weights, padding_mode=str(frames["grid_padding"]))
    driving, source, _, grid, _ = _inputs(frames)
    once = generator(driving, source, source, grid, grid)
    twice = generator(driving, source, source.clone(), grid, grid.clone(), generator.prepare(source))
    torch.testing.assert_close(once, twice, rtol=0, atol=1e-6)


def _random_official(settings: ModelSettings) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return state_dict.export_generator(Generator(settings))


@pytest.mark.parametrize("settings", [ModelSettings(ngf=4, blocks=2, refine_blocks=1), ModelSettings(ngf=8, blocks=0, refine_blocks=3)])
def test_generator_weights_survive_the_way_in_and_out(settings):
    state = _random_official(settings)
    generator = state_dict.load_generator(state)
    assert generator.settings == settings and not generator.training
    again = state_dict.export_generator(generator)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)


def test_reference_weights_survive_the_way_in_and_out(frames):
    state = frames.weights
    again = state_dict.export_generator(state_dict.load_generator(state))
    assert again.keys() == state.keys() and all(torch.equal(again[name], state[name]) for name in state)


def test_discriminator_weights_survive_the_way_in_and_out():
    settings = ModelSettings(ndf=4, critic_scales=3, critic_layers=2)
    state = state_dict.export_discriminator(MultiscaleDiscriminator(settings))
    discriminator = state_dict.load_discriminator({f"module.{name}": value for name, value in state.items()})
    assert (discriminator.settings.ndf, discriminator.settings.critic_scales, discriminator.settings.critic_layers) == (4, 3, 2)
    again = state_dict.export_discriminator(discriminator)
    assert again.keys() == state.keys() and all(torch.equal(again[name], state[name]) for name in state)


def test_ablations_leave_the_refine_branch_out():
    state = _random_official(ModelSettings(ngf=4, blocks=1))
    assert state_dict.load_generator(state, refine=False).refine is None
    unwarped = state_dict.load_generator(state, coarse_warp=False)
    assert unwarped.refine is None and not unwarped.settings.coarse_warp


@pytest.mark.parametrize("load", [state_dict.load_generator, state_dict.load_discriminator])
def test_other_weights_are_refused(load):
    with pytest.raises(InputError, match="no weights of an official DwNet"):
        load({"conv.weight": torch.zeros(3)})


def test_a_missing_layer_is_named():
    state = _random_official(ModelSettings(ngf=4, blocks=1))
    del state["down_pair.bias"]
    with pytest.raises(InputError, match=r"merge\.bias"):
        state_dict.load_generator(state)
    with pytest.raises(InputError, match=r"extra\.weight"):
        state_dict.load_generator(_random_official(ModelSettings(ngf=4, blocks=1)) | {"extra.weight": torch.zeros(1)})
