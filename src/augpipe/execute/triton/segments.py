"""Which steps of a plan one Triton kernel carries out together, and which are left to torch.

    fused   a warp, then what is done to single pixels, one mix among it    one kernel
    blur    a Gaussian blur                                                 a kernel for each axis
    torch   anything else                                                   `torch_batch`

A fused segment reads its pictures once and writes them once. Where a colour map wants the mean of
what it is given, the kernel runs once more before, up to there, and writes sums instead of pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from augpipe.plan import Kernel, Lookup, Mix, Plan, Recolor, Step, Warp, needs_mean
from augpipe.rows import normalizes

Where = Literal["fused", "blur", "torch"]

# Kernels that are done to single pixels: those of levels alone, and those of normalised ones too.
_OF_LEVELS = {"hsv", "noise", "specks"}
_OF_ANY = {"barrier", "erase", "erase_grid", "erase_random", "normalize"}
_MIXES = {"cutmix", "mixup"}

_TEXT = {"fused": "triton, one kernel", "blur": "triton, two passes", "torch": "torch"}


@dataclass(frozen=True)
class Segment:
    """Steps that are carried out together.

    Attributes:
        where: by what.
        steps: them, in order.
        levels: whether the pixels that come in are levels, not normalised yet.
    """

    where: Where
    steps: tuple[Step, ...]
    levels: bool

    @property
    def ops(self) -> str:
        """The slots of the ops that it carries out, as text."""
        return " + ".join(op for step in self.steps for op in step.ops)

    @property
    def out_levels(self) -> bool:
        """Whether those that go out are."""
        return self.levels and not any(map(normalizes, self.steps))


def cut(steps: Iterable[Step], *, levels: bool = True) -> tuple[Segment, ...]:
    """The steps in segments, each as long as can be.

    Args:
        steps: of a plan.
        levels: whether the batch is uint8.
    """
    segments: list[Segment] = []
    for step in steps:
        where = _where(step, levels)
        if segments and _joins(segments[-1], step, where):
            last = segments.pop()
            segments.append(Segment(where, (*last.steps, step), last.levels))
        else:
            segments.append(Segment(where, (step,), levels))
        levels = segments[-1].out_levels
    return tuple(segments)


def _where(step: Step, levels: bool) -> Where:
    """By what a step is carried out; what torch refuses goes there, to be refused."""
    if isinstance(step, Warp):
        return "torch" if np.ptp(step.size, axis=0).any() else "fused"
    if isinstance(step, Mix):
        return "fused" if step.name in _MIXES and not step.parts else "torch"
    if isinstance(step, Recolor | Lookup):
        return "fused" if levels else "torch"
    if isinstance(step, Kernel) and step.name == "gaussian_blur":
        return "blur"
    known = _OF_ANY | _OF_LEVELS if levels else _OF_ANY
    return "fused" if isinstance(step, Kernel) and step.name in known else "torch"


def _joins(before: Segment, step: Step, where: Where) -> bool:
    """Whether the step is carried out with those before it."""
    if where != before.where or where == "blur":
        return False
    if where == "torch":
        return True
    mixes = isinstance(step, Mix) and any(isinstance(other, Mix) for other in before.steps)
    return not isinstance(step, Warp) and not mixes


def describe(plan: Plan) -> list[tuple[str, str]]:
    """What runs where on a batch of uint8, for `explain`.

    Returns:
        For each segment its ops, and by what: `("affine#0 + hsv#0", "triton, one kernel")`.
    """
    return [(segment.ops, _TEXT[segment.where] + _sums(segment)) for segment in cut(plan.steps)]


def _sums(segment: Segment) -> str:
    means = sum(isinstance(step, Recolor) and needs_mean(step).any() for step in segment.steps)
    return f", and {means} to measure means" if means and segment.where == "fused" else ""
