"""Weights of the official DwNet code, in and out.

Official layer names are paired with ours. The official IUV images are in (V, U, I) order, ours in (I, U, V), so the first three input
channels of the layers that see an IUV map are reversed here, once, and nowhere else.
"""

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from densepose_cache.core.errors import InputError

from ...config import ModelSettings
from ..discriminator import MultiscaleDiscriminator
from ..generator import Generator

State = Mapping[str, Tensor]
GENERATOR_SIGN, DISCRIMINATOR_SIGN = "model_downsample.1.weight", "scale0_layer0.0.weight"
"""Names that every official file of that network has."""
REFINE_SIGN = "model_downsample_grid_set."
"""How the names of a refine branch begin."""


def load_generator(
    state_dict: State, padding_mode: str = "reflection", coarse_warp: bool = True, refine: bool = True, previous: bool = True
) -> Generator:
    """A generator in eval mode from an official `latest_net_G` state dict; widths and depths follow from the shapes.

    With `refine` off the weights of the refine branch are left out; `coarse_warp` off also switches `refine` off; `previous` off makes
    every frame from the source alone. None of them can be seen in the weights of a network with refine branch.
    Raises InputError if the tensors are not those of such a generator.
    """
    state = _plain(state_dict)
    if DISCRIMINATOR_SIGN in state:
        raise InputError("these are the weights of a discriminator (latest_net_D.pth); those of a generator (latest_net_G.pth) are needed")
    try:
        settings = ModelSettings(
            ngf=state[GENERATOR_SIGN].shape[0],
            blocks=_count(state, r"model\.(\d+)\.conv_block\.1\.weight"),
            refine_blocks=_count(state, r"model_downsample_grid_set\.(\d+)\.conv_block\.1\.weight"),
            padding_mode=padding_mode,
            coarse_warp=coarse_warp,
            refine=coarse_warp and refine,
            previous=previous,
        )
    except KeyError as error:
        raise InputError(f"these are no weights of an official DwNet generator: {error} is missing") from None
    generator = Generator(settings)
    pairs = dict(_generator_names(settings))
    if settings.refine and not any(name.startswith(REFINE_SIGN) for name in state):
        raise InputError("this generator was trained without refined warp: switch `refine` off (--no-refine)")
    if not settings.refine:
        state = {name: value for name, value in state.items() if not name.startswith(REFINE_SIGN)}
    _fill(generator, state, pairs, "generator")
    return generator.eval()


def load_discriminator(state_dict: State) -> MultiscaleDiscriminator:
    """A discriminator in eval mode from an official `latest_net_D` state dict. Raises InputError like `load_generator`."""
    state = _plain(state_dict)
    if GENERATOR_SIGN in state:
        raise InputError("these are the weights of a generator (latest_net_G.pth); those of a discriminator (latest_net_D.pth) are needed")
    scales, layers = _count(state, r"scale(\d+)_layer0\.0\.weight"), _count(state, r"scale0_layer(\d+)\.0\.weight")
    if scales < 1 or layers < 3:
        raise InputError("these are no weights of an official DwNet discriminator: no layers named scale{i}_layer{j} in them")
    settings = ModelSettings(ndf=state[DISCRIMINATOR_SIGN].shape[0], critic_scales=scales, critic_layers=layers - 2)
    discriminator = MultiscaleDiscriminator(settings)
    _fill(discriminator, state, dict(_discriminator_names(settings)), "discriminator")
    return discriminator.eval()


def export_generator(generator: Generator) -> dict[str, Tensor]:
    """The state dict that the official code loads. Without refine branch its keys are absent.

    Raises InputError for networks with options that the official code lacks.
    """
    if generator.settings.generator != "dwnet":
        raise InputError(f"the official code has no generator: {generator.settings.generator}; only models with dwnet can be exported")
    return _renamed(generator, dict(_generator_names(generator.settings)))


def export_discriminator(discriminator: MultiscaleDiscriminator) -> dict[str, Tensor]:
    """The state dict that the official code loads. Raises InputError like `export_generator`."""
    return _renamed(discriminator, dict(_discriminator_names(discriminator.settings)))


def _generator_names(settings: ModelSettings) -> Iterator[tuple[str, str]]:
    """Pairs (official, ours) of layer names."""
    branches = {"model_downsample": "pose", "model_downsample_previous": "appearance"}
    if settings.refine:
        branches["model_downsample_grid_set"] = "refine.encoder"
    for theirs, ours in branches.items():
        yield f"{theirs}.1", f"{ours}.first"
        yield f"{theirs}.4", f"{ours}.down.0"
        yield f"{theirs}.7", f"{ours}.down.1"
    if settings.refine:
        yield from _block_names("model_downsample_grid_set", 10, "refine.blocks", settings.refine_blocks)
        yield f"model_downsample_grid_set.{10 + settings.refine_blocks}", "refine.last"
    yield "down_pair", "merge"
    yield from _block_names("model", 0, "decoder.blocks", settings.blocks)
    for number, ours in ((0, "decoder.up.0"), (3, "decoder.up.1"), (7, "decoder.last")):
        yield f"model.{settings.blocks + number}", ours


def _block_names(theirs: str, start: int, ours: str, count: int) -> Iterator[tuple[str, str]]:
    for i in range(count):
        yield f"{theirs}.{start + i}.conv_block.1", f"{ours}.{i}.first"
        yield f"{theirs}.{start + i}.conv_block.5", f"{ours}.{i}.second"


def _discriminator_names(settings: ModelSettings) -> Iterator[tuple[str, str]]:
    for i in range(settings.critic_scales):
        for j in range(settings.critic_layers + 2):
            yield f"scale{i}_layer{j}.0", f"critics.{i}.layers.{j}"


def _sees_iuv(ours: str) -> bool:
    """True for layers whose first three input channels are an IUV map."""
    return ours in ("pose.first", "refine.encoder.first") or re.fullmatch(r"critics\.\d+\.layers\.0", ours) is not None


def _reversed_iuv(weight: Tensor) -> Tensor:
    """(out, in, k, k) with the first three input channels in reverse order."""
    return torch.cat((weight[:, :3].flip(1), weight[:, 3:]), 1)


def _plain(state_dict: State) -> dict[str, Tensor]:
    """Without the prefix that DataParallel leaves."""
    return {name.removeprefix("module."): value for name, value in state_dict.items()}


def _count(state: State, pattern: str) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in state)


def _fill(module: nn.Module, state: State, pairs: dict[str, str], what: str):
    converted = {}
    for name, value in state.items():
        layer, _, kind = name.rpartition(".")
        if layer not in pairs:
            raise InputError(f"these are no weights of an official DwNet {what}: {name} does not belong to it")
        ours = pairs[layer]
        converted[f"{ours}.{kind}"] = _reversed_iuv(value) if kind == "weight" and _sees_iuv(ours) else value
    try:
        module.load_state_dict(converted)
    except RuntimeError as error:
        raise InputError(f"these are no weights of an official DwNet {what}: {' '.join(str(error).split())}") from None


def _renamed(module: nn.Module, pairs: dict[str, str]) -> dict[str, Tensor]:
    if module.settings.iuv_input != "channels" or module.settings.visibility:
        raise InputError(
            f"the official code has no networks with iuv_input: {module.settings.iuv_input} and visibility: "
            f"{str(module.settings.visibility).lower()}; only models with channels and false can be exported"
        )
    theirs = {ours: official for official, ours in pairs.items()}
    exported = {}
    for name, value in module.state_dict().items():
        layer, _, kind = name.rpartition(".")
        value = value.detach().cpu()
        exported[f"{theirs[layer]}.{kind}"] = (
            _reversed_iuv(value) if kind == "weight" and _sees_iuv(layer) else value.clone()
        ).contiguous()
    return exported
