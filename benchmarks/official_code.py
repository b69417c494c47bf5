"""The official DwNet implementation as a peer: its networks, losses and training step, run from a checkout of its repository.

That code is for Python 2.7 and PyTorch 1.0. What it needs to run on today's is done here, at run time, and changes no result: `print`
statements are left out, the warps get PyTorch 1.0's aligned corners, VGG-19 gets the weights it is given instead of a download, and
without a GPU its calls of `.cuda()` do nothing. Its feature maps of 64 x 64 become a quarter of the frame, which at 256 x 256 is the same.
"""

import contextlib
import functools
import importlib.util
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import torch
import torch.nn.functional as F
import torchvision.models.vgg
from torch import Tensor, nn

from dwnet.training.data import Batch

MODULES = ("util", "util.util", "util.image_pool", "models", "models.networks", "models.base_model", "models.DwNet_model")
OPTIONS = {
    "name": "peer", "checkpoints_dir": "", "resize_or_crop": "resize", "input_nc": 3, "output_nc": 3, "n_downsample_global": 2,
    "n_blocks_local": 3, "norm": "instance", "no_coarse_warp": False, "no_refining_warp": False, "n_layers_D": 3, "num_D": 2,
    "no_ganFeat_loss": False, "no_vgg_loss": False, "verbose": False, "continue_train": False, "load_pretrain": "", "pool_size": 0,
    "lr": 2e-4, "beta1": 0.5, "lambda_feat": 10.0, "niter_fix_global": 0, "isTrain": True,
}  # fmt: skip
"""Its own defaults, but for what a benchmark sets."""


class _Loader(importlib.machinery.SourceFileLoader):
    """Reads Python 2 whose only sin are `print` statements; writes no compiled files."""

    def get_code(self, _name):
        text = re.sub(r"(?m)^(\s*)print .*$", r"\1pass", Path(self.path).read_text())
        return compile(text, self.path, "exec")


def official_modules(folder: Path) -> dict[str, ModuleType]:
    """The modules of the checkout `folder` that training needs, by name."""
    loaded = {}
    with mock.patch.dict(sys.modules):
        for name in MODULES:
            path = Path(folder, *name.split("."))
            package = path.is_dir()
            path = path / "__init__.py" if package else path.with_suffix(".py")
            places = [str(path.parent)] if package else None
            spec = importlib.util.spec_from_file_location(name, path, loader=_Loader(name, str(path)), submodule_search_locations=places)
            loaded[name] = sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loaded[name])
            if "." in name:
                setattr(loaded[name.split(".")[0]], name.split(".")[1], loaded[name])
    return loaded


class Official:
    """The official model in training on `device` with frames of `size` pixels, batches of `batch` samples and random weights.

    `vgg` are VGG-19's weights by torchvision's names. `targets` frames a sample are generated; with `warp_loss` off it is computed, as its
    code does, but not learned from.
    """

    def __init__(self, folder: Path, device: torch.device, size: int, batch: int, targets: int, ngf: int, ndf: int, blocks: int,
                 warp_loss: bool, vgg: dict[str, Tensor]):  # fmt: skip
        self.device, self.targets = device, targets
        modules = official_modules(folder)
        networks = modules["models.networks"]
        networks.grid_sample = functools.partial(F.grid_sample, align_corners=True)
        networks.interpolate = functools.partial(_interpolate, size // 4)
        networks.models = SimpleNamespace(vgg19=lambda pretrained: _vgg(vgg))
        options = SimpleNamespace(**OPTIONS, gpu_ids=[0] if device.type == "cuda" else [], loadSize=size, batchSize=batch, ngf=ngf, ndf=ndf,
                                  n_blocks_global=blocks, grid_padding="reflection", no_warp_loss=not warp_loss)  # fmt: skip
        self.model = modules["models.DwNet_model"].DwNetModel()
        with self._on_device(), contextlib.redirect_stdout(io.StringIO()):
            self.model.initialize(options)

    def step(self, batch: Batch) -> list[dict[str, Tensor]]:
        """For each frame a step of the generator, then one of the discriminator, as its `train.py` has it. Returns its losses by
        its names."""
        grids = (grid.permute(0, 1, 4, 2, 3).contiguous() for grid in (batch.source_grid, batch.previous_grid))
        with self._on_device():
            return self._steps(batch, batch.iuv.flip(2), *grids)

    def _steps(self, batch: Batch, iuv: Tensor, source_grid: Tensor, grid: Tensor) -> list[dict[str, Tensor]]:
        model, generated, found = self.model, batch.source, []
        for t in range(self.targets):
            previous_grid = grid[t] if t else source_grid[0]
            losses, generated, *_ = model(iuv[t], batch.source, generated, source_grid[t], previous_grid, image=batch.real[t])
            losses = dict(zip(model.loss_names, (loss.mean() for loss in losses), strict=True))
            discriminator = (losses["D_fake"] + losses["D_real"]) * 0.5
            generator = sum(losses.get(name, 0) for name in ("G_GAN", "G_GAN_Feat", "G_VGG", "G_Warp"))
            for optimizer, loss in ((model.optimizer_G, generator), (model.optimizer_D, discriminator)):
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            found.append({name: loss.detach() for name, loss in losses.items()})
        return found

    @torch.no_grad()
    def frame(self, iuv: Tensor, source: Tensor, previous: Tensor, source_grid: Tensor, previous_grid: Tensor) -> Tensor:
        """A frame of its test loop; IUV maps (1, 3, H, W) as we have them, grids (1, H, W, 2)."""
        with self._on_device():
            grids = (grid.permute(0, 3, 1, 2).contiguous() for grid in (source_grid, previous_grid))
            return self.model.inference(iuv.flip(1).contiguous(), source, previous, *grids)

    @contextlib.contextmanager
    def _on_device(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if self.device.type != "cuda":
                for kind in (Tensor, nn.Module):
                    stack.enter_context(mock.patch.object(kind, "cuda", lambda self, *_: self))
            yield


def _interpolate(quarter: int, x: Tensor, size, mode: str) -> Tensor:
    return F.interpolate(x, (quarter, quarter) if tuple(size) == (64, 64) else tuple(size), mode=mode, align_corners=False)


def random_vgg() -> dict[str, Tensor]:
    """Random weights of VGG-19's convolutions by torchvision's names."""
    return {f"features.{name}": value for name, value in _vgg_layers().state_dict().items()}


def _vgg(weights: dict[str, Tensor]) -> SimpleNamespace:
    """What the official code takes of torchvision's model."""
    layers = _vgg_layers()
    layers.load_state_dict({name.removeprefix("features."): value for name, value in weights.items()})
    return SimpleNamespace(features=layers)


def _vgg_layers() -> nn.Sequential:
    return torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["E"])
