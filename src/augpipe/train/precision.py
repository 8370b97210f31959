"""In which numbers a network computes, and what half precision needs to keep its gradients."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from augpipe.train.config import PrecisionName


class Precision:
    """Mixed precision (Micikevicius et al., ICLR 2018); weights and optimizer stay float32.

    float16 has so few exponents that small gradients vanish, so the loss is multiplied by a factor
    before the backward pass, and the gradients are divided by it before anyone looks at them. The
    factor is torch's `GradScaler`: halved whenever a gradient overflows, doubled after 2000 steps
    without. bfloat16 has the exponents of float32 and needs nothing of it.

    Args:
        name: `float32`, `bfloat16` or `float16`.
        device: where the network is.
    """

    def __init__(self, name: PrecisionName, device: torch.device) -> None:
        self._device = device.type
        self._dtype = torch.bfloat16 if name == "bfloat16" else torch.float16
        self._lowered = name != "float32"
        self._scaler = torch.amp.GradScaler(self._device, enabled=name == "float16")

    def autocast(self) -> AbstractContextManager[Any]:
        """The context for a forward pass and its loss, and for evaluation."""
        return torch.autocast(self._device, self._dtype) if self._lowered else nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss, scaled."""
        torch.autograd.backward(self._scaler.scale(loss))

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Bring the gradients to their own scale, once in a step, before they are measured."""
        self._scaler.unscale_(optimizer)

    def update(self) -> None:
        """Choose the factor of the next step, after the optimizer's."""
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """The factor and how long it has held, as numbers; empty where there is none."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a saved factor."""
        if state:
            self._scaler.load_state_dict(state)
