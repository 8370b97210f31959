"""Which ops of a pipeline are done once for all epochs, and which on every batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from augpipe.errors import RecipeError
from augpipe.execute.torch.lower import KERNELS
from augpipe.ops.base import Op
from augpipe.pipeline import Pipeline
from augpipe.plan import Branch, Kernel, Lookup, Plan, Recolor, Step, why_apart


def split(pipeline: Pipeline, size: tuple[int, int]) -> tuple[Pipeline, Pipeline]:
    """The ops for single pictures, cut in two: what is done once, and what on batches.

    The first part is the longest beginning that draws nothing, and of which no step is one with a
    step behind it: there is no pixel that the cut would change.

    Args:
        pipeline: whose ops for whole batches are not looked at.
        size: of one of the pictures.

    Raises:
        RecipeError: an op of the second part cannot act on whole batches.
    """
    count = next((n for n, op in enumerate(pipeline.ops) if not _is_fixed(op)), len(pipeline))
    while count and count < len(pipeline) and not _may_cut(pipeline, count, size):
        count -= 1
    once, later = _part(pipeline, 0, count), _part(pipeline, count, len(pipeline))
    _refuse_single_pictures(later, once.plan(size))
    return once, later


def _part(pipeline: Pipeline, first: int, end: int) -> Pipeline:
    """Some of the ops, under the slots that they have in the whole."""
    part = Pipeline(pipeline.ops[first:end])
    part.slots = pipeline.slots[first:end]
    return part


def _is_fixed(op: Op) -> bool:
    """Whether what the op does to a picture is always the same, and gives one of uint8."""
    always = getattr(op, "p", 1) in (0, 1)
    return always and not op.draws and op.views == 1 and not op.ends_in_float


def _may_cut(pipeline: Pipeline, count: int, size: tuple[int, int]) -> bool:
    """Whether the steps before and behind are never one, whatever is drawn."""
    before = _part(pipeline, 0, count).plan(size)
    behind = _part(pipeline, count, len(pipeline)).plan(tuple(before.out_size[0]))
    if not before.steps or not behind.steps:
        return True
    last, first = before.steps[-1], behind.steps[0]
    # A matrix may be a table too, by what is drawn.
    colours = all(isinstance(step, Recolor | Lookup) for step in (last, first))
    return not colours and why_apart(last, first) is not None


def _refuse_single_pictures(later: Pipeline, once: Plan) -> None:
    for op in later.ops:
        if op.partners or op.views > 1 or op.needs_boxes:
            what = "mixes rows of the dataset" if op.partners else "works on single pictures"
            raise RecipeError(
                f"cache='device': {op.title()} {what}, and all that draws runs on whole batches "
                "there; move it to batch if it can stand there, or leave cache out"
            )
    for step in _all_steps(later.plan(np.asarray(once.out_size[0])).steps):
        if isinstance(step, Kernel) and step.name not in KERNELS:
            raise RecipeError(
                f"cache='device': {' + '.join(step.ops)} runs on single pictures only, and all "
                "that draws runs on whole batches there; leave the op out, or cache"
            )


def _all_steps(steps: Iterable[Step]) -> Iterable[Step]:
    """Those of all ways too."""
    for step in steps:
        yield step
        for way in step.ways if isinstance(step, Branch) else ():
            yield from _all_steps(way)
