"""An exponential moving average of a model's weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from augpipe.train.config import EmaConfig

Buffers = Literal["copy", "ema"]


class Ema:
    """A frozen copy of a model that follows it: average <- decay * average + (1 - decay) * live.

    The decay warms up as in TensorFlow's ExponentialMovingAverage: min(decay, (1 + t) / (10 + t)),
    where t counts the updates before this one. Without that, a short run would average its random
    start.

    Args:
        model: to follow; all its parameters and buffers are registered here.
        decay: what the average keeps of itself in an update, in [0, 1).
        warmup: whether the decay warms up.
        buffers: the running statistics of batch norm are averages already: with "copy" they are
            copied, at the moment the average is asked for; with "ema" those that are floating-point
            numbers are averaged as weights are, but where the live ones are not finite.

    Attributes:
        updates: () int64 on the device, the number t of updates so far.
    """

    def __init__(
        self, model: nn.Module, decay: float, *, warmup: bool = True, buffers: Buffers = "copy"
    ) -> None:
        self._live = model
        self._copy = copy.deepcopy(model).requires_grad_(False).eval()
        self._averages: list[Tensor] = list(self._copy.parameters())
        self._lives: list[Tensor] = list(model.parameters())
        self._decay, self._warmup, self._buffers = decay, warmup, buffers
        self._applied = False
        device = next(model.parameters()).device
        self.updates = torch.zeros((), dtype=torch.int64, device=device)

    @torch.no_grad()
    def update(self, taken: Tensor) -> None:
        """Take in the live weights, after an optimizer step.

        Args:
            taken: () bool on the device; where False the step was skipped, and so is this update.

        Raises:
            RuntimeError: the average is applied.
        """
        self._refuse_applied()
        weight = torch.where(taken, 1 - self._decay_now(), 0.0)
        moves = torch._foreach_sub(self._lives, self._averages)
        torch._foreach_mul_(moves, weight)
        torch._foreach_add_(self._averages, moves)
        if self._buffers == "ema":
            self._average_buffers(weight)
        self.updates += taken

    def _decay_now(self) -> Tensor:
        if not self._warmup:
            return torch.full_like(self.updates, self._decay, dtype=torch.float32)
        return ((1 + self.updates) / (10 + self.updates)).clamp(max=self._decay)

    def _average_buffers(self, weight: Tensor) -> None:
        """Statistics that a skipped step has spoilt are passed over, element by element."""
        for own, live in self._paired_buffers():
            if own.is_floating_point():
                move = (live - own) * weight
                own.add_(torch.where(live.isfinite(), move, 0.0))

    @torch.no_grad()
    def averaged(self) -> nn.Module:
        """The averaged model, in eval mode and frozen, with buffers as `buffers` says.

        Raises:
            RuntimeError: the average is applied: the live model is what is asked for.
        """
        self._refuse_applied()
        for own, live in self._paired_buffers():
            if self._buffers == "copy" or not own.is_floating_point():
                own.copy_(live)
        return self._copy

    def apply(self) -> None:
        """Exchange the live model's weights and buffers for the average's, until `restore`.

        Raises:
            RuntimeError: that has been done already.
        """
        self.averaged()
        self._exchange()
        self._applied = True

    def restore(self) -> None:
        """Give the live model its own weights and buffers back.

        Raises:
            RuntimeError: the average is not applied.
        """
        if not self._applied:
            raise RuntimeError("the average is not applied; call apply() first")
        self._exchange()
        self._applied = False

    @contextmanager
    def applied(self) -> Iterator[nn.Module]:
        """The live model with the average's weights, within a `with`."""
        self.apply()
        try:
            yield self._live
        finally:
            self.restore()

    @torch.no_grad()
    def _exchange(self) -> None:
        pairs = [*zip(self._averages, self._lives, strict=True), *self._paired_buffers()]
        for own, live in pairs:
            kept = own.clone()
            own.copy_(live)
            live.copy_(kept)

    def _refuse_applied(self) -> None:
        if self._applied:
            raise RuntimeError("the average is applied to the live model; call restore() first")

    def _paired_buffers(self) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(self._copy.buffers(), self._live.buffers(), strict=True)

    def state_dict(self) -> dict[str, Any]:
        """The weights and buffers of the averaged model."""
        return self.averaged().state_dict()

    def load_state_dict(self, weights: dict[str, Any], updates: int) -> None:
        """Continue from saved weights, and from the number of updates they had seen."""
        self._copy.load_state_dict(weights)
        self.updates.fill_(updates)


def build_ema(config: EmaConfig | None, model: nn.Module) -> Ema | None:
    """The average that a recipe asks for."""
    if config is None:
        return None
    return Ema(model, config.decay, warmup=config.warmup, buffers=config.buffers)
