"""A training step in fewer and larger programs: networks and losses compiled by PyTorch, or the whole step recorded as one CUDA graph."""

import dataclasses

import torch
from torch import Tensor

from .data import Batch
from .step import TrainStep

WARM_UP = 3
"""Steps without effect before a step is recorded: they compile, choose algorithms and take memory."""


def compile_step(step: TrainStep, backend: str = "inductor"):
    """Compile the generator and all losses of `step`, which stays the same step up to rounding. Its first call takes minutes then.

    Each is one graph without a break, for one shape: the frames of a sample take two forms of the generator, the first and all others.
    """
    options = {"fullgraph": True, "dynamic": False, "backend": backend}
    if backend == "inductor":
        options["options"] = {"force_layout_optimization": True}
    for module in (step.nets.generator, getattr(step.nets.generator, "appearance", None)):
        if module:
            module.compile(**options)
    step.compute_losses = torch.compile(step.losses, **options)


class RecordedStep(TrainStep):
    """A step that is recorded as a CUDA graph at its first call and played back from then on; all batches must have the same shapes.

    It can be compiled as well, before the first call. The frames of an outcome are overwritten by the next step.
    """

    _graph: "torch.cuda.CUDAGraph | None" = None

    def run(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if self._graph is None:
            self._record(batch)
        for name, value in _tensors(batch).items():
            getattr(self._batch, name).copy_(value)
        self._graph.replay()
        return self._results

    def _record(self, batch: Batch):
        for optimizer in self.nets.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=self.broken.device)
                group["capturable"] = True
        self._batch = dataclasses.replace(batch, **{name: value.clone() for name, value in _tensors(batch).items()})
        before = self.broken.clone()
        self.broken.fill_(1)  # no update is made
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                super().run(self._batch)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):  # the loader pins batches in a thread meanwhile
            self._results = super().run(self._batch)
        self.broken.copy_(before)


def _tensors(batch: Batch) -> dict[str, Tensor]:
    return {name: value for name, value in vars(batch).items() if isinstance(value, Tensor)}
