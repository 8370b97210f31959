"""A plan's steps in values: what fused, why the rest did not, who carries it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from augpipe.plan import Branch, Kernel, Mix, Plan, Step, count_resamplings, why_apart
from augpipe.rows import chosen_steps

# For a step, by the numbers that lead to it (first the steps of the plan, then for a mix the number
# of a picture, then the steps of its plan): the seconds that it takes for one picture.
Seconds = Mapping[tuple[int, ...], float]


@dataclass(frozen=True)
class Way:
    """What some of the pictures go through.

    Attributes:
        share: of the draws.
        does: its steps.
    """

    share: float
    does: str


@dataclass(frozen=True)
class Branching:
    """Where pictures part.

    Attributes:
        blends: how many ways each picture goes at once; their results are blended.
        ways: where that is one, the ways, the most frequent first.
    """

    blends: int
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class Group:
    """Pictures that go into a mix, and what is done to them before, which is alike.

    Attributes:
        pictures: their numbers; 0 is the sample's own.
        outline: of their plan.
    """

    pictures: tuple[int, ...]
    outline: Outline


@dataclass(frozen=True)
class Line:
    """A step.

    Attributes:
        kind: warp, recolor, lookup, kernel, branch or mix.
        ops: the slots of the ops that it carries out.
        does: in words.
        apart: why it is not one with the step before it; None for the first.
        runs_on: who carries it out.
        microseconds: for one picture; None where that was not measured. A mix's include those of
            its pictures.
        drawn: of a mix, how often its partners are needed: a share of the draws.
        branching: of a branch, its ways.
        groups: of a mix, the pictures that go in.
    """

    kind: str
    ops: tuple[str, ...]
    does: str
    apart: str | None
    runs_on: str
    microseconds: float | None
    drawn: float | None = None
    branching: Branching | None = None
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True)
class Outline:
    """A plan.

    Attributes:
        size: height and width of what comes in.
        out_size: of what comes out, (smallest, largest).
        ops: the slots of all ops, those before a mix included.
        resamplings: how often a picture is resampled.
        steps: in order.
    """

    size: tuple[int, int]
    out_size: tuple[tuple[int, int], tuple[int, int]]
    ops: tuple[str, ...]
    resamplings: int
    steps: tuple[Line, ...]

    @property
    def count(self) -> int:
        """How many steps there are, those before a mix included; what is alike counts once."""
        inside = (group.outline.count for line in self.steps for group in line.groups)
        return len(self.steps) + sum(inside)

    @property
    def microseconds(self) -> float | None:
        """For one picture, all steps together; None where they were not measured."""
        known = [line.microseconds for line in self.steps if line.microseconds is not None]
        return sum(known) if known or not self.steps else None


def outline_of(plan: Plan, where: Sequence[str] = (), seconds: Seconds | None = None) -> Outline:
    """The steps of a plan.

    Args:
        plan: of B draws for pictures of one size.
        where: who carries out each step; by default OpenCV, or whose transform it is.
        seconds: what was measured.
    """
    return _outline(plan, where, seconds or {}, ())


def _outline(plan: Plan, where: Sequence[str], seconds: Seconds, path: tuple[int, ...]) -> Outline:
    height, width = plan.size[0].tolist()
    return Outline(
        (height, width),
        (_pair(plan.out_size.min(axis=0)), _pair(plan.out_size.max(axis=0))),
        tuple(dict.fromkeys(_ops(plan.steps))),
        count_resamplings(plan.steps),
        tuple(_lines(plan, where, seconds, path)),
    )


def _ops(steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        for part in step.parts if isinstance(step, Mix) else ():
            yield from _ops(part.steps)
        yield from step.ops


def _lines(
    plan: Plan, where: Sequence[str], seconds: Seconds, path: tuple[int, ...]
) -> Iterator[Line]:
    for number, step in enumerate(plan.steps):
        took = seconds.get((*path, number))
        yield Line(
            kind=type(step).__name__.lower(),
            ops=tuple(dict.fromkeys(step.ops)),
            does=_does(step),
            apart=why_apart(plan.steps[number - 1], step) if number else None,
            runs_on=where[number] if where else _library(step) or "cv2",
            microseconds=None if took is None else 1e6 * took,
            drawn=_drawn(step),
            branching=_branching(step) if isinstance(step, Branch) else None,
            groups=_groups(step, seconds, (*path, number)) if isinstance(step, Mix) else (),
        )


def _does(step: Step) -> str:
    """What `str` says, except where that would name every way of a branch, or nobody."""
    if isinstance(step, Branch):
        return "each picture its own way" if _blends(step) == 1 else f"{_blends(step)} ways blended"
    if library := _library(step):
        return f"a transform of {library}" if library != "callable" else "a callable"
    return str(step)


def _library(step: Step) -> str | None:
    """Whose transform it is, if it is none of ours."""
    if isinstance(step, Kernel) and step.name == "foreign":
        return str(step.params["call"][0].__self__.library)
    return None


def _drawn(step: Step) -> float | None:
    if not isinstance(step, Mix) or step.needed is None:
        return None
    return float(step.needed[:, 1:].any(axis=1).mean())


def _blends(branch: Branch) -> int:
    return int((branch.weights > 0).sum(axis=1).max())


def _branching(branch: Branch) -> Branching:
    blends = _blends(branch)
    if blends > 1:
        return Branching(blends, ())
    rows = len(branch.weights)
    taken = Counter(_in_words(chosen_steps(branch, row) or ()) for row in range(rows))
    return Branching(1, tuple(Way(count / rows, does) for does, count in taken.most_common()))


def _in_words(steps: Iterable[Step]) -> str:
    return ", then ".join(map(_does, steps)) or "as it is"


def _groups(mix: Mix, seconds: Seconds, path: tuple[int, ...]) -> tuple[Group, ...]:
    """The pictures that go in; those whose plans read alike together."""
    outlines = [_outline(part, (), {}, ()) for part in mix.parts]
    groups = []
    for own in dict.fromkeys(outlines):
        pictures = tuple(number for number, other in enumerate(outlines) if other == own)
        timed = _outline(mix.parts[pictures[0]], (), seconds, (*path, pictures[0]))
        groups.append(Group(pictures, timed))
    return tuple(groups)


def _pair(size: np.ndarray) -> tuple[int, int]:
    return int(size[0]), int(size[1])
