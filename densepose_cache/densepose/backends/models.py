"""The published DensePose R-CNN models, and where their checkpoints are."""

from pathlib import Path

from ...config import DensePoseSettings
from ...core.errors import InputError
from ...storage.weights import WEIGHTS, find_weights

ZOO = "https://dl.fbaipublicfiles.com/densepose"
PUBLISHED = {
    "R_50_FPN_s1x": "165712039/model_final_162be9.pkl",
    "R_101_FPN_s1x": "165712084/model_final_c6ab63.pkl",
    "R_50_FPN_DL_s1x": "165712097/model_final_0ed407.pkl",
    "R_101_FPN_DL_s1x": "165712116/model_final_844d15.pkl",
    "R_50_FPN_WC1_s1x": "173862049/model_final_289019.pkl",
    "R_50_FPN_WC2_s1x": "173861455/model_final_3abe14.pkl",
    "R_50_FPN_DL_WC1_s1x": "173067973/model_final_b1e525.pkl",
    "R_50_FPN_DL_WC2_s1x": "173859335/model_final_60fed4.pkl",
    "R_101_FPN_WC1_s1x": "171402969/model_final_9e47f0.pkl",
    "R_101_FPN_WC2_s1x": "173860702/model_final_5ea023.pkl",
    "R_101_FPN_DL_WC1_s1x": "173858525/model_final_f359f3.pkl",
    "R_101_FPN_DL_WC2_s1x": "173294801/model_final_6e1ed1.pkl",
    "R_50_FPN_WC1M_s1x": "217144516/model_final_48a9d9.pkl",
    "R_50_FPN_WC2M_s1x": "216245640/model_final_d79ada.pkl",
    "R_50_FPN_DL_WC1M_s1x": "216245703/model_final_61971e.pkl",
    "R_50_FPN_DL_WC2M_s1x": "216245758/model_final_7bfb43.pkl",
    "R_101_FPN_WC1M_s1x": "216453687/model_final_0a7287.pkl",
    "R_101_FPN_WC2M_s1x": "216245682/model_final_e354d9.pkl",
    "R_101_FPN_DL_WC1M_s1x": "216245771/model_final_0ebeb3.pkl",
    "R_101_FPN_DL_WC2M_s1x": "216245790/model_final_de6e7a.pkl",
}
"""The chart-based models of the DensePose model zoo: the end of each one's URL."""
MODELS = {f"densepose_rcnn_{name}": f"{ZOO}/densepose_rcnn_{name}/{file}" for name, file in PUBLISHED.items()}
"""Their names and URLs."""


def weight_file(settings: DensePoseSettings, folder: Path) -> Path:
    """Path of the checkpoint that `settings` name, or of the published one of their model in `folder`.

    Raises InputError if it is missing, is not the published file, or `check_model` finds that there can be none.
    """
    if settings.weights is None:
        check_model(settings)
        return find_weights(settings.model, folder)
    path = Path(settings.weights)
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint; correct densepose.weights, or set it to null for the published one")
    return path


def check_model(settings: DensePoseSettings):
    """Raise InputError if `settings` name no checkpoint, and no SHA-256 is known by which a published one of their model could be told."""
    if settings.backend in ("embedded", "precomputed") or settings.weights is not None or settings.model in WEIGHTS:
        return
    if settings.model in MODELS:
        raise InputError(
            f"the SHA-256 of the published checkpoint of {settings.model} is not known here, so that it is not fetched; download "
            f"{MODELS[settings.model]} yourself and give its path as densepose.weights"
        )
    raise InputError(f"densepose.model is {settings.model!r}: give the path of its checkpoint as densepose.weights; {known_models()}")


def known_models() -> str:
    """What messages say of the choice."""
    return f"the published models are {', '.join(MODELS)}"
