"""Learning-rate schedules: pure functions from an optimizer step to a factor of the peak rate.

Nothing is remembered between steps, so a resumed run needs nothing restored, and a schedule can be
drawn before training starts. A new schedule is a config class and one registered function here.
(`plateau` is the one that depends on how training goes; it stands on top of any of these.)
"""

from __future__ import annotations

import json
from bisect import bisect_right
from functools import lru_cache, singledispatch
from itertools import accumulate

from augpipe.train.clock import Clock
from augpipe.train.config.schedule import (
    ChainConfig,
    ConstantConfig,
    CosineConfig,
    CosineRestartsConfig,
    CyclicConfig,
    ExponentialConfig,
    FunctionConfig,
    LinearConfig,
    MultistepConfig,
    OneCycleConfig,
    PiecewiseConfig,
    PolynomialConfig,
    ReciprocalConfig,
    StepConfig,
    TorchConfig,
    WarmupConfig,
    WarmupCosineConfig,
)
from augpipe.train.config.section import Section
from augpipe.train.cycles import (
    half_cosine,
    one_cycle,
    one_cycle_momentum,
    restarts,
    triangles,
    triangles_momentum,
)
from augpipe.train.named import named
from augpipe.train.torch_schedule import Table, run_named

__all__ = ["Clock", "lr_factor", "momentum"]


@singledispatch
def lr_factor(schedule: Section, step: int, clock: Clock) -> float:
    """The factor of the peak learning rate at one optimizer step.

    Args:
        schedule: one of the schedule configs.
        step: the optimizer step about to be taken, 0 <= step < `clock.total_steps`.
        clock: how long the run is.

    Returns:
        A factor in [0, 1]; piecewise factors and functions of yours may give more.
    """
    raise TypeError(f"{type(schedule).__name__} has no schedule")


@singledispatch
def momentum(schedule: Section, step: int, clock: Clock) -> float | None:
    """The momentum at one optimizer step, or None where the schedule leaves it alone.

    The arguments are those of `lr_factor`.
    """
    return None


@lr_factor.register
def _constant(schedule: ConstantConfig, step: int, clock: Clock) -> float:
    return 1.0


@lr_factor.register
def _piecewise(schedule: PiecewiseConfig, step: int, clock: Clock) -> float:
    return schedule.factors[_passed(schedule.epochs, step, clock)]


@lr_factor.register
def _step(schedule: StepConfig, step: int, clock: Clock) -> float:
    epoch = step // clock.steps_per_epoch
    return schedule.gamma ** (epoch // schedule.every_epochs)


@lr_factor.register
def _multistep(schedule: MultistepConfig, step: int, clock: Clock) -> float:
    return float(schedule.gamma ** _passed(schedule.epochs, step, clock))


@lr_factor.register
def _exponential(schedule: ExponentialConfig, step: int, clock: Clock) -> float:
    return float(schedule.gamma ** (step / clock.steps_per_epoch))


@lr_factor.register
def _reciprocal(schedule: ReciprocalConfig, step: int, clock: Clock) -> float:
    return float((1 + step / clock.steps_per_epoch / schedule.r) ** -schedule.c)


@lr_factor.register
def _linear(schedule: LinearConfig, step: int, clock: Clock) -> float:
    return schedule.start + (schedule.final - schedule.start) * step / clock.total_steps


@lr_factor.register
def _polynomial(schedule: PolynomialConfig, step: int, clock: Clock) -> float:
    left = 1 - step / clock.total_steps
    return float(schedule.final + (1 - schedule.final) * left**schedule.power)


@lr_factor.register
def _cosine(schedule: CosineConfig, step: int, clock: Clock) -> float:
    return half_cosine(step / clock.total_steps, schedule.final)


@lr_factor.register
def _warmup_cosine(schedule: WarmupCosineConfig, step: int, clock: Clock) -> float:
    ramp = clock.steps(schedule.warmup_epochs)
    if step < ramp:
        return (step + 1) / ramp
    return half_cosine((step - ramp) / (clock.total_steps - ramp), schedule.final)


@lr_factor.register
def _cosine_restarts(schedule: CosineRestartsConfig, step: int, clock: Clock) -> float:
    return restarts(schedule, step, max(clock.steps(schedule.period_epochs), 1))


@lr_factor.register
def _one_cycle(schedule: OneCycleConfig, step: int, clock: Clock) -> float:
    return one_cycle(schedule, step, clock.total_steps)


@momentum.register
def _one_cycle_momentum(schedule: OneCycleConfig, step: int, clock: Clock) -> float | None:
    return one_cycle_momentum(schedule, step, clock.total_steps)


@lr_factor.register
def _cyclic(schedule: CyclicConfig, step: int, clock: Clock) -> float:
    return triangles(schedule, step, *_sides(schedule, clock))


@momentum.register
def _cyclic_momentum(schedule: CyclicConfig, step: int, clock: Clock) -> float | None:
    return triangles_momentum(schedule, step, *_sides(schedule, clock))


@lr_factor.register
def _function(schedule: FunctionConfig, step: int, clock: Clock) -> float:
    function = named(schedule.function, "train.schedule.function")
    return float(function(step, clock, **schedule.arguments))


@lr_factor.register
def _torch(schedule: TorchConfig, step: int, clock: Clock) -> float:
    return _table(schedule.model_dump_json(), clock).lr_factor(step)


@momentum.register
def _torch_momentum(schedule: TorchConfig, step: int, clock: Clock) -> float | None:
    return _table(schedule.model_dump_json(), clock).momentum(step)


@lr_factor.register
def _warmup(schedule: WarmupConfig, step: int, clock: Clock) -> float:
    ramp = clock.steps(schedule.epochs)
    after, rest = step - ramp, clock._replace(total_steps=max(clock.total_steps - ramp, 1))
    if after >= 0:
        return lr_factor(schedule.schedule, after, rest)
    top = lr_factor(schedule.schedule, 0, rest)
    return schedule.start + (top - schedule.start) * (step + 1) / ramp


@momentum.register
def _warmup_momentum(schedule: WarmupConfig, step: int, clock: Clock) -> float | None:
    ramp = clock.steps(schedule.epochs)
    rest = clock._replace(total_steps=max(clock.total_steps - ramp, 1))
    return momentum(schedule.schedule, max(step - ramp, 0), rest)


@lr_factor.register
def _chain(schedule: ChainConfig, step: int, clock: Clock) -> float:
    return lr_factor(*_link(schedule, step, clock))


@momentum.register
def _chain_momentum(schedule: ChainConfig, step: int, clock: Clock) -> float | None:
    return momentum(*_link(schedule, step, clock))


def _link(chain: ChainConfig, step: int, clock: Clock) -> tuple[Section, int, Clock]:
    """The schedule of a chain that a step falls to, the step and the clock as it sees them."""
    ends = [clock.steps(epochs) for epochs in accumulate(p.epochs or 0 for p in chain.chain)]
    ends[-1] = clock.total_steps
    at = min(bisect_right(ends, step), len(ends) - 1)
    start = ends[at - 1] if at else 0
    return chain.chain[at].schedule, step - start, clock._replace(total_steps=ends[at] - start)


def _passed(epochs: tuple[float, ...], step: int, clock: Clock) -> int:
    """How many of these points of the run a step has reached."""
    return bisect_right([clock.steps(epoch) for epoch in epochs], step)


def _sides(schedule: CyclicConfig, clock: Clock) -> tuple[int, int]:
    """How many steps a triangle rises and falls."""
    up = clock.steps(schedule.up_epochs)
    down = up if schedule.down_epochs is None else clock.steps(schedule.down_epochs)
    return max(up, 1), max(down, 1)


@lru_cache(maxsize=64)
def _table(schedule: str, clock: Clock) -> Table:
    """What torch's scheduler of a `TorchConfig`, as JSON, does in the whole run."""
    config = TorchConfig(**json.loads(schedule))
    per = clock.steps_per_epoch if config.per == "epoch" else 1
    return run_named(config.scheduler, config.arguments, clock.total_steps, per)
