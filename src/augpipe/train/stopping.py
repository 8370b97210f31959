"""When a run has learnt what it will learn."""

from __future__ import annotations

from typing import TypedDict

from augpipe.train.config import EarlyStoppingConfig


class Waiting(TypedDict):
    """The accuracy to beat, and for how many epochs it has not been."""

    best: float
    epochs: int


class EarlyStopping:
    """Ends a run whose accuracy has not grown for some epochs (Prechelt, 1998).

    Args:
        patience: so many epochs in a row without a new best end the run; None waits for ever.
        min_delta: a new best must exceed the old one by more than this.
    """

    def __init__(self, patience: int | None, min_delta: float = 0.0) -> None:
        self._patience, self._min_delta = patience, min_delta
        self._waiting = Waiting(best=float("-inf"), epochs=0)

    def note(self, accuracy: float) -> None:
        """Count one epoch, which reached this accuracy."""
        if accuracy > self._waiting["best"] + self._min_delta:
            self._waiting = Waiting(best=accuracy, epochs=0)
        else:
            self._waiting["epochs"] += 1

    @property
    def due(self) -> bool:
        """Whether the run should end."""
        return self._patience is not None and self._waiting["epochs"] >= self._patience

    def state_dict(self) -> Waiting:
        """What it waits for, and since when."""
        return self._waiting.copy()

    def load_state_dict(self, state: Waiting) -> None:
        """Go on waiting."""
        self._waiting = state.copy()


def build_stopping(config: EarlyStoppingConfig | None) -> EarlyStopping:
    """What a recipe asks for; by default a run is never ended early."""
    if config is None:
        return EarlyStopping(None)
    return EarlyStopping(config.patience, config.min_delta)
