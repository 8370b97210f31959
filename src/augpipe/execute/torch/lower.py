"""From the steps of a plan to stages: every kernel that torch has, by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from augpipe.errors import PlanError, suggest, within
from augpipe.execute.torch import (
    clahe,
    color,
    displace,
    domain,
    erase,
    filter,
    generator,
    histogram,
    mix,
    noise,
    warp,
    weather,
)
from augpipe.execute.torch.stage import Part, Parting, Stage
from augpipe.execute.torch.types import Given, Kernels, to_uint8
from augpipe.plan import Branch, Lookup, Mix, Plan, Recolor, Step, Warp
from augpipe.rows import normalizes

KERNELS: Kernels = {
    **clahe.KERNELS,
    **color.KERNELS,
    **displace.KERNELS,
    **domain.KERNELS,
    **erase.KERNELS,
    **filter.KERNELS,
    **generator.KERNELS,
    **histogram.KERNELS,
    **noise.KERNELS,
    **weather.KERNELS,
    # Nothing to compile, and a graph ends here as fusion does.
    "barrier": lambda *_: Stage(lambda pixels, _: pixels, fixed=False),
}


def lower(plan: Plan, *, floating: bool, fixed: bool) -> list[Part]:
    """The stages of a plan.

    Args:
        plan: for a batch of one size.
        floating: whether the pictures are floats, normalised already.
        fixed: whether stages must have forms that no parameter changes.

    Raises:
        PlanError: torch has no kernel for a step.
    """
    height, width = plan.size[0].tolist()
    return list(_chain(plan.steps, Given((height, width), floating, fixed)))


def _chain(steps: tuple[Step, ...], given: Given) -> tuple[Part, ...]:
    parts: list[Part] = []
    for step in steps:
        with within(" + ".join(step.ops)):
            lowered = [_finished(part, step, given) for part in _lower(step, given)]
        parts += [*_between(parts, lowered, given), *lowered]
        if isinstance(step, Warp | Mix):
            given = given._replace(size=(int(step.size[0, 0]), int(step.size[0, 1])))
        if normalizes(step):
            given = given._replace(floating=True)
    return (*parts, *_between(parts, [], given))


# Between a stage that may hand on whole levels as floats, and whoever takes them as uint8.
_TO_UINT8 = Stage(lambda pixels, _: to_uint8(pixels))


def _between(before: list[Part], after: list[Part], given: Given) -> list[Part]:
    """What has to be done to the levels that some parts hand on, for the next ones to take them."""
    levels = not (given.fixed or given.floating)
    handed, taken = (any(map(_takes_floats, part)) for part in (before[-1:], after[:1]))
    return [_TO_UINT8] if levels and handed and not taken else []


def _takes_floats(part: Part) -> bool:
    return isinstance(part, Stage) and part.floats


def _finished(part: Part, step: Step, given: Given) -> Part:
    """Labelled, and without the host's choices where all rows go one way."""
    if given.fixed and isinstance(part, Stage) and part.run:
        part = replace(part, kinds=None)
    return replace(part, ops=step.ops)


def _lower(step: Step, given: Given) -> tuple[Part, ...]:
    """The stages of one step."""
    if isinstance(step, Branch):
        # Of a way that nobody takes nothing is asked, as nobody's plan would.
        taken = zip(step.ways, np.any(step.weights, axis=0), strict=True)
        ways = tuple(_chain(way, given) if some else () for way, some in taken)
        return (Parting(step.weights, ways),)
    if isinstance(step, Mix):
        return (mix.mix(step, given),)
    if isinstance(step, Warp):
        return warp.warp(step, given)
    if isinstance(step, Recolor):
        return (color.recolor(step, given),)
    if isinstance(step, Lookup):
        return (color.look_up(step, given),)
    if step.name not in KERNELS:
        raise PlanError(f"torch has no kernel {step.name!r}; {suggest(step.name, KERNELS)}")
    return (KERNELS[step.name](step.params, given),)
