import pytest
import torch

from dwnet.config import VARIANTS, ModelSettings, variant_model
from dwnet.model.discriminator import MultiscaleDiscriminator
from dwnet.model.generator import Generator
from dwnet.model.prepared import Prepared
from dwnet.model.warping import downsample_grid, grid_from_index

SMALL = ModelSettings(ngf=4, blocks=1, refine_blocks=1)


def _inputs(height=64, width=64, batch=2):
    random = torch.Generator().manual_seed(0)
    images = torch.rand(3, batch, 3, height, width, generator=random) * 2 - 1
    index = torch.randint(0, height * width, (2, batch, height, width), generator=random)
    return *images, *(grid_from_index(part, height, width) for part in index)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 64), (100, 100), (128, 96), (36, 132)])
def test_shapes_follow_the_frame(variant, height, width):
    generator = Generator(variant_model(SMALL, variant))
    result = generator(*_inputs(height, width))
    assert result.frame.shape == (2, 3, height, width) and result.frame.abs().max() <= 1
    if generator.settings.coarse_warp:
        assert result.source_grid.shape == result.previous_grid.shape == (2, height // 4, width // 4, 2)
    else:
        assert result.source_grid is None and result.previous_grid is None


def test_axes_are_not_mixed_up():
    """A network whose kernels are symmetric gives the transposed frame for transposed inputs, grids with x and y exchanged."""
    torch.manual_seed(0)
    generator = Generator(SMALL.model_copy(update={"visibility": True, "iuv_input": "one_hot"}))
    torch.nn.init.normal_(generator.refine.last.weight)
    generator.refine.last.weight.data[1] = generator.refine.last.weight.data[0]
    first = generator.refine.encoder.first.weight.data
    first[:, 31] = first[:, 30]  # both shifts alike: channels 27..29 are colours, 30 and 31 the shift, 32 the mask
    for weight in generator.parameters():
        if weight.ndim == 4:
            weight.data = (weight.data + weight.data.transpose(2, 3)) / 2
    generator.double()
    iuv, source, previous, *grids = (part.double() for part in _inputs(48, 80))
    masks = [torch.rand(2, 48, 80, generator=torch.Generator().manual_seed(seed)) < 0.5 for seed in (1, 2)]
    tall = generator(iuv, source, previous, *grids, Prepared(None, None, None, *masks))
    turned = [part.transpose(2, 3) for part in (iuv, source, previous)] + [grid.transpose(1, 2).flip(-1) for grid in grids]
    wide = generator(*turned, Prepared(None, None, None, *(mask.transpose(1, 2) for mask in masks)))
    torch.testing.assert_close(tall.frame.transpose(2, 3), wide.frame, rtol=0, atol=1e-9)
    torch.testing.assert_close(tall.source_grid.transpose(1, 2).flip(-1), wide.source_grid, rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (100, 100), (128, 96), (36, 132)])
def test_the_discriminator_judges_frames_of_any_size(size):
    for scales in (1, 4):
        discriminator = MultiscaleDiscriminator(ModelSettings(ndf=4, critic_scales=scales, critic_layers=5))
        found = discriminator(torch.zeros(2, 3, *size), torch.zeros(2, 3, *size))
        assert len(found) == scales and all(scale[-1].shape[1] == 1 for scale in found)
        first = found[-1][0]
        assert first.shape[2:] == (size[0] // 2 + 1, size[1] // 2 + 1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_an_ablation_leaves_out_changes_nothing(variant):
    settings = variant_model(SMALL, variant)
    generator = Generator(settings)
    iuv, source, previous, source_grid, previous_grid = _inputs()
    frame = generator(iuv, source, previous, source_grid, previous_grid).frame
    other_previous = generator(iuv, source, -previous, source_grid, previous_grid).frame
    other_grid = generator(iuv, source, previous, source_grid.flip(1), previous_grid.flip(1)).frame
    assert torch.equal(frame, other_previous) == (not settings.previous)
    assert torch.equal(frame, other_grid) == (not settings.coarse_warp)
    assert (generator.refine is None) == (not settings.refine)


def test_without_coarse_warp_no_grid_is_needed():
    generator = Generator(variant_model(SMALL, "no_prev_no_refine_no_warp"))
    iuv, source, previous, *_ = _inputs()
    assert generator(iuv, source, previous, None, None).frame.shape == source.shape


def test_refinement_starts_at_zero_and_learns():
    generator = Generator(SMALL)
    inputs = _inputs()
    result = generator(*inputs)
    torch.testing.assert_close(result.source_grid, downsample_grid(inputs[3], 16, 16))
    result.frame.square().mean().backward()
    assert generator.refine.last.weight.grad.abs().sum() > 0


def test_an_image_is_treated_apart_from_its_batch():
    generator = Generator(SMALL)
    inputs = _inputs()
    whole, alone = generator(*inputs).frame, generator(*(part[1:] for part in inputs)).frame
    torch.testing.assert_close(whole[1:], alone, rtol=0, atol=1e-5)


def test_weights_start_small():
    torch.manual_seed(0)
    for module in (Generator(ModelSettings(ngf=16)), MultiscaleDiscriminator(ModelSettings(ndf=16))):
        for name, weight in module.state_dict().items():
            if weight.ndim == 4 and weight.numel() > 2000:
                assert float(weight.mean().abs()) < 0.002 and 0.018 < float(weight.std()) < 0.022, name


def test_channels_last_gives_the_same_frame():
    generator = Generator(SMALL)
    inputs = _inputs()
    plain = generator(*inputs).frame
    generator = generator.to(memory_format=torch.channels_last)
    other = generator(*(part.to(memory_format=torch.channels_last) if part.shape[1] == 3 else part for part in inputs)).frame
    torch.testing.assert_close(plain, other, rtol=0, atol=1e-4)


def _mask(size=64, batch=2):
    return torch.rand(batch, size, size, generator=torch.Generator().manual_seed(1)) < 0.5


def test_the_mask_moves_the_refined_grids_each_its_own():
    generator = Generator(SMALL.model_copy(update={"visibility": True}))
    torch.nn.init.normal_(generator.refine.last.weight)
    inputs, mask = _inputs(), _mask()
    base = generator(*inputs, Prepared(source_visible=mask, previous_visible=mask))
    other = generator(*inputs, Prepared(source_visible=~mask, previous_visible=mask))
    assert (base.source_grid != other.source_grid).any() and torch.equal(base.previous_grid, other.previous_grid)
    other = generator(*inputs, Prepared(source_visible=mask, previous_visible=~mask))
    assert torch.equal(base.source_grid, other.source_grid) and (base.previous_grid != other.previous_grid).any()


def test_missing_masks_are_named():
    generator = Generator(SMALL.model_copy(update={"visibility": True}))
    with pytest.raises(ValueError, match="source_visible and previous_visible"):
        generator(*_inputs(), Prepared(source_visible=_mask()))


def test_without_the_option_masks_are_not_looked_at():
    generator = Generator(SMALL)
    mask = _mask()
    assert torch.equal(generator(*_inputs()).frame, generator(*_inputs(), Prepared(source_visible=mask, previous_visible=mask)).frame)


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_of_a_model_with_all_options(variant):
    settings = variant_model(SMALL.model_copy(update={"visibility": True, "iuv_input": "one_hot"}), variant)
    assert ModelSettings.model_validate(settings.model_dump()) == settings and settings.visibility == settings.refine
    prepared = Prepared(source_visible=_mask(), previous_visible=_mask()) if settings.visibility else None
    assert Generator(settings)(*_inputs(), prepared).frame.shape == (2, 3, 64, 64)


def test_full_size_has_the_papers_number_of_weights():
    count = sum(parameter.numel() for parameter in Generator(ModelSettings()).parameters())
    assert round(count / 1e6, 1) == 14.7
    count = sum(parameter.numel() for parameter in MultiscaleDiscriminator(ModelSettings()).parameters())
    assert round(count / 1e6, 1) == 5.5
