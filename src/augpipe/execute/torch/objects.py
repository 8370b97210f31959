"""Boxes and keypoints of many pictures at once, as `execute.targets` moves those of one.

The objects of all pictures stand one after the other, each beside the number of its picture: so
what is done to them is a few sums over long arrays, however many pictures there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from augpipe.boxes import BoxParams
from augpipe.data.sample import Targets
from augpipe.execute.targets import (
    Moving,
    before_horizon,
    homogeneous,
    hull_of,
    worth_keeping,
)
from augpipe.execute.warp import project
from augpipe.plan import Floats, Step, Warp
from augpipe.rows import moves_pixels

Whole = NDArray[np.int64]

# What is done to objects, given the number of each one's picture.
Work = Callable[[Floats, Whole], Floats]


def only_warps(steps: Sequence[Step]) -> bool:
    """Whether nothing moves pixels but warps that all pictures go through."""
    return all(isinstance(step, Warp) or not moves_pixels(step) for step in steps)


def through_warps(steps: Sequence[Step], moving: Sequence[Moving]) -> list[Moving]:
    """`Moving.through` of all rows."""
    warps = [step for step in steps if isinstance(step, Warp)]
    if not warps:
        return list(moving)
    pending = np.reshape([own.pending for own in moving], (-1, 3, 3))
    for step in warps:
        pending = pending @ step.matrix
    sizes = [(height, width) for height, width in warps[-1].size.tolist()]
    return [
        replace(own, size=size, pending=matrix) if own.present else own
        for own, size, matrix in zip(moving, sizes, pending, strict=True)
    ]


def settled(moving: Sequence[Moving]) -> list[Moving]:
    """`Moving.settled` of pictures whose masks are elsewhere."""
    pending = np.reshape([own.pending for own in moving], (-1, 3, 3))
    inverse = np.asarray(np.linalg.inv(pending), np.float64)

    def moved(outlines: Floats, picture: Whole) -> Floats:
        to = inverse[picture].swapaxes(1, 2)
        return before_horizon((homogeneous(outlines)[:, :, None] @ to)[:, :, 0])

    def shifted(points: Floats, picture: Whole) -> Floats:
        xy = project(inverse[picture], homogeneous(points[..., :2]))
        return np.concatenate([xy, points[..., 2:]], axis=-1)

    outlines = _together([own.outlines for own in moving], 1, moved)
    keypoints = _together([own.targets.keypoints for own in moving], 0, shifted)
    mirrored = np.linalg.det(pending[:, :2, :2]) < 0
    return [
        _settled(own, edges, points, bool(swap)) if own.present else own
        for own, edges, points, swap in zip(moving, outlines, keypoints, mirrored, strict=True)
    ]


def _settled(
    own: Moving, outlines: Floats | None, keypoints: Floats | None, mirrored: bool
) -> Moving:
    """With objects where they came to lie."""
    if outlines is not None and own.outlines is not None and len(outlines) > len(own.outlines):
        before, meets = np.split(outlines, 2)
        # Another picture's edges met the horizon, if none of its own did.
        outlines = before if np.isnan(meets).all() else outlines
    swapped = own.targets.mirrored_keypoints if mirrored else None
    if keypoints is not None:
        points = keypoints if swapped is None else keypoints[:, swapped]
        own = replace(own, targets=replace(own.targets, keypoints=points))
    return replace(own, outlines=outlines, pending=np.eye(3))


def finished(moving: Sequence[Moving], params: BoxParams) -> list[tuple[Targets, Whole | None]]:
    """`Moving.finish` of all pictures, and the numbers of the objects left in each; None is all."""
    moving = settled(moving)
    edges = [own.outlines for own in moving]
    hulls = _together(edges, 1, lambda outlines, _: hull_of(outlines)[None])
    counts = [0 if hull is None else hull.shape[1] for hull in hulls]
    hull = np.concatenate([np.empty((0, 4)), *(own[0] for own in hulls if own is not None)])
    limits = np.reshape([own.size[::-1] * 2 for own in moving], (-1, 4))
    boxes = np.clip(hull, 0, limits.repeat(counts, axis=0))
    shown = [own.shown for own, count in zip(moving, counts, strict=True) if count]
    keep = worth_keeping(boxes, hull, np.concatenate([np.empty(0), *shown]), params)
    ends = np.cumsum(counts)
    return [
        (own.targets, None) if own.outlines is None else _kept(own.targets, boxes[part], keep[part])
        for own, part in zip(moving, map(slice, ends - counts, ends), strict=True)
    ]


def _kept(targets: Targets, boxes: Floats, which: NDArray[np.bool_]) -> tuple[Targets, Whole]:
    return replace(targets, boxes=boxes).keep(which), np.flatnonzero(which)


def _together(each: Sequence[Floats | None], axis: int, work: Work) -> list[Floats | None]:
    """What `work` makes of each picture's array; those of one shape are done in one go.

    Args:
        each: whose `axis` counts objects; None where there are none.
        axis: that one.
        work: is given the arrays of several pictures, one after the other.
    """
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for picture, array in enumerate(each):
        if array is not None:
            alike[tuple(np.delete(array.shape, axis))].append(picture)
    done: list[Floats | None] = [None] * len(each)
    for pictures in alike.values():
        arrays = [array for array in map(each.__getitem__, pictures) if array is not None]
        counts = [array.shape[axis] for array in arrays]
        made = work(np.concatenate(arrays, axis), np.repeat(pictures, counts))
        for picture, part in zip(
            pictures, np.split(made, np.cumsum(counts)[:-1], axis), strict=True
        ):
            done[picture] = part
    return done
