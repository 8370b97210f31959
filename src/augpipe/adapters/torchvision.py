"""torchvision's transforms, version 2: what kind a tensor is decides where it goes.

Keypoints travel as boxes without size. Of torchvision 0.29's KeyPoints, flips count from pixel
centres and all other transforms from the picture's edge, and the elastic one cuts to whole pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from augpipe.adapters.base import Adapter, Picture
from augpipe.adapters.marks import Floats, Marks
from augpipe.errors import TargetError

# They leave every pixel in its place, besides those of the module of colours.
_STILL = (v2.GaussianBlur, v2.GaussianNoise, v2.JPEG, v2.RandomErasing, v2.Identity)
_COLORS = v2.ColorJitter.__module__

_XYXY = tv_tensors.BoundingBoxFormat.XYXY


class TorchvisionAdapter(Adapter):
    """A transform, or a container of them."""

    library = "torchvision"

    def __init__(self, transform: Any) -> None:
        super().__init__(transform)
        self.moves = any(map(_moves, _leaves(transform)))

    def __call__(self, image: Picture) -> Any:
        """The transformed picture."""
        return _picture(self.transform(_tensor(image)))

    def without_rule(self, target: str) -> str | None:
        """A part of version 1, or a function that does not know what it is given."""
        culprits = (leaf for leaf in _leaves(self.transform) if not _knows_kinds(leaf))
        return next((type(leaf).__name__ for leaf in culprits), None)

    def move(self, image: Picture, marks: Marks) -> tuple[Any, Marks]:
        """Picture and marks in one call; the boxes' numbers travel as their labels."""
        done, kinds = self.transform(tv_tensors.Image(_tensor(image)), _kinds(marks, image))
        return _picture(done), Marks(
            marks.rows if marks.boxes is None else kinds["labels"].numpy(),
            None if marks.boxes is None else _corners(kinds["boxes"]),
            _masks(marks, kinds),
            None if marks.points is None else _points(kinds, marks, marks.points),
        )


def _kinds(marks: Marks, image: Picture) -> dict[str, Any]:
    size = (image.shape[0], image.shape[1])
    kinds: dict[str, Any] = {}
    if marks.boxes is not None:
        kinds["boxes"] = _boxes(marks.boxes, size, clamping_mode="soft")
        kinds["labels"] = torch.from_numpy(marks.rows.copy())
    if marks.masks is not None:
        kinds["masks"] = tv_tensors.Mask(torch.from_numpy(np.ascontiguousarray(marks.masks)))
    if marks.points is not None:
        # Never as many as there are boxes, or what drops boxes would drop points with them.
        points = np.concatenate([marks.points, np.zeros((len(marks.rows) + 1, 2))])
        kinds["keypoints"] = _boxes(np.hstack([points, points]), size, clamping_mode=None)
    return kinds


def _boxes(boxes: Floats, size: tuple[int, int], **how: Any) -> tv_tensors.BoundingBoxes:
    return tv_tensors.BoundingBoxes(
        torch.from_numpy(boxes.copy()), format=_XYXY, canvas_size=size, **how
    )


def _corners(boxes: tv_tensors.BoundingBoxes) -> Floats:
    done = v2.functional.convert_bounding_box_format(boxes, new_format=_XYXY)
    return np.asarray(done.numpy(), np.float64)


def _points(kinds: dict[str, Any], marks: Marks, before: Floats) -> Floats:
    points = _corners(kinds["keypoints"])
    if len(points) != len(before) + len(marks.rows) + 1:
        raise TargetError("drops keypoints and does not say which; leave it out")
    return points[: len(before), :2]


def _masks(marks: Marks, kinds: dict[str, Any]) -> Any:
    """The masks of all objects; where boxes were dropped, their masks may be gone already."""
    if marks.masks is None:
        return None
    masks = kinds["masks"].numpy()
    if marks.boxes is None or marks.masks.ndim == 2 or len(masks) == len(marks.masks):
        return masks
    everyones = np.zeros((len(marks.masks), *masks.shape[1:]), masks.dtype)
    everyones[kinds["labels"].numpy()] = masks
    return everyones


def _leaves(transform: Any) -> Iterator[Any]:
    if not isinstance(parts := getattr(transform, "transforms", None), list | tuple):
        yield transform
        return
    for part in parts:
        yield from _leaves(part)


def _moves(leaf: Any) -> bool:
    return type(leaf).__module__ != _COLORS and not isinstance(leaf, _STILL)


def _knows_kinds(leaf: Any) -> bool:
    return isinstance(leaf, v2.Transform) and not isinstance(leaf, v2.Lambda)


def _tensor(image: Picture) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)


def _picture(tensor: torch.Tensor) -> Any:
    return tensor.permute(1, 2, 0).numpy()
