"""The learning rate lowered where training no longer helps: the one schedule with a memory."""

from __future__ import annotations

import math
from typing import TypedDict

from augpipe.train.config.schedule import PlateauConfig


class PlateauState(TypedDict):
    """What a checkpoint keeps: numbers only."""

    factor: float
    best: float
    bad_epochs: int
    cooldown: int


class Plateau:
    """A factor that falls when the score has not improved for more than `patience` epochs.

    As `torch.optim.lr_scheduler.ReduceLROnPlateau` with a relative threshold does; but what it
    lowers is a factor beside the schedule's, so that both work together.

    Attributes:
        factor: of the learning rate, in (0, 1].
    """

    def __init__(self, config: PlateauConfig) -> None:
        self._config = config
        self._best = math.inf if config.monitor == "loss" else -math.inf
        self._bad_epochs = self._cooldown = 0
        self.factor = 1.0

    def update(self, score: float) -> bool:
        """Take in the score of an epoch.

        Args:
            score: the validation loss, or accuracy, as `monitor` says; NaN is no improvement.

        Returns:
            Whether the factor was lowered.
        """
        if self._improves(score):
            self._best, self._bad_epochs = score, 0
        else:
            self._bad_epochs += 1
        if self._cooldown:
            self._cooldown -= 1
            self._bad_epochs = 0
        if self._bad_epochs <= self._config.patience:
            return False
        self._cooldown, self._bad_epochs = self._config.cooldown, 0
        before = self.factor
        self.factor = max(before * self._config.factor, self._config.least)
        return self.factor < before

    def _improves(self, score: float) -> bool:
        threshold = self._config.threshold
        if self._config.monitor == "loss":
            return score < self._best * (1 - threshold)
        return score > self._best * (1 + threshold)

    def state_dict(self) -> PlateauState:
        """What `load_state_dict` needs to go on."""
        return {
            "factor": self.factor,
            "best": self._best,
            "bad_epochs": self._bad_epochs,
            "cooldown": self._cooldown,
        }

    def load_state_dict(self, state: PlateauState) -> None:
        """Go on from there."""
        self.factor, self._best = state["factor"], state["best"]
        self._bad_epochs, self._cooldown = state["bad_epochs"], state["cooldown"]
