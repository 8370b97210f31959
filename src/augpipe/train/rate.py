"""The learning rate of the step at hand, known where the steps are counted: on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Rate:
    """A schedule that moves on only with steps that were taken.

    Whether a step is skipped is decided on the device, so asking for it would make every step
    wait. Instead the whole schedule lies there as a table, and the count of steps taken picks the
    factor: a run whose gradients overflow five times in its warm-up ramps up all the same.

    Args:
        factors: the factor of the peak learning rate for each step of the run.
        device: where to count.

    Attributes:
        taken: () int64 on the device, how many steps were taken.
        lowering: () float32 there, what multiplies the schedule; 1 until a plateau lowers it.
    """

    def __init__(self, factors: Sequence[float], device: torch.device) -> None:
        # Fused optimizers read a learning rate that is a tensor as float32.
        self._factors = torch.tensor(factors, dtype=torch.float32, device=device)
        self.taken = torch.zeros((), dtype=torch.int64, device=device)
        self.lowering = torch.ones((), device=device)

    def now(self) -> Tensor:
        """The factor of the step about to be taken, () float32 on the device."""
        factor = self._factors.take(self.taken.clamp(max=len(self._factors) - 1))
        return factor * self.lowering

    def advance(self, taken: Tensor) -> None:
        """Count one step, if it was taken: () bool on the device."""
        self.taken += taken
