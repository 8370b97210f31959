"""To torch's schedulers, and from them.

There: a `LambdaLR` that asks our function, for loops that step a scheduler. Back: torch's scheduler
is run ahead of time on a parameter of its own, and what it does is written down. So it becomes a
function of the step too, and a resumed run cannot get it wrong (pytorch issue 162591).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.optim import Optimizer, lr_scheduler

from augpipe.errors import RecipeError, suggest

_SCHEDULERS = {
    name: kind
    for name, kind in vars(lr_scheduler).items()
    if isinstance(kind, type) and issubclass(kind, lr_scheduler.LRScheduler) and name[0] != "_"
}

# These want other schedulers, or functions, or how well training goes: no recipe can write that.
_NOT_FROM_RECIPES = {
    "LRScheduler": "a schedule",
    "ChainedScheduler": "chain",
    "SequentialLR": "chain",
    "LambdaLR": "function",
    "MultiplicativeLR": "function",
    "ReduceLROnPlateau": "train.plateau",
}


class Table:
    """What a scheduler does in a run: a learning rate, and perhaps a momentum, for each step.

    Args:
        rates: relative to the peak.
        momenta: as many, or none.
    """

    def __init__(self, rates: array[float], momenta: array[float] | None) -> None:
        self._rates, self._momenta = rates, momenta

    def lr_factor(self, step: int) -> float:
        """The factor of the peak learning rate at one optimizer step."""
        return self._rates[step]

    def momentum(self, step: int) -> float | None:
        """The momentum at one optimizer step, or None where it is not cycled."""
        return self._momenta[step] if self._momenta is not None else None


def to_torch(
    optimizer: Optimizer, factor: Callable[[int], float], last_step: int = -1
) -> lr_scheduler.LambdaLR:
    """A scheduler of torch's, to be stepped after each step of the optimizer.

    Args:
        optimizer: its `lr` is the peak rate.
        factor: of the peak rate by step, such as `lambda step: lr_factor(schedule, step, clock)`.
        last_step: how many steps have been taken, less one.
    """
    return lr_scheduler.LambdaLR(optimizer, factor, last_step)


def from_torch(
    make: Callable[[Optimizer], lr_scheduler.LRScheduler],
    total_steps: int,
    *,
    lr: float = 1.0,
    steps_per_call: int = 1,
) -> Table:
    """Run a scheduler of torch's ahead of time.

    Args:
        make: gives the scheduler of an optimizer, here an SGD with momentum.
        total_steps: how many optimizer steps to run it for.
        lr: the peak rate: the optimizer's, and what factors are relative to.
        steps_per_call: after how many optimizer steps the scheduler is stepped; with the steps of
            an epoch, once an epoch.

    Raises:
        TypeError: it is a `ReduceLROnPlateau`, which is no function of the step.
    """
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    scheduler = make(optimizer)
    if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
        raise TypeError("ReduceLROnPlateau is no function of the step; use augpipe's Plateau")
    group = optimizer.param_groups[0]
    rates, momenta = array("d"), array("d")
    optimizer.step()  # without a gradient; or torch would warn that schedulers come after steps
    for step in range(1, total_steps + 1):
        rates.append(float(group["lr"]) / lr)
        momenta.append(float(group["momentum"]))
        if step % steps_per_call == 0 and step < total_steps:
            scheduler.step()
    return Table(rates, momenta if set(momenta) != {0.9} else None)


def run_named(
    name: str, arguments: Mapping[str, Any], total_steps: int, steps_per_call: int
) -> Table:
    """Run a scheduler that is named as torch names it, under a peak rate of 1.

    Raises:
        RecipeError: there is none of that name, a recipe cannot describe it, or its arguments are
            wrong.
    """
    where = "train.schedule.scheduler"
    if name in _NOT_FROM_RECIPES:
        raise RecipeError(
            f"{where}: {name} does not fit in a recipe; use {_NOT_FROM_RECIPES[name]}"
        )
    if name not in _SCHEDULERS:
        raise RecipeError(f"{where}: torch has no {name!r}; {suggest(name, _SCHEDULERS)}")
    kind: Callable[..., lr_scheduler.LRScheduler] = _SCHEDULERS[name]
    try:
        return from_torch(
            lambda optimizer: kind(optimizer, **arguments),
            total_steps,
            steps_per_call=steps_per_call,
        )
    except (TypeError, ValueError) as error:
        raise RecipeError(f"train.schedule.arguments: {name}: {error}") from error
