"""What generators are given of several videos side by side, as tensors of one batch; a class for each generator."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..model.iuv_input import parts
from ..model.prepared import carried_edge, distance_metres
from ..model.warping import grid_from_index, grid_from_way, matched_pixels, visible_pixels
from .driving import Driving
from .filling import FilledDriving

FrameInputs = tuple[Tensor, list[Tensor], dict[str, Tensor]]
"""Of a frame: IUV maps (B, 3, S, S), source and previous grid (B, S, S, 2), and what else `Prepared` takes of it."""


class PlainInputs:
    """Of the paper's generator: the official grids; with `visibility` the masks of both."""

    def __init__(self, drivings: Sequence[Driving], visibility: bool, device: torch.device):
        self._drivings, self._visibility, self._device = drivings, visibility, device

    def of_source(self) -> tuple:
        """Nothing beside the source itself."""
        return ()

    def of_frame(self, number: int, count: int) -> FrameInputs:
        """Of frame `number` of the first `count` videos. The first frame's previous grid is its source grid."""
        drivings, device = self._drivings[:count], self._device
        iuv = network_input([driving.iuv(number) for driving in drivings], device)
        indices = {"source": [driving.source_grid(number) for driving in drivings]}
        corners = {"source": [driving.source_iuv[0, 0, 0] for driving in drivings]}
        if number:
            indices["previous"] = [driving.previous_grid(number) for driving in drivings]
            corners["previous"] = [driving.iuv(number - 1)[0, 0, 0] for driving in drivings] if self._visibility else []
        grids = {name: network_grid(index, device) for name, index in indices.items()}
        masks = {}
        if self._visibility:
            masks = {f"{name}_visible": network_mask(index, iuv, corners[name]) for name, index in indices.items()}
            masks.setdefault("previous_visible", masks["source_visible"])
        return iuv, [grids["source"], grids.get("previous", grids["source"])], masks


class FilledInputs:
    """Of a generator that copies: filled grids with distances and masks."""

    def __init__(self, drivings: Sequence[Driving], visibility: bool, device: torch.device):
        self._drivings, self._device = [FilledDriving(driving) for driving in drivings], device

    def of_source(self) -> tuple[Tensor, Tensor]:
        """Plates and source maps (B, 3, S, S)."""
        plates = network_input([filled.plate for filled in self._drivings], self._device)
        return plates, network_input([filled.driving.source_iuv for filled in self._drivings], self._device)

    def of_frame(self, number: int, count: int) -> FrameInputs:
        """Of frame `number` of the first `count` videos. The first frame's previous grid is its source grid."""
        drivings, device = self._drivings[:count], self._device
        maps = [filled.driving.iuv(number) for filled in drivings]
        before = {"source": [filled.driving.source_iuv for filled in drivings]}
        found = {"source": [filled.source(number) for filled in drivings]}
        if number:
            before["previous"] = [filled.driving.iuv(number - 1) for filled in drivings]
            found["previous"] = [filled.previous(number) for filled in drivings]
        grids, part = {}, network_part(maps, device)
        frame = {
            "edge": carried_edge(stacked([grid.edge for grid in found["source"]], device)),
            "smooth_grid": grid_from_way(stacked([grid.smooth.way for grid in found["source"]], device)),
            "smooth_distance": distance_metres(stacked([grid.smooth.distance for grid in found["source"]], device)),
        }
        for name, filled in found.items():
            grids[name] = network_grid([grid.index for grid in filled], device)
            frame[f"{name}_distance"] = distance_metres(stacked([grid.distance for grid in filled], device))
            frame[f"{name}_visible"] = matched_pixels(network_part(before[name], device), part)
        for what in ("distance", "visible"):
            frame.setdefault(f"previous_{what}", frame[f"source_{what}"])
        return network_input(maps, device), [grids["source"], grids.get("previous", grids["source"])], frame


INPUTS = {"dwnet": PlainInputs, "compose": FilledInputs}
"""By the key `model.generator`."""


def stacked(arrays: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """(B, ...) of arrays (...)."""
    return torch.from_numpy(np.stack(arrays)).to(device)


def network_part(maps: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """Parts (B, S, S) uint8 of IUV maps (S, S, 3) uint8."""
    return stacked([iuv[..., 0] for iuv in maps], device)


def network_input(pictures: list[np.ndarray], device: torch.device) -> torch.Tensor:
    """(B, 3, S, S) float32 x / 127.5 - 1 of frames or IUV maps (S, S, 3) uint8."""
    return torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def network_grid(indices: list[np.ndarray], device: torch.device) -> torch.Tensor:
    """(B, S, S, 2) coordinates of source indices (S, S)."""
    index = torch.from_numpy(np.stack(indices).astype(np.int64)).to(device)
    return grid_from_index(index, *index.shape[-2:])


def network_mask(indices: list[np.ndarray], iuv: torch.Tensor, corners: list[int]) -> torch.Tensor:
    """(B, S, S) bool: what is visible by source indices (S, S), driving maps `iuv` (B, 3, S, S) as the network sees them and the parts of
    the top-left pixels of the maps that the indices point into."""
    index = torch.from_numpy(np.stack(indices).astype(np.int64)).to(iuv.device)
    return visible_pixels(index, parts(iuv), torch.tensor([int(corner) for corner in corners], device=iuv.device))
