"""Boxes, masks and keypoints of a whole batch follow its plan.

Boxes and keypoints are few: they are moved on the host in float64, so that no device is waited for;
those of all pictures at once (`objects`), unless each goes its own way. Masks stay on their device
(`masks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import cast

import numpy as np
from torch import Tensor

from augpipe.data.sample import Targets
from augpipe.errors import within
from augpipe.execute.target_mix import covered_by, cut_to, join
from augpipe.execute.targets import Moving
from augpipe.execute.torch import objects
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
            moving = _through(steps, moving)
            planes = planes and planes.through(steps, size)
            size = Plan(size, steps).out_size
    done = objects.finished(moving, plan.boxes)
    kept = [numbers for _, numbers in done]
    return [own for own, _ in done], None if planes is None else planes.apart(kept)


def _through(steps: Sequence[Step], moving: Sequence[Moving]) -> list[Moving]:
    if objects.only_warps(steps):
        return objects.through_warps(steps, moving)
    return [_alone(steps, row, own) for row, own in enumerate(moving)]


def _alone(steps: Sequence[Step], row: int, own: Moving) -> Moving:
    """One picture's, where each goes its own way."""
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
            settled = objects.settled(moving)
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
