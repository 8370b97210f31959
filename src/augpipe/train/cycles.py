"""Schedules that go up again: restarts, one cycle, triangles; and the momentum beside them.

Rates are fractions of the peak rate. Positions are steps, counted from 0.
"""

from __future__ import annotations

import math

from augpipe.train.config.schedule import CosineRestartsConfig, CyclicConfig, OneCycleConfig


def half_cosine(progress: float, final: float) -> float:
    """From 1 at progress 0 to `final` at progress 1."""
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))


def restarts(config: CosineRestartsConfig, step: int, period: int) -> float:
    """Half cosines of `period`, `period * multiply`, `period * multiply**2`, … steps."""
    while step >= period:
        step -= period
        period *= config.multiply
        if config.multiply == 1:
            step %= period
    return half_cosine(step / period, config.final)


def one_cycle(config: OneCycleConfig, step: int, total_steps: int) -> float:
    """The rate at a step of a run of `total_steps`."""
    first = 1 / config.div_factor
    turns = [first, 1.0, first / config.final_div_factor]
    if config.three_phase:
        turns.insert(2, first)
    return _through(turns, config, step, total_steps)


def one_cycle_momentum(config: OneCycleConfig, step: int, total_steps: int) -> float | None:
    """The momentum at a step of a run of `total_steps`, where it is cycled."""
    if config.momentum is None:
        return None
    at_peak, at_ends = config.momentum
    turns = [at_ends, at_peak, at_ends]
    if config.three_phase:
        turns.append(at_ends)
    return _through(turns, config, step, total_steps)


def _through(turns: list[float], config: OneCycleConfig, step: int, total_steps: int) -> float:
    """From turn to turn; the rise, and a fall of equal length, are shares of the run."""
    rise = config.pct_start * total_steps
    ends = [0.0, rise - 1, total_steps - 1.0]
    if config.three_phase:
        ends.insert(2, 2 * rise - 2)
    for start, end, low, high in zip(ends, ends[1:], turns, turns[1:], strict=False):
        if step <= end or end == ends[-1]:
            progress = (step - start) / (end - start) if end > start else 1.0
            bent = progress if config.anneal == "linear" else 1 - half_cosine(progress, 0.0)
            return low + (high - low) * bent
    raise AssertionError("the last stretch takes every step")


def triangles(config: CyclicConfig, step: int, up: int, down: int) -> float:
    """The rate at a step, where triangles rise for `up` steps and fall for `down`."""
    return config.low + (1 - config.low) * _height(config, step, up, down)


def triangles_momentum(config: CyclicConfig, step: int, up: int, down: int) -> float | None:
    """The momentum at a step, where it is cycled: against the rate."""
    if config.momentum is None:
        return None
    at_peak, at_lows = config.momentum
    return at_lows - (at_lows - at_peak) * _height(config, step, up, down)


def _height(config: CyclicConfig, step: int, up: int, down: int) -> float:
    """From 0 at the lows to 1 at the first peak; later ones may be lower."""
    cycle, at = divmod(step, up + down)
    height = at / up if at <= up else (up + down - at) / down
    damped = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": config.gamma**step}
    return height * damped[config.mode]
