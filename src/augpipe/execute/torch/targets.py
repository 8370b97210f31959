"""Boxes, masks and keypoints of a whole batch follow its plan.

Boxes and keypoints are few: they are moved on the host in float64, by the code that moves those of
one picture, so that no device is waited for. Masks stay on their device (`torch_masks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from augpipe.boxes import BoxParams
from augpipe.data.sample import Targets
from augpipe.errors import within
from augpipe.execute.target_mix import covered_by, cut_to, join
from augpipe.execute.targets import Moving
from augpipe.execute.torch.masks import Masks
from augpipe.plan import Mix, Plan, Step
from augpipe.rows import own_steps


def move(
    plan: Plan, targets: Sequence[Targets], masks: Sequence[Tensor] | None = None
) -> tuple[list[Targets], list[Tensor] | None]:
    """What becomes of a batch's targets.

    Args:
        plan: for the whole batch, of B rows.
        targets: of each picture, without masks: those are given apart.
        masks: of each picture (N, H, W), one for each object, or (H, W) of classes; on any device.

    Returns:
        The same after the plan. Objects that `plan.boxes` are not content with are gone, with their
        masks; where pictures were mixed, the partner's objects come after the picture's own.

    Raises:
        TargetError: a step moves pixels and has no rule for a target that is present.
        DataError: pictures are mixed of which some have a target that others lack.
    """
    moving = [
        Moving.start(own, (int(size[0]), int(size[1])))
        for own, size in zip(targets, plan.size, strict=True)
    ]
    planes, size = Masks.of(masks) if masks else None, plan.size
    for mixes, group in groupby(plan.steps, lambda step: isinstance(step, Mix)):
        steps = tuple(group)
        if mixes:
            moving, planes = _mixed(steps, moving, planes)
        else:
            moving = [_through(steps, row, own) for row, own in enumerate(moving)]
            planes = planes and planes.through(steps, size)
            size = Plan(size, steps).out_size
    finished = [_finish(own, plan.boxes) for own in moving]
    kept = [numbers for _, numbers in finished]
    return [own for own, _ in finished], None if planes is None else planes.apart(kept)


def _through(steps: Sequence[Step], row: int, own: Moving) -> Moving:
    for step in own_steps(steps, row) if own.present else ():
        own = own.through(step, row)
    return own


def _mixed(
    steps: Sequence[Step], moving: list[Moving], planes: Masks | None
) -> tuple[list[Moving], Masks | None]:
    """After one mix, or several in a row."""
    for step in steps:
        mix = cast(Mix, step)
        with within(" + ".join(mix.ops)):
            settled = [own.settled() for own in moving]
            moving = [_with_partner(mix, row, settled) for row in range(len(settled))]
            planes = planes and planes.mixed(mix)
    return moving, planes


def _with_partner(mix: Mix, row: int, all_rows: Sequence[Moving]) -> Moving:
    """One picture's targets and its partner's, where anything of the partner is to be seen."""
    own, other = all_rows[row], all_rows[mix.params["partner"][row]]
    if not np.asarray(mix.needed)[row, 1]:
        return own
    weight = float(mix.params["weight"][row])
    if mix.name == "cutmix":
        rectangle = mix.params["rectangle"][row].astype(np.float64)
        own, other = covered_by(own, rectangle), cut_to(other, rectangle, np.eye(3))
    return join((own, other), (weight, 1 - weight))


def _finish(own: Moving, boxes: BoxParams) -> tuple[Targets, NDArray[np.int64] | None]:
    """Where everything came to lie, and the numbers of the objects that are left; None is all.

    On the way the objects' numbers take the place of their classes.
    """
    if own.outlines is None:
        return own.finish(boxes), None
    numbers = np.arange(own.outlines.shape[1])
    done = replace(own, targets=replace(own.targets, box_labels=numbers)).finish(boxes)
    kept, labels = np.asarray(done.box_labels), own.targets.box_labels
    return replace(done, box_labels=None if labels is None else labels[kept]), kept
