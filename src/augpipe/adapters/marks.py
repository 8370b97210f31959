"""What lies in a picture, in the terms that all libraries have, and back to targets.

Libraries move points, not objects that consist of points; and they mirror pictures without saying
so. So keypoints travel as one list, behind nine small triangles of our own: where most of them come
back turned over, the picture was mirrored, and left and right keypoints change places.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.data.sample import Targets
from augpipe.errors import PlanError, TargetError

Floats = NDArray[np.float64]
Size = tuple[int, int]

_TRIANGLES = 9


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Boxes, masks and points, before or after a transform.

    Attributes:
        rows: (N,) int64, which object each box belongs to.
        boxes: (N, 4) float64, x0, y0, x1, y1.
        masks: (M, H, W) uint8 of M instances, or (H, W) int32 of classes.
        points: (P, 2) float64 in continuous coordinates; not a number for one that was dropped.
    """

    rows: NDArray[np.int64]
    boxes: Floats | None = None
    masks: NDArray[Any] | None = None
    points: Floats | None = None


def mark(targets: Targets, size: Size) -> Marks:
    """The spatial targets of a picture of that height and width."""
    count = 0 if targets.boxes is None else len(targets.boxes)
    points = None
    if targets.keypoints is not None:
        points = targets.keypoints[..., :2].reshape(-1, 2)
        if targets.mirrored_keypoints is not None:
            points = np.concatenate([_triangles(size).reshape(-1, 2), points])
    return Marks(np.arange(count), targets.boxes, targets.masks, points)


def unmark(targets: Targets, moved: Marks, size: Size) -> Targets:
    """The targets with what became of their marks in a picture of that height and width.

    Raises:
        PlanError: masks are of another size than the picture.
        TargetError: keypoints were dropped that have no visibility to say so, or left cannot be
            told from right.
    """
    if targets.masks is not None and moved.masks is not None:
        targets = replace(targets, masks=_masks(targets.masks, moved.masks, size))
    if targets.keypoints is not None and moved.points is not None:
        targets = replace(targets, keypoints=_keypoints(targets, targets.keypoints, moved.points))
    if targets.boxes is None or moved.boxes is None:
        return targets
    boxes = np.clip(moved.boxes, 0, np.array(size[::-1] * 2))
    seen = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    everywhere, kept = np.zeros_like(targets.boxes), np.zeros(len(targets.boxes), bool)
    everywhere[moved.rows[seen]], kept[moved.rows[seen]] = boxes[seen], True
    return replace(targets, boxes=everywhere).keep(kept)


def _masks(before: NDArray[Any], after: NDArray[Any], size: Size) -> NDArray[Any]:
    if after.shape != (*before.shape[:-2], *size):
        raise PlanError(f"gave masks of {after.shape} for masks of {before.shape}")
    return np.ascontiguousarray(after, before.dtype)


def _keypoints(targets: Targets, before: Floats, points: Floats) -> Floats:
    mirrored = targets.mirrored_keypoints
    own = points if mirrored is None else points[3 * _TRIANGLES :]
    moved = np.concatenate([own.reshape(*before.shape[:2], 2), before[..., 2:]], axis=2)
    dropped = np.isnan(moved[..., :2]).any(axis=2)
    if dropped.any() and before.shape[2] == 2:
        raise TargetError(
            "drops keypoints, and these have no visibility to say so; give keypoints as "
            "(x, y, visibility), or leave the op out"
        )
    moved[dropped] = 0.0
    if mirrored is not None and not dropped.all():
        turned = _turned_over(points[: 3 * _TRIANGLES].reshape(_TRIANGLES, 3, 2))
        return moved[:, mirrored] if turned else moved
    return moved


def _triangles(size: Size) -> Floats:
    """(9, 3, 2): small right-angled triangles, spread over the picture."""
    extent = np.array(size[::-1], np.float64)
    corners = np.stack(np.meshgrid([0.2, 0.5, 0.8], [0.2, 0.5, 0.8]), axis=-1).reshape(-1, 1, 2)
    legs = np.array([[0, 0], [1 / 16, 0], [0, 1 / 16]])
    return np.asarray((corners + legs) * extent)


def _turned_over(triangles: Floats) -> bool:
    right, down = (triangles[:, corner] - triangles[:, 0] for corner in (1, 2))
    area = right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]
    votes = np.sign(np.nan_to_num(area)).sum()
    if votes == 0:
        raise TargetError("moves pixels so that left and right keypoints cannot be told apart")
    return bool(votes < 0)
