"""What becomes of labels, boxes, masks and keypoints where several pictures become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.data.sample import Targets
from augpipe.errors import DataError, TargetError
from augpipe.execute.targets import Moving, area_of, corners_of, homogeneous, hull_of
from augpipe.execute.warp import project
from augpipe.plan import Floats

Mask = NDArray[np.bool_]

NO_AVERAGE = (
    "averages pictures, and a mask of classes has no average; leave the op out, or take cutmix, "
    "which keeps each pixel of one class"
)


def refuse_class_maps(parts: Sequence[Moving]) -> None:
    """Where two pictures show through each other, no pixel is of one class.

    Raises:
        TargetError: there are masks of classes, whose numbers have no average.
    """
    if any(part.targets.masks is not None and part.targets.masks.ndim == 2 for part in parts):
        raise TargetError(NO_AVERAGE)


def join(parts: Sequence[Moving], weights: Sequence[float]) -> Moving:
    """The objects of all pictures, and the mean of their labels.

    Args:
        parts: settled, of one size; the first is the sample's own.
        weights: of each one's label; they sum to one.

    Raises:
        DataError: one has a target that another lacks.
        TargetError: labels cannot be averaged.
    """
    own = parts[0].targets
    joined = replace(
        own,
        label=_label([part.targets.label for part in parts], weights),
        boxes=_concatenated(parts, "boxes"),
        box_labels=_concatenated(parts, "box_labels"),
        masks=_masks(parts),
        keypoints=_concatenated(parts, "keypoints"),
    )
    outlines = None
    if own.boxes is not None:
        outlines = np.concatenate([_padded(part, parts) for part in parts], axis=1)
    shown = np.concatenate([part.shown for part in parts])
    return replace(parts[0], targets=joined, outlines=outlines, shown=shown)


def _label(labels: Sequence[Any], weights: Sequence[float]) -> int | NDArray[np.float32] | None:
    if all(label is None for label in labels):
        return None
    if all(weight == 0 for weight in weights[1:]):
        return labels[0]  # type: ignore[no-any-return]  # a label
    if not all(isinstance(label, np.ndarray) for label in labels):
        raise TargetError(
            "averages labels, and a class as int has no average: give a distribution over the "
            "classes, such as np.eye(10, dtype=np.float32)[label]"
        )
    mean = sum(weight * label for weight, label in zip(weights, labels, strict=True))
    return np.asarray(mean, np.float32)


def _concatenated(parts: Sequence[Moving], name: str) -> NDArray[Any] | None:
    values = [getattr(part.targets, name) for part in parts]
    if all(value is None for value in values):
        return None
    if any(value is None for value in values):
        raise DataError(f"some pictures have {name} and others none; a dataset gives all the same")
    return np.concatenate(values)


def _masks(parts: Sequence[Moving]) -> NDArray[Any] | None:
    """Instances one after the other; of maps of classes, what each picture still shows."""
    first = parts[0].targets.masks
    if first is None or first.ndim == 3:
        return _concatenated(parts, "masks")
    maps = [np.asarray(part.targets.masks) for part in parts]
    return np.asarray(sum(maps[1:], start=maps[0]))


def _padded(part: Moving, parts: Sequence[Moving]) -> Floats:
    """The part's outlines with as many points as the longest has."""
    outlines = np.asarray(part.outlines)
    points = max(len(np.asarray(other.outlines)) for other in parts)
    missing = np.full((points - len(outlines), *outlines.shape[1:]), np.nan)
    return np.concatenate([outlines, missing])


def showing(part: Moving, where: Mask) -> Moving:
    """Masks show only there."""
    masks = part.targets.masks
    if masks is None:
        return part
    return replace(part, targets=replace(part.targets, masks=masks * where.astype(masks.dtype)))


def cut_to(part: Moving, rectangle: Floats, matrix: Floats) -> Moving:
    """Boxes end where a rectangle ends; it lies in the coordinates that `matrix` leads to."""
    if part.outlines is None:
        return part
    hull = hull_of(project(matrix, homogeneous(part.outlines)))
    cut = _overlap(hull, rectangle)
    back = project(np.asarray(np.linalg.inv(matrix)), homogeneous(corners_of(cut)))
    back[:, area_of(cut) == 0] = np.nan
    return replace(part, outlines=back, shown=part.shown * _share(area_of(cut), area_of(hull)))


def covered_by(part: Moving, rectangle: Floats) -> Moving:
    """Boxes end where a rectangle that lies upon them begins, if it reaches across them."""
    if part.outlines is None:
        return part
    hull = hull_of(part.outlines)
    x0, y0, x1, y1 = hull.T
    left, top, right, bottom = rectangle
    hidden = area_of(_overlap(hull, rectangle))
    tall, wide = (top <= y0) & (bottom >= y1), (left <= x0) & (right >= x1)
    touched = hidden > 0
    cut = np.stack(
        [
            np.where(touched & tall & (left <= x0), np.maximum(x0, right), x0),
            np.where(touched & wide & (top <= y0), np.maximum(y0, bottom), y0),
            np.where(touched & tall & (right >= x1), np.minimum(x1, left), x1),
            np.where(touched & wide & (bottom >= y1), np.minimum(y1, top), y1),
        ],
        axis=1,
    )
    outlines = corners_of(cut)
    outlines[:, area_of(cut) == 0] = np.nan
    return replace(part, outlines=outlines, shown=part.shown * (1 - _share(hidden, area_of(hull))))


def covered_where(part: Moving, where: Mask) -> Moving:
    """Instance masks lose what lies there; boxes shrink to what their masks still show."""
    before = instances(part.targets)
    part = showing(part, ~where)
    if part.outlines is None:
        return part
    after = instances(part.targets)
    hull = hull_of(part.outlines)
    left, whole = after.sum(axis=(1, 2)), before.sum(axis=(1, 2))
    for number in np.flatnonzero(left < whole):
        hull[number] = _within(hull[number], after[number])
    return replace(part, outlines=corners_of(hull), shown=part.shown * _share(left, whole))


def _within(box: Floats, mask: NDArray[Any]) -> Floats:
    """The box, no larger than around the mask."""
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(ys):
        return np.full(4, np.nan)
    around = np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1])
    return np.asarray(_overlap(box[None], around)[0])


def _overlap(boxes: Floats, rectangle: NDArray[Any]) -> Floats:
    low, high = np.maximum(boxes[:, :2], rectangle[:2]), np.minimum(boxes[:, 2:], rectangle[2:])
    return np.concatenate([low, high], axis=1)


def _share(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.ones(len(whole)), where=whole > 0))


def objects_of(part: Moving, which: Mask) -> Moving:
    """Only these objects."""
    kept = replace(part, targets=part.targets.keep(which))
    if part.outlines is None:
        return kept
    return replace(kept, outlines=part.outlines[:, which], shown=part.shown[which])


def instances(targets: Targets) -> NDArray[Any]:
    """The instance masks.

    Raises:
        TargetError: there are none.
    """
    if targets.masks is None or targets.masks.ndim != 3:
        raise TargetError("pastes objects along their instance masks, and there are none")
    return targets.masks
