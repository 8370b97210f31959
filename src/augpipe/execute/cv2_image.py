"""Carry out one row of a plan on one picture, with OpenCV, in a worker.

uint8 in, uint8 out after every step, except that `normalize` ends in float32.
"""

from __future__ import annotations

import numpy as np

from augpipe.data.sample import Decoded, Sample, Targets
from augpipe.errors import PlanError, suggest, within
from augpipe.execute import cv2_color, cv2_erase, cv2_filter, cv2_foreign, cv2_histogram, cv2_noise
from augpipe.execute.cv2_types import Image, Kernels
from augpipe.execute.cv2_warp import sample
from augpipe.execute.targets import follow
from augpipe.plan import Floats, Lookup, Plan, Recolor, Step, Warp, fuse

KERNELS: Kernels = {
    **cv2_color.KERNELS,
    **cv2_erase.KERNELS,
    **cv2_filter.KERNELS,
    **cv2_foreign.KERNELS,
    **cv2_histogram.KERNELS,
    **cv2_noise.KERNELS,
    "barrier": lambda image, _: image,
}


def run(plan: Plan, row: int, decoded: Decoded, targets: Targets) -> Sample:
    """Augment one picture.

    Args:
        plan: a plan of B rows.
        row: which of them.
        decoded: the picture as the decoder left it; its matrix is one more warp, the first.
        targets: what is known about it, in coordinates of the upright, full-size picture.

    Returns:
        The sample, (H, W, 3) and contiguous; its record is left to `plan.params`.

    Raises:
        TargetError: a step has no rule for a target that is present.
        PlanError: a step cannot be carried out on this picture.
    """
    image: Image = decoded.image
    for step in _from_decoder(plan, row, decoded.matrix):
        with within(" + ".join(step.ops)):
            image = _apply(step, row, image)
    return Sample(np.ascontiguousarray(image), follow(targets, plan, row))


def _from_decoder(plan: Plan, row: int, matrix: Floats) -> tuple[Step, ...]:
    """The plan's steps, with the decoder's matrix merged into the first if that is a warp."""
    if np.array_equal(matrix, np.eye(3)):
        return plan.steps
    upright = Warp(np.broadcast_to(matrix, (len(plan), 3, 3)), plan.size)
    if plan.steps and (merged := fuse(upright, plan.steps[0])):
        return (merged, *plan.steps[1:])
    return (upright, *plan.steps)


def _apply(step: Step, row: int, image: Image) -> Image:
    if isinstance(step, Warp):
        out = int(step.size[row, 0]), int(step.size[row, 1])
        return sample(image, step.matrix[row], out, step.interpolation, step.border)
    if isinstance(step, Recolor):
        return cv2_color.recolor(image, step.matrix[row])
    if isinstance(step, Lookup):
        return cv2_color.look_up(image, step.table[row])
    if step.name not in KERNELS:
        raise PlanError(f"OpenCV has no kernel {step.name!r}; {suggest(step.name, KERNELS)}")
    return KERNELS[step.name](image, {name: value[row] for name, value in step.params.items()})
