"""Backend that runs a DensePose R-CNN of detectron2 on the decoded frames, in batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..config import DensePoseSettings
from ..digest import file_sha256
from .backend import ClipFrames
from .models import load_model, model_config, weight_file
from .person import follow


class Detector:
    """One person a clip: the best one of the first frame on which anybody is found, then whoever overlaps the last choice most."""

    def __init__(self, settings: DensePoseSettings, weights: Path):
        self.settings, self.folder = settings, weights
        self._network: Network | None = None

    def fingerprint(self, row: NamedTuple) -> dict:
        """Model, digest of its weights and score threshold; the same for every clip. Raises InputError if the weights are missing."""
        model = self.settings.model
        config = file_sha256(Path(model)) if Path(model).is_file() else None
        weights = file_sha256(weight_file(self.settings, self.folder))
        return {"backend": "detectron2", "model": model, "config": config, "weights": weights, "score": self.settings.score}

    def maps(self, clip: ClipFrames) -> Iterator[np.ndarray | None]:
        """Yield the map (S, S, 3) of every frame, None where nobody was found.

        Raises InputError if detectron2 or its weights are missing or wrong.
        """
        if self._network is None:
            self._network = Network(self.settings, self.folder)
        last = None
        for frames in clip.batches(self.settings.batch):
            for frame, found in zip(frames, self._network(frames), strict=True):
                boxes, scores = found.pred_boxes.tensor.cpu().numpy(), found.scores.cpu().numpy()
                person = follow(last, boxes, scores, len(frame))
                if person is None:
                    yield None
                    continue
                last = boxes[person]
                iuv = instance_map(found[person], *frame.shape[:2])
                yield iuv if iuv[..., 0].any() else None

    def keypoints(self, clip: ClipFrames) -> None:
        """A detector has no exact keypoints."""


class Network:
    """A loaded DensePose R-CNN; call it with frames (B, S, S, 3) uint8 RGB for detectron2's `Instances` of each, in frame pixels."""

    def __init__(self, settings: DensePoseSettings, folder: Path):
        import torch

        device = settings.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        cfg = model_config(settings.model, settings.score, device)
        from detectron2.data import transforms

        self._model = load_model(cfg, weight_file(settings, folder))
        self._resize = transforms.ResizeShortestEdge([cfg.INPUT.MIN_SIZE_TEST] * 2, cfg.INPUT.MAX_SIZE_TEST)
        self._bgr = cfg.INPUT.FORMAT == "BGR"

    def __call__(self, frames: np.ndarray) -> list:
        import torch

        with torch.inference_mode():
            return [output["instances"] for output in self._model.inference([self._input(frame) for frame in frames])]

    def _input(self, frame: np.ndarray) -> dict:
        """What detectron2's own predictor makes of one picture: channels as the model wants them, shortest edge resized, float32."""
        import torch

        height, width = frame.shape[:2]
        frame = np.ascontiguousarray(frame[..., ::-1]) if self._bgr else frame
        resized = self._resize.get_transform(frame).apply_image(frame)
        return {"image": torch.as_tensor(resized.astype(np.float32).transpose(2, 0, 1)), "height": height, "width": width}


def instance_map(instance, height: int, width: int) -> np.ndarray:
    """IUV map (height, width, 3) uint8 of one detection (`Instances` of length 1), as DensePose's own visualiser quantises it.

    The head's outputs are resampled to the whole-numbered box, the part is the highest fine segmentation inside of the coarse one, U and
    V are those of the part x 255, cut to whole numbers and to 0..255.
    """
    import torch
    from densepose.converters import ToChartResultConverter

    chart = ToChartResultConverter.convert(instance.pred_densepose, instance.pred_boxes)
    values = torch.cat([chart.labels[None].float(), (chart.uv * 255).clamp(0, 255)]).to(torch.uint8)
    values = values.permute(1, 2, 0).cpu().numpy()
    values[values[..., 0] == 0] = 0
    left, top = (int(edge) for edge in instance.pred_boxes.tensor[0, :2])
    iuv = np.zeros((height, width, 3), np.uint8)
    part = values[max(-top, 0) : height - top, max(-left, 0) : width - left]
    top, left = max(top, 0), max(left, 0)
    iuv[top : top + part.shape[0], left : left + part.shape[1]] = part
    return iuv
