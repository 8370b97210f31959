"""Carry out one row of a plan on one picture, with OpenCV, in a worker.

uint8 in, uint8 out after every step, except that `normalize` ends in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import cast

import numpy as np

from augpipe.boxes import AS_INSIDE
from augpipe.data.sample import Picture, Sample
from augpipe.errors import AugpipeError, PlanError, suggest, within
from augpipe.execute.cut import cut_full_size, cut_to_region
from augpipe.execute.cv2 import (
    color,
    displace,
    domain,
    erase,
    filter,
    foreign,
    histogram,
    noise,
    weather,
)
from augpipe.execute.cv2.mix import Part
from augpipe.execute.cv2.mix import run as run_mix
from augpipe.execute.cv2.ready import ready_rows
from augpipe.execute.cv2.types import Image, Kernels, Values, fitting
from augpipe.execute.cv2.warp import sample
from augpipe.execute.targets import Moving
from augpipe.execute.warp import Rectangle
from augpipe.plan import Branch, Floats, Kernel, Lookup, Mix, Plan, Recolor, Step, Warp
from augpipe.rows import own_steps

KERNELS: Kernels = {
    **color.KERNELS,
    **displace.KERNELS,
    **domain.KERNELS,
    **erase.KERNELS,
    **filter.KERNELS,
    **foreign.KERNELS,
    **histogram.KERNELS,
    **noise.KERNELS,
    **weather.KERNELS,
    "barrier": lambda image, _: image,
}

_UPRIGHT = np.eye(3).tobytes()


def run(plan: Plan, row: int, pictures: Sequence[Picture | None]) -> Sample:
    """Make one sample.

    Args:
        plan: a plan of B rows.
        row: which of them.
        pictures: those of `plan.leaves`, the sample's own first; None where one is not needed. A
            decoder's matrix is one more warp, the first.

    Returns:
        The sample, (H, W, 3) and contiguous; its record is left to `plan.params`.

    Raises:
        TargetError: a step has no rule for a target that is present.
        PlanError: a step cannot be carried out on this picture.
    """
    image, moving = _carry_out(plan, row, pictures)
    image = np.ascontiguousarray(image)
    own = image if image.flags.writeable else image.copy()  # a cache's pictures are read-only
    return Sample(own, moving.finish(plan.boxes))


def _carry_out(
    plan: Plan, row: int, pictures: Sequence[Picture | None], window: Rectangle | None = None
) -> Part:
    """Pixels and targets through the plan; of the last warp's output, only a window of pixels."""
    if len(plan.leaves) > 1:
        first, *rest = plan.steps
        with within(" + ".join(first.ops)):
            mix = cast(Mix, first)
            part = run_mix(mix, row, partial(_render, mix, row, pictures))
        return _through(rest, row, part, window)
    own = cast(Picture, pictures[0])
    size = int(plan.size[row, 0]), int(plan.size[row, 1])
    moving = Moving.start(own.targets, size)
    ready = None if window else ready_rows(plan)[row]
    seen = cut_full_size(own.decoded, plan, row) if ready else None
    if ready and seen is not None:
        moving = moving.through(plan.steps[0], row) if moving.present else moving
        return _through(plan.steps[1:], row, Part(ready.take(seen), moving))
    image, decoder = cut_to_region(own.decoded, plan, row)
    stored = None if decoder.tobytes() == _UPRIGHT else decoder
    if stored is not None and not (plan.steps and isinstance(plan.steps[0], Warp)):
        image, stored = sample(image, stored, size), None
    return _through(plan.steps, row, Part(image, moving), window, stored)


def _render(
    mix: Mix,
    row: int,
    pictures: Sequence[Picture | None],
    number: int,
    window: Rectangle | None,
) -> Part:
    """Part `number` of a mix, from its share of the pictures."""
    each = len(pictures) // len(mix.parts)
    return _carry_out(mix.parts[number], row, pictures[number * each : (number + 1) * each], window)


def _through(
    steps: Iterable[Step],
    row: int,
    part: Part,
    window: Rectangle | None = None,
    stored: Floats | None = None,
) -> Part:
    """Step by step, pixels and, where there are any, targets together.

    Of the last warp's output, `window` says which pixels are wanted; `stored` is the decoder's
    matrix, which the first warp takes in. Targets are upright and of full size from the start.
    """
    image, moving = part
    own, any_targets = list(own_steps(steps, row)), bool(moving.present)
    for step in own:
        try:
            if any_targets and _moves_all(step):
                image, moving = _foreign(cast(Kernel, step), row, image, moving)
                continue
            ends = window if step is own[-1] else None, stored if step is own[0] else None
            image = _apply(step, row, image, *ends)
            moving = moving.through(step, row) if any_targets else moving
        except AugpipeError as error:  # `within` would cost each picture more than some steps do
            raise type(error)(f"{' + '.join(step.ops)}: {error}") from error
    return Part(image, moving)


def _moves_all(step: Step) -> bool:
    """Whether the step moves targets by itself: other people's transforms do."""
    return isinstance(step, Kernel) and step.name in foreign.KERNELS and step.moves


def _foreign(step: Kernel, row: int, image: Image, moving: Moving) -> Part:
    targets = moving.finish(AS_INSIDE)
    image, targets = foreign.with_targets(image, targets, _values(step, row))
    return Part(image, Moving.start(targets, moving.size))


def _values(step: Kernel, row: int) -> Values:
    return {name: value[row] for name, value in step.params.items()}


def _pixels_through(steps: Iterable[Step], row: int, image: Image) -> Image:
    for step in own_steps(steps, row):
        image = _apply(step, row, image)
    return image


def _blend(branch: Branch, row: int, image: Image) -> Image:
    """The weighted sum of the ways that the row takes."""
    total = np.zeros(image.shape, np.float32)
    for weight, way in zip(branch.weights[row].astype(np.float32), branch.ways, strict=True):
        if weight:
            total += weight * _pixels_through(way, row, image)
    return fitting(total, image)


def _apply(
    step: Step,
    row: int,
    image: Image,
    window: Rectangle | None = None,
    stored: Floats | None = None,
) -> Image:
    if isinstance(step, Branch):
        return _blend(step, row, image)
    if isinstance(step, Warp):
        out = int(step.size[row, 0]), int(step.size[row, 1])
        matrix = step.matrix[row] if stored is None else stored @ step.matrix[row]
        if window:
            matrix, out = window.shift(matrix), window.size
        return sample(image, matrix, out, step.interpolation, step.border)
    if isinstance(step, Mix):
        return image  # on a batch of one, whose partner is itself
    if isinstance(step, Recolor):
        return color.recolor(image, step.matrix[row])
    if isinstance(step, Lookup):
        return color.look_up(image, step.table[row])
    if step.name not in KERNELS:
        raise PlanError(f"OpenCV has no kernel {step.name!r}; {suggest(step.name, KERNELS)}")
    return KERNELS[step.name](image, _values(step, row))
