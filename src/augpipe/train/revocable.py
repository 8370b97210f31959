"""Optimizers without a fused kernel, taught to skip a step by a flag that stays on the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


class RMSprop(torch.optim.RMSprop):
    """torch's RMSprop, whose step leaves no trace where `found_inf` is above 0.

    Fused optimizers look at that flag inside of their kernel; torch has no fused RMSprop. So the
    step is taken, and then every weight and every part of the state becomes `where(flag, old,
    new)`, which is exact whatever the new value is, also NaN, and does not wait for the device. It
    costs a copy of the weights and of the state.

    Attributes:
        found_inf: () float32 on the device, or None: every step is taken.
    """

    found_inf: Tensor | None = None

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take one step, or none; the argument and what is returned are torch's."""
        if self.found_inf is None:
            return super().step(closure)
        before = {name: tensor.clone() for name, tensor in self._tensors()}
        loss = super().step(closure)
        skipped = self.found_inf > 0
        for name, tensor in self._tensors():
            # What the first step has made was nothing before, and nothing means zeros.
            old = before.get(name, torch.zeros_like(tensor))
            tensor.copy_(torch.where(skipped, old, tensor))
        return loss

    def _tensors(self) -> Iterator[tuple[tuple[int, str], Tensor]]:
        """The weights, and all of the state, each under a name of its own."""
        for group in self.param_groups:
            for parameter in group["params"]:
                yield (id(parameter), "weight"), parameter
                for name, tensor in self.state.get(parameter, {}).items():
                    yield (id(parameter), name), tensor
