"""Targets follow the plan: moved once from the source, clipped once at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.boxes import BoxParams
from augpipe.data.sample import Targets, spatial_in
from augpipe.errors import TargetError
from augpipe.execute import displace, warp
from augpipe.execute.cv2.warp import sample
from augpipe.plan import Border, Floats, Kernel, Plan, Step, Warp
from augpipe.rows import moves_pixels, own_steps

_NO_BOXES = np.ones(0)
_STILL = np.eye(3)


@dataclass(frozen=True, slots=True, eq=False)
class Moving:
    """One picture's targets on their way through a plan.

    Warps are only multiplied until something else wants to know where things are: so boxes are not
    put around boxes, and masks are sampled once.

    Attributes:
        targets: as they were before `pending`; its boxes are kept up by `outlines` instead.
        outlines: (P, N, 2) points on the edges of each of N boxes; not a number where the edge is
            nowhere to be seen. None where there are no boxes.
        shown: (N,), which part of each box is not cut off or covered, but for the picture's edge.
        size: height and width of the picture after `pending`.
        pending: (3, 3), from coordinates after it to those of `targets`.
    """

    targets: Targets
    outlines: Floats | None
    shown: Floats
    size: warp.Size
    pending: Floats

    @classmethod
    def start(cls, targets: Targets, size: warp.Size) -> Moving:
        """As they are in a picture of that height and width."""
        boxes = targets.boxes
        if boxes is None:
            return cls(targets, None, _NO_BOXES, size, _STILL)
        return cls(targets, corners_of(boxes), np.ones(len(boxes)), size, _STILL)

    @property
    def present(self) -> list[str]:
        """The names of the targets that have a place."""
        return spatial_in(self.targets)

    def through(self, step: Step, row: int) -> Moving:
        """After one step of a plan.

        Raises:
            TargetError: it moves pixels and has no rule for a target that is present.
        """
        if isinstance(step, Warp):
            size = int(step.size[row, 0]), int(step.size[row, 1])
            pending = self.pending @ step.matrix[row]
            return Moving(self.targets, self.outlines, self.shown, size, pending)
        if isinstance(step, Kernel) and displace.knows(step.name):
            values = {name: value[row] for name, value in step.params.items()}
            return self.settled()._displaced(step.name, values)
        if self.present and moves_pixels(step, row):
            raise TargetError(
                f"{' + '.join(step.ops)} moves pixels and has no rule for {self.present[0]}; "
                "leave the op out, or train without that target"
            )
        return self

    def settled(self) -> Moving:
        """With nothing pending."""
        if not self.present:
            return self
        matrix, targets = self.pending, self.targets
        moved = replace(
            targets,
            masks=None if targets.masks is None else _masks(targets.masks, matrix, self.size),
            keypoints=None if targets.keypoints is None else _keypoints(targets, matrix),
        )
        outlines = self.outlines
        if outlines is not None:
            outlines = before_horizon(homogeneous(outlines) @ np.linalg.inv(matrix).T)
        return replace(self, targets=moved, outlines=outlines, pending=np.eye(3))

    def _displaced(self, name: str, values: Mapping[str, NDArray[Any]]) -> Moving:
        """After a field that no matrix describes."""
        targets, outlines = self.targets, self.outlines
        to = partial(_points_displaced, name, values, self.size)
        if targets.masks is not None:
            flat = targets.masks if targets.masks.ndim == 3 else targets.masks[None]
            masks = np.array([displace.mask(name, values, mask) for mask in flat], flat.dtype)
            targets = replace(targets, masks=masks.reshape(targets.masks.shape))
        if targets.keypoints is not None:
            points = targets.keypoints
            moved = np.concatenate([to(points[..., :2]), points[..., 2:]], axis=-1)
            targets = replace(targets, keypoints=moved)
        if outlines is not None:
            outlines = to(_along_edges(outlines) if len(outlines) <= _PARTS else outlines)
        return replace(self, targets=targets, outlines=outlines)

    def finish(self, params: BoxParams) -> Targets:
        """Where everything came to lie, without what left the picture.

        A box becomes the smallest upright box around its outline, clipped to the picture. An object
        whose box is empty after that, or which `params` are not content with, goes with its box,
        label, instance mask and keypoints.
        """
        if not self.present:
            return self.targets
        done = self.settled()
        if done.outlines is None:
            return done.targets
        hull = hull_of(done.outlines)
        boxes = np.clip(hull, 0, np.tile(self.size[::-1], 2))
        keep = worth_keeping(boxes, hull, done.shown, params)
        return replace(done.targets, boxes=boxes).keep(keep)


def follow(targets: Targets, plan: Plan, row: int) -> Targets:
    """Move one picture's boxes, masks and keypoints as the plan moves its pixels.

    Args:
        targets: in coordinates of the upright, full-size picture.
        plan: a plan of B rows that mixes no pictures.
        row: which of them.

    Raises:
        TargetError: a step moves pixels and has no rule for a target that is present.
    """
    moving = Moving.start(targets, (int(plan.size[row, 0]), int(plan.size[row, 1])))
    for step in own_steps(plan.steps, row):
        moving = moving.through(step, row)
    return moving.finish(plan.boxes)


def corners_of(boxes: Floats) -> Floats:
    """(4, N, 2): the corners of (N, 4) boxes, clockwise from the top left."""
    x0, y0, x1, y1 = boxes.T
    return np.stack([np.stack(corner, 1) for corner in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))])


def hull_of(outlines: Floats) -> Floats:
    """(N, 4): the smallest upright boxes around (P, N, 2) points; empty around none."""
    low = np.nanmin(outlines, axis=0, initial=np.inf)
    return np.concatenate([low, np.nanmax(outlines, axis=0, initial=-np.inf)], axis=1)


def worth_keeping(
    boxes: Floats, hull: Floats, shown: Floats, params: BoxParams
) -> NDArray[np.bool_]:
    """(N,): which objects are left, of what is to be seen of their (N, 4) hulls."""
    area = area_of(boxes)
    seen = shown * area / np.maximum(area_of(hull), np.finfo(float).tiny)
    return np.asarray((area > 0) & (area >= params.min_area) & (seen >= params.min_visibility))


def area_of(boxes: Floats) -> Floats:
    """(N,): areas; 0 of what is empty."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def _points_displaced(
    name: str, values: Mapping[str, NDArray[Any]], size: warp.Size, points: Floats
) -> Floats:
    """(..., 2) points through a field; what is nowhere to be seen stays so."""
    moved = np.full_like(points, np.nan)
    somewhere = np.isfinite(points).all(axis=-1)
    moved[somewhere] = displace.points(name, values, size, points[somewhere])
    return moved


# Into how many parts an edge is cut before it is bent.
_PARTS = 8


def _along_edges(outlines: Floats) -> Floats:
    """(8 P, N, 2): points between those of the outlines, too, so that an edge may bend."""
    following = np.roll(outlines, -1, axis=0)
    along = np.arange(_PARTS).reshape(-1, 1, 1, 1) / _PARTS
    return np.concatenate(list(outlines + along * (following - outlines)))


def homogeneous(points: Floats) -> Floats:
    """(..., 2) points as (..., 3)."""
    return np.concatenate([points, np.ones_like(points[..., :1])], axis=-1)


def _inverse(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix), np.float64)


def before_horizon(corners: Floats) -> Floats:
    """(P or 2P, N, 2): homogeneous (P, N, 3) corners, and where edges meet the horizon.

    Not a number is what lies beyond, and where an edge does not meet it.
    """
    w = corners[..., 2:]
    if not (w < warp.HORIZON).any():
        return np.asarray(corners[..., :2] / w)
    following = np.roll(corners, -1, axis=0)
    step = following[..., 2:] - w
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
    xy = warp.project(_inverse(matrix), homogeneous(points[..., :2]))
    moved = np.concatenate([xy, points[..., 2:]], axis=-1)
    mirrored = np.linalg.det(matrix[:2, :2]) < 0
    if mirrored and targets.mirrored_keypoints is not None:
        moved = moved[:, targets.mirrored_keypoints]
    return moved
