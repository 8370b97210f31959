"""Carry out one row of a plan on one picture, with OpenCV, in a worker.

uint8 in, uint8 out after every step, except that `normalize` ends in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from augpipe.data.sample import Decoded, Sample, Targets
from augpipe.errors import PlanError, suggest, within
from augpipe.execute.cv2_warp import sample
from augpipe.execute.targets import follow
from augpipe.plan import IDENTITY_RECOLOR, Floats, Plan, Recolor, Step, Warp, fuse

Image = NDArray[Any]
Values = Mapping[str, NDArray[Any]]

# Float temporaries of so many pixels stay in the processor's cache; a whole picture's would not.
_STRIP = 8192

# Two turns, which OpenCV understands, and full saturation and value; a scalar has four numbers.
_HSV_LIMITS: Any = (720.0, 1.0, 1.0, 0.0)


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
        return _recolor(image, step.matrix[row])
    if step.name not in KERNELS:
        raise PlanError(f"OpenCV has no kernel {step.name!r}; {suggest(step.name, KERNELS)}")
    return KERNELS[step.name](image, {name: value[row] for name, value in step.params.items()})


def _recolor(image: Image, matrix: Floats) -> Image:
    if np.array_equal(matrix, IDENTITY_RECOLOR):
        return image
    affine = np.empty((3, 4))
    affine[:, :3] = matrix[:, :3]
    affine[:, 3] = matrix[:, 3:6] @ cv2.mean(image)[:3] + 255 * matrix[:, 6]
    return np.asarray(cv2.transform(image, affine))


def _gaussian_blur(image: Image, values: Values) -> Image:
    taps = np.trim_zeros(values["taps"])
    if len(taps) == 1:
        return image
    return np.asarray(cv2.sepFilter2D(image, -1, taps, taps, borderType=cv2.BORDER_REFLECT_101))


def _hsv(image: Image, values: Values) -> Image:
    hue, saturation, value = (float(values[name]) for name in ("hue", "saturation", "value"))
    if (hue, saturation, value) == (0.0, 1.0, 1.0):
        return image
    change = np.diag([1, saturation, value, 0])[:3]
    change[0, 3] = 360 * (hue % 1)
    result = np.empty(image.shape, np.uint8)
    rows = max(1, _STRIP // image.shape[1])
    for top in range(0, len(image), rows):
        part = slice(top, top + rows)
        # In float32: OpenCV's 8-bit HSV loses up to eight levels on the way there and back.
        rgb = np.multiply(image[part], 1 / 255, dtype=np.float32)
        hsv = cv2.transform(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV), change)
        rgb = cv2.cvtColor(cv2.min(hsv, _HSV_LIMITS), cv2.COLOR_HSV2RGB)
        cv2.convertScaleAbs(rgb, result[part], 255)
    return result


def _erase(image: Image, values: Values) -> Image:
    left, top, right, bottom = values["box"]
    if left == right or top == bottom:
        return image
    image = image.copy()  # the picture may be a view of the dataset's own memory
    value = values["value"]
    image[top:bottom, left:right] = value.round().clip(0, 255) if image.dtype == np.uint8 else value
    return image


def _normalize(image: Image, values: Values) -> Image:
    levels = np.arange(256)[:, None] / 255
    table = ((levels - values["mean"]) / values["std"]).astype(np.float32)
    return np.asarray(cv2.LUT(np.ascontiguousarray(image), table[None]))


KERNELS: dict[str, Callable[[Image, Values], Image]] = {
    "erase": _erase,
    "gaussian_blur": _gaussian_blur,
    "hsv": _hsv,
    "normalize": _normalize,
}
