"""An exponential moving average of a model's weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn


class Ema:
    """A frozen copy of a model that follows it: average <- decay * average + (1 - decay) * live.

    The decay warms up as in TensorFlow's ExponentialMovingAverage: min(decay, (1 + t) / (10 + t)),
    where t counts the updates before this one. Without that, a short run would average its random
    start. Buffers (the running statistics of batch norm) are averages already: they are not
    averaged again but copied, at the moment the average is asked for.

    Attributes:
        updates: () int64 on the device, the number t of updates so far.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._live = model
        self._copy = copy.deepcopy(model).requires_grad_(False).eval()
        self._averages: list[Tensor] = list(self._copy.parameters())
        self._lives: list[Tensor] = list(model.parameters())
        self._decay = decay
        device = next(model.parameters()).device
        self.updates = torch.zeros((), dtype=torch.int64, device=device)

    @torch.no_grad()
    def update(self, taken: Tensor) -> None:
        """Take in the live weights, after an optimizer step.

        Args:
            taken: () bool on the device; where False the step was skipped, and so is this update.
        """
        decay = ((1 + self.updates) / (10 + self.updates)).clamp(max=self._decay)
        weight = torch.where(taken, 1 - decay, 0.0)
        moves = torch._foreach_sub(self._lives, self._averages)
        torch._foreach_mul_(moves, weight)
        torch._foreach_add_(self._averages, moves)
        self.updates += taken

    @torch.no_grad()
    def averaged(self) -> nn.Module:
        """The averaged model, in eval mode and frozen, with the live model's buffers of now."""
        for own, live in zip(self._copy.buffers(), self._live.buffers(), strict=True):
            own.copy_(live)
        return self._copy

    def state_dict(self) -> dict[str, Any]:
        """The weights and buffers of the averaged model."""
        return self.averaged().state_dict()

    def load_state_dict(self, weights: dict[str, Any], updates: int) -> None:
        """Continue from saved weights, and from the number of updates they had seen."""
        self._copy.load_state_dict(weights)
        self.updates.fill_(updates)
