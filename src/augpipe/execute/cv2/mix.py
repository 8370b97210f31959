"""Several pictures become one, with OpenCV: which of them shows where, and what it weighs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from augpipe.execute import target_mix, warp
from augpipe.execute.cv2.types import Image, Values
from augpipe.execute.field import hashed, seed_words, to_uniform
from augpipe.execute.targets import Moving
from augpipe.plan import Floats, Mix


class Part(NamedTuple):
    """A picture that goes in, and its targets."""

    image: Image
    moving: Moving


# Carries out one part: all of it, or one rectangle of its output.
Render = Callable[[int, warp.Rectangle | None], Part]


def run(step: Mix, row: int, render: Render) -> Part:
    """One picture of several.

    Args:
        step: how they are mixed.
        row: for which row of its plan.
        render: carries out part number k; parts that are not needed are not asked for.
    """
    needed = step.needed
    numbers = [0] if needed is None else np.flatnonzero(needed[row]).tolist()
    values = {name: value[row] for name, value in step.params.items()}
    if numbers == [0] and not step.absorbs:
        return render(0, None)
    return MIXERS[step.name](step, row, values, [(k, render) for k in numbers])


Asked = Sequence[tuple[int, Render]]


def _mixup(step: Mix, row: int, values: Values, asked: Asked) -> Part:
    own, other = (render(number, None) for number, render in asked)
    lam = float(values["lam"])
    image = cv2.addWeighted(own.image, lam, other.image, 1 - lam, 0)
    settled = [own.moving.settled(), other.moving.settled()]
    target_mix.refuse_class_maps(settled)
    return Part(np.asarray(image), target_mix.join(settled, (lam, 1 - lam)))


def _cutmix(step: Mix, row: int, values: Values, asked: Asked) -> Part:
    own, other = (render(number, None) for number, render in asked)
    x0, y0, x1, y1 = values["rectangle"].tolist()
    image = own.image.copy()
    image[y0:y1, x0:x1] = other.image[y0:y1, x0:x1]
    inside = np.zeros(image.shape[:2], bool)
    inside[y0:y1, x0:x1] = True
    rectangle, upright = values["rectangle"].astype(np.float64), np.eye(3)
    below = target_mix.covered_by(own.moving.settled(), rectangle)
    above = target_mix.cut_to(other.moving.settled(), rectangle, upright)
    parts = [target_mix.showing(below, ~inside), target_mix.showing(above, inside)]
    weight = float(values["weight"])
    return Part(image, target_mix.join(parts, (weight, 1 - weight)))


def _mosaic(step: Mix, row: int, values: Values, asked: Asked) -> Part:
    size = int(step.size[row, 0]), int(step.size[row, 1])
    matrix, corner = step.matrix[row], values["corner"]
    quadrant = _quadrants(matrix, corner, size) if len(asked) > 1 else np.zeros(size, np.uint8)
    image: Image | None = None
    parts = []
    for number, render in asked:
        shows = (quadrant == number).astype(np.uint8)
        left, top, width, height = cv2.boundingRect(shows)
        where = warp.Rectangle(top, left, top + height, left + width)
        part = render(number, where if width else warp.Rectangle(0, 0, 1, 1))
        if image is None:
            image = np.zeros((*size, 3), part.image.dtype)
        if width:
            inset = slice(where.top, where.bottom), slice(where.left, where.right)
            np.copyto(image[inset], part.image, where=shows[inset][..., None] > 0)
        moving = part.moving.settled()
        if len(asked) > 1:
            moving = target_mix.cut_to(moving, _region(number, corner), matrix)
        parts.append(target_mix.showing(moving, shows > 0))
    shares = [float((quadrant == number).mean()) for number, _ in asked]
    return Part(np.asarray(image), target_mix.join(parts, shares))


# Farther than any picture reaches.
_FAR = 1e6


def _region(number: int, corner: Floats) -> Floats:
    x, y = corner
    across = (-_FAR, x) if number % 2 == 0 else (x, _FAR)
    down = (-_FAR, y) if number < 2 else (y, _FAR)
    return np.array([across[0], down[0], across[1], down[1]])


def _quadrants(matrix: Floats, corner: Floats, size: warp.Size) -> NDArray[np.uint8]:
    """(H, W): in which quadrant around the corner each pixel's centre lies."""
    x, y = np.arange(size[1]) + 0.5, (np.arange(size[0]) + 0.5)[:, None]
    (xx, xy, x0), (yx, yy, y0), (wx, wy, w0) = matrix
    w = np.maximum(wx * x + wy * y + w0, warp.HORIZON)
    right = xx * x + xy * y + x0 >= corner[0] * w
    below = yx * x + yy * y + y0 >= corner[1] * w
    return np.asarray(right + 2 * below.astype(np.uint8), np.uint8)


def _copy_paste(step: Mix, row: int, values: Values, asked: Asked) -> Part:
    own, other = (render(number, None) for number, render in asked)
    above = other.moving.settled()
    masks = target_mix.instances(above.targets)
    numbers = np.arange(len(masks), dtype=np.int32)
    seed = seed_words(values["seed"])
    chosen = to_uniform(hashed(numbers, seed, seed ^ 1)) < values["paste"]
    above = target_mix.objects_of(above, chosen)
    where = masks[chosen].any(axis=0)
    image = cv2.copyTo(other.image, where.astype(np.uint8), own.image.copy())
    below = target_mix.covered_where(own.moving.settled(), where)
    return Part(np.asarray(image), target_mix.join([below, above], (1.0, 0.0)))


MIXERS: Mapping[str, Callable[[Mix, int, Values, Asked], Part]] = {
    "copy_paste": _copy_paste,
    "cutmix": _cutmix,
    "mixup": _mixup,
    "mosaic": _mosaic,
}
