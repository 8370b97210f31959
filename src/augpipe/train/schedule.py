"""Learning-rate schedules: pure functions from an optimizer step to a factor of the peak rate.

Nothing is remembered between steps, so a resumed run needs nothing restored, and a schedule can be
drawn before training starts. A new schedule is a config class and one registered function here.
"""

from __future__ import annotations

import math
from functools import singledispatch
from typing import NamedTuple

from augpipe.train.config import (
    ConstantConfig,
    CosineConfig,
    Section,
    StepConfig,
    WarmupCosineConfig,
)


class Clock(NamedTuple):
    """How long a run is, counted in optimizer steps."""

    total_steps: int
    steps_per_epoch: int


@singledispatch
def lr_factor(schedule: Section, step: int, clock: Clock) -> float:
    """The factor of the peak learning rate at one optimizer step.

    Args:
        schedule: one of the schedule configs.
        step: the optimizer step about to be taken, 0 <= step < `clock.total_steps`.
        clock: how long the run is.

    Returns:
        A factor in [0, 1].
    """
    raise TypeError(f"{type(schedule).__name__} has no schedule")


@lr_factor.register
def _constant(schedule: ConstantConfig, step: int, clock: Clock) -> float:
    return 1.0


@lr_factor.register
def _cosine(schedule: CosineConfig, step: int, clock: Clock) -> float:
    return _half_cosine(step / clock.total_steps, schedule.final)


@lr_factor.register
def _warmup_cosine(schedule: WarmupCosineConfig, step: int, clock: Clock) -> float:
    warmup = round(schedule.warmup_epochs * clock.steps_per_epoch)
    if step < warmup:
        return (step + 1) / warmup
    return _half_cosine((step - warmup) / (clock.total_steps - warmup), schedule.final)


@lr_factor.register
def _step(schedule: StepConfig, step: int, clock: Clock) -> float:
    epoch = step // clock.steps_per_epoch
    return schedule.gamma ** (epoch // schedule.every_epochs)


def _half_cosine(progress: float, final: float) -> float:
    """From 1 at progress 0 to `final` at progress 1."""
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))
