"""What single rows of a plan go through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.plan import Branch, Kernel, Mix, Step, Warp


def chosen_steps(branch: Branch, row: int) -> tuple[Step, ...] | None:
    """The only way that a row takes; None where it blends several."""
    (taken,) = np.nonzero(branch.weights[row])
    alone = len(taken) == 1 and branch.weights[row, taken[0]] == 1
    return branch.ways[taken[0]] if alone else None


def own_steps(steps: Iterable[Step], row: int) -> Iterator[Step]:
    """What one row goes through: of a branch its own way, or the branch itself if it blends."""
    for step in steps:
        way = chosen_steps(step, row) if isinstance(step, Branch) else None
        if way is None:
            yield step
        else:
            yield from own_steps(way, row)


def moves_pixels(step: Step, row: int | None = None) -> bool:
    """Whether boxes, masks and keypoints, of one row or of any, have to follow the step."""
    if isinstance(step, Branch):
        weights = step.weights if row is None else step.weights[[row]]
        taken = [way for own, way in zip(weights.T, step.ways, strict=True) if own.any()]
        return any(moves_pixels(inner, row) for way in taken for inner in way)
    return step.moves if isinstance(step, Kernel) else isinstance(step, Warp | Mix)


def normalizes(step: Step) -> bool:
    """Whether levels come in and floats go out."""
    return isinstance(step, Kernel) and step.name == "normalize"


def take_rows(step: Step, rows: NDArray[np.int64]) -> Step:
    """The step for some of its rows."""
    values = {field.name: getattr(step, field.name) for field in fields(step)}
    taken: dict[str, Any] = {k: v[rows] for k, v in values.items() if isinstance(v, np.ndarray)}
    if isinstance(step, Kernel):
        taken["params"] = {name: value[rows] for name, value in step.params.items()}
    if isinstance(step, Branch):
        taken["ways"] = tuple(tuple(take_rows(s, rows) for s in way) for way in step.ways)
    return replace(step, **taken)
