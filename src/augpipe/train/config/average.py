"""Averages of the weights."""

from __future__ import annotations

from typing import Literal

from augpipe.train.config.section import BelowOne, Count, Section


class EmaConfig(Section):
    """An exponential moving average of the weights, evaluated beside the live ones."""

    decay: BelowOne
    """What the average keeps of itself in a step, once it is warm."""
    warmup: bool = True
    """Begin with min(decay, (1 + t) / (10 + t)), so that a short run forgets its random start."""
    buffers: Literal["copy", "ema"] = "copy"
    """Statistics of norms: the live ones of the moment, or averaged as the weights are."""


class SwaConfig(Section):
    """The plain mean of the weights after each of the last epochs (Izmailov et al., UAI 2018)."""

    start_epoch: Count
    """The first epoch whose weights, at its end, count."""
    every_epochs: Count = 1
    """How many epochs lie between one that counts and the next."""
