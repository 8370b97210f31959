"""How long a run is."""

from __future__ import annotations

from typing import NamedTuple


class Clock(NamedTuple):
    """How long a run, or a stretch of it, is, counted in optimizer steps."""

    total_steps: int
    steps_per_epoch: int

    def steps(self, epochs: float) -> int:
        """So many epochs, in whole steps."""
        return round(epochs * self.steps_per_epoch)
