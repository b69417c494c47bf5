"""Frames per second of DensePose: detectron2's own predictor, one picture at a time, against this package's backends.

Usage: python benchmarks/densepose.py [FRAMES] [--count 8] [--batch 8] [--input-size 800] [--rounds 2] [--device auto] [--precision auto]
[--weights FILE]. FRAMES is a folder of square pictures; without it, the fashion clip in DWNET_TEST_DATA. Without a checkpoint of
densepose_rcnn_R_50_FPN_s1x the weights are random, set so that every frame has somebody: as many boxes as reach the score of the weakest
frame's best one, `people_a_frame` on average. The more there are, the more the one-picture predictor does in vain. Needs detectron2 with
its DensePose project. Prints one JSON line.

All of them give the IUV map of one followed person of every frame; they take turns in this process, and the best of `--rounds` counts.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from natsort import natsorted
from PIL import Image

from densepose_cache.clips import Clip
from densepose_cache.config import DensePoseSettings
from densepose_cache.densepose.backend import ClipFrames, FrameMap
from densepose_cache.densepose.backends.detectron2_network import model_config
from densepose_cache.densepose.detector import Detector
from densepose_cache.densepose.network import resize
from densepose_cache.densepose.paste import paste_chart
from densepose_cache.densepose.person import Follower

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""This file bears the name of the DensePose project's package and must not be found in its place."""

MODEL = "densepose_rcnn_R_50_FPN_s1x"
SCORE = 0.7


def random_checkpoint(path: Path, frames: np.ndarray, size: int):
    """Write random weights of `MODEL` with which at least one box of each of `frames` (T, S, S, 3) RGB reaches the score."""
    from detectron2.modeling import build_model

    torch.manual_seed(0)
    model = build_model(model_config(MODEL, 0.0, "cpu")).eval()
    box = model.roi_heads.box_predictor
    with torch.no_grad():
        for name, parameter in model.backbone.bottom_up.named_parameters():
            if name.endswith("conv3.weight"):
                parameter.mul_(0.2)
        box.cls_score.weight.mul_(30)
        for parameter in model.roi_heads.densepose_predictor.parameters():
            parameter.normal_(std=0.05)
        model.roi_heads.densepose_on = False
        best = []
        for frame in frames:
            picture = np.ascontiguousarray(resize(frame, size)[..., ::-1].transpose(2, 0, 1))
            found = model.inference([{"image": torch.from_numpy(picture).float()}], do_postprocess=False)[0]
            best.append(found.scores.max())
        box.cls_score.bias[0] += torch.logit(torch.tensor(SCORE + 0.01)) - torch.logit(min(best))
    torch.save({"model": model.state_dict()}, path)


def one_at_a_time(weights: Path, device: str, size: int):
    """detectron2's own predictor as a function of frames (T, S, S, 3) RGB that returns what is on each: one followed person's map."""
    from detectron2.engine import DefaultPredictor

    cfg = model_config(MODEL, SCORE, device).clone()
    cfg.defrost()
    cfg.MODEL.WEIGHTS = str(weights)
    cfg.INPUT.MIN_SIZE_TEST = size
    predictor = DefaultPredictor(cfg)

    def run(frames: np.ndarray) -> list:
        follower, maps = Follower(frames.shape[1]), []
        for frame in frames:
            found = predictor(frame[..., ::-1])["instances"]
            choice = follower.choose(found.pred_boxes.tensor.cpu().numpy(), found.scores.cpu().numpy())
            iuv = None if choice.person is None else converted(found[choice.person], *frame.shape[:2])
            maps.append(FrameMap(iuv, people=len(found)))
        return maps

    return run


def converted(person, height: int, width: int) -> np.ndarray:
    """IUV map of one detection by the DensePose project's own converter."""
    from densepose.converters import ToChartResultConverter

    chart = ToChartResultConverter.convert(person.pred_densepose, person.pred_boxes)
    left, top = (int(edge) for edge in person.pred_boxes.tensor[0, :2])
    return paste_chart(chart.labels, chart.uv, left, top, height, width)


def backend(name: str, weights: Path, options):
    """One of this package's backends as such a function."""
    keys = {"device": options.device, "precision": options.precision, "batch": options.batch, "input_size": options.input_size}
    detector = Detector(DensePoseSettings(backend=name, model=MODEL, weights=str(weights), score=SCORE, **keys), weights.parent)
    clip = Clip("benchmark", Path("benchmark"))
    return lambda frames: list(detector.maps(ClipFrames(clip, frames, np.arange(len(frames)), None)))


def same_parts(maps: list, others: list) -> float:
    """Share of pixels with the same part in both, in frames where both found somebody."""
    pairs = [
        (one.iuv[..., 0], other.iuv[..., 0]) for one, other in zip(maps, others, strict=True) if not (one.iuv is None or other.iuv is None)
    ]
    return float(np.mean([np.mean(one == other) for one, other in pairs])) if pairs else float("nan")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("frames", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--input-size", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    folder = options.frames or Path(os.environ.get("DWNET_TEST_DATA", "")) / "data/ubc_sample/fashion/1/target"
    files = natsorted(folder.glob("*.png"))[: options.count]
    if not files:
        parser.error("give a folder of square PNG frames, or set DWNET_TEST_DATA")
    frames = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in files])
    device = ("cuda" if torch.cuda.is_available() else "cpu") if options.device == "auto" else options.device
    with tempfile.TemporaryDirectory() as scratch:
        weights = options.weights or Path(scratch) / "random.pth"
        if not options.weights:
            random_checkpoint(weights, frames, options.input_size)
        runs = {
            "predictor": one_at_a_time(weights, device, options.input_size),
            "detectron2": backend("detectron2", weights, options),
            "torchvision": backend("torchvision", weights, options),
            "embedded": backend("embedded", weights, options),
        }
        rates, maps = dict.fromkeys(runs, 0.0), {}
        for run in runs.values():
            run(frames[:2])
        for _ in range(options.rounds):
            for name, run in runs.items():
                start = time.perf_counter()
                maps[name] = run(frames)
                rates[name] = max(rates[name], len(frames) / (time.perf_counter() - start))
    result = {
        "benchmark": "densepose",
        "frames_per_second": {name: round(rate, 3) for name, rate in rates.items()},
        "ratio_to_predictor": {name: round(rate / rates["predictor"], 2) for name, rate in rates.items()},
        "same_parts_as_predictor": {name: same_parts(maps[name], maps["predictor"]) for name in maps},
        "frames": len(frames),
        "people_a_frame": float(np.mean([found.people for found in maps["predictor"]])),
        "frames_with_a_map": {name: sum(found.iuv is not None for found in maps[name]) for name in maps},
        "batch": options.batch,
        "input_size": options.input_size,
        "precision": options.precision,
        "weights": "random" if not options.weights else options.weights.name,
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
