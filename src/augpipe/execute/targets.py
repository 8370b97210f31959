"""Targets follow the plan: moved once from the source, clipped once at the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.data.sample import SPATIAL, Targets
from augpipe.errors import TargetError
from augpipe.execute import warp
from augpipe.execute.cv2_warp import sample
from augpipe.plan import Border, Floats, Kernel, Plan, Warp


def follow(targets: Targets, plan: Plan, row: int) -> Targets:
    """Move one picture's boxes, masks and keypoints as the plan moves its pixels.

    A box becomes the smallest upright box around its four moved corners, clipped to the picture.
    An object whose box is empty after that has left the picture: its box, label, instance mask and
    keypoints go together.

    Args:
        targets: in coordinates of the upright, full-size picture.
        plan: a plan of B rows.
        row: which of them.

    Raises:
        TargetError: a step moves pixels and has no rule for a target that is present.
    """
    present = [name for name in SPATIAL if getattr(targets, name) is not None]
    if not present:
        return targets
    matrix = _total(plan, row, present)
    out = int(plan.out_size[row, 0]), int(plan.out_size[row, 1])
    moved = replace(
        targets,
        boxes=None if targets.boxes is None else _boxes(targets.boxes, matrix, out),
        masks=None if targets.masks is None else _masks(targets.masks, matrix, out),
        keypoints=None if targets.keypoints is None else _keypoints(targets, matrix),
    )
    return moved if moved.boxes is None else _visible(moved, moved.boxes)


def _total(plan: Plan, row: int, present: list[str]) -> Floats:
    """One matrix from the output to the source."""
    matrix = np.eye(3)
    for step in plan.steps:
        if isinstance(step, Warp):
            matrix = matrix @ step.matrix[row]
        elif isinstance(step, Kernel) and step.moves:
            raise TargetError(
                f"{' + '.join(step.ops)} moves pixels and has no rule for {present[0]}; "
                "leave the op out, or train without that target"
            )
    return matrix


def _inverse(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix), np.float64)


def _boxes(boxes: NDArray[np.float64], matrix: Floats, out: warp.Size) -> NDArray[np.float64]:
    x0, y0, x1, y1 = boxes.T
    ones = np.ones_like(x0)
    corners = np.array([[x0, y0, ones], [x1, y0, ones], [x1, y1, ones], [x0, y1, ones]])
    moved = _before_horizon(np.moveaxis(corners, 1, 2) @ _inverse(matrix).T)
    hull = np.concatenate(
        [np.nanmin(moved, axis=0, initial=np.inf), np.nanmax(moved, axis=0, initial=-np.inf)],
        axis=1,
    )
    return np.asarray(np.clip(hull, 0, np.array([out[1], out[0]] * 2)))


def _before_horizon(corners: Floats) -> Floats:
    """(8, N, 2): homogeneous (4, N, 3) corners of polygons, and where their edges meet the horizon.

    Not a number is what lies beyond, and where an edge does not meet it.
    """
    following = np.roll(corners, -1, axis=0)
    w, step = corners[..., 2:], following[..., 2:] - corners[..., 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (warp.HORIZON - w) / step
        meets = np.where((along > 0) & (along < 1), corners + along * (following - corners), np.nan)
        before = np.where(w >= warp.HORIZON, corners, np.nan)
    points = np.concatenate([before, meets])
    return np.asarray(points[..., :2] / points[..., 2:])


def _masks(masks: NDArray[Any], matrix: Floats, out: warp.Size) -> NDArray[Any]:
    """Nearest neighbour, background outside; (N, H, W) instances or one (H, W) map."""
    flat = masks if masks.ndim == 3 else masks[None]
    moved = [sample(mask, matrix, out, "nearest", Border()) for mask in flat]
    stack = np.stack(moved) if moved else np.zeros((0, *out), masks.dtype)
    return stack if masks.ndim == 3 else stack[0]


def _keypoints(targets: Targets, matrix: Floats) -> NDArray[np.float64]:
    points = np.asarray(targets.keypoints)
    xy1 = np.concatenate([points[..., :2], np.ones_like(points[..., :1])], axis=-1)
    moved = np.concatenate([warp.project(_inverse(matrix), xy1), points[..., 2:]], axis=-1)
    mirrored = np.linalg.det(matrix[:2, :2]) < 0
    if mirrored and targets.mirrored_keypoints is not None:
        moved = moved[:, targets.mirrored_keypoints]
    return moved


def _visible(targets: Targets, boxes: NDArray[np.float64]) -> Targets:
    keep = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    if keep.all():
        return targets
    masks = targets.masks
    return replace(
        targets,
        boxes=boxes[keep],
        box_labels=None if targets.box_labels is None else targets.box_labels[keep],
        masks=masks[keep] if masks is not None and masks.ndim == 3 else masks,
        keypoints=None if targets.keypoints is None else targets.keypoints[keep],
    )
