"""imgaug: continuous coordinates, as ours; objects in place of arrays."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.adapters.base import Adapter, Picture
from augpipe.adapters.libraries import import_library
from augpipe.adapters.marks import Floats, Marks
from augpipe.errors import TargetError

# Where augmenters live that move pixels.
_MOVERS = {f"imgaug.augmenters.{name}" for name in ("flip", "geometric", "size")}

# They move whatever a function says, or drop and clip what lies in the picture.
_MOVERS_ELSEWHERE = {"Lambda", "ClipCBAsToImagePlanes", "RemoveCBAsByOutOfImageFraction"}

# They run their parts on all of a picture and on all that lies in it.
_FAITHFUL = {
    *("Sequential", "SomeOf", "OneOf", "Sometimes", "RandAugment"),
    *("KeepSizeByResize", "WithPolarWarping"),
}


class ImgaugAdapter(Adapter):
    """An augmenter, with its parts."""

    library = "imgaug"

    def __init__(self, transform: Any) -> None:
        super().__init__(transform)
        self.moves = any(map(_moves, _parts(transform)))

    def reseed(self, seed: int, marks: Marks | None) -> None:
        """Give each part numbers of its own."""
        self.transform.seed_(seed)

    def __call__(self, image: Picture) -> Any:
        """The transformed picture."""
        return self.transform.augment_image(image)

    def __reduce__(self) -> tuple[Callable[..., ImgaugAdapter], tuple[bytes, bool]]:
        # A spawned worker must have mended numpy before it imports imgaug.
        return _rebuilt, (pickle.dumps(self.transform), self.moves)

    def without_rule(self, target: str) -> str | None:
        """A function, or what shows its moving parts in some pixels or channels only."""
        culprits = (part for part in _parts(self.transform) if not _has_rule(part))
        return next((type(part).__name__ for part in culprits), None)

    def move(self, image: Picture, marks: Marks) -> tuple[Any, Marks]:
        """Picture and marks as one batch, for which imgaug draws once."""
        done = self.transform.augment(
            image=image, return_batch=True, **_augmentables(image.shape, marks)
        )
        rows, boxes = marks.rows, None
        if marks.boxes is not None:
            rows, boxes = _boxes(done.bounding_boxes_aug)
        return done.images_aug[0], Marks(
            rows, boxes, _masks(done, marks.masks), _points(done, marks.points)
        )


def _rebuilt(transform: bytes, moves: bool) -> ImgaugAdapter:
    import_library("imgaug")
    adapter = ImgaugAdapter(pickle.loads(transform))  # noqa: S301 (sent by our own parent process)
    adapter.moves = moves
    return adapter


def _parts(transform: Any) -> Iterator[Any]:
    yield transform
    yield from transform.get_all_children(flat=True)


def _moves(part: Any) -> bool:
    bases = type(part).__mro__
    return (
        any(base.__module__ in _MOVERS for base in bases)
        or type(part).__name__ in _MOVERS_ELSEWHERE
        or _is_the_users(part)
    )


def _has_rule(part: Any) -> bool:
    """Silence is no rule: by default an augmenter leaves boxes where they are."""
    name, moves_inside = type(part).__name__, any(map(_moves, part.get_all_children(flat=True)))
    if name == "Lambda" or (moves_inside and name not in _FAITHFUL):
        return False
    return not _is_the_users(part) or any(base.__module__ in _MOVERS for base in type(part).__mro__)


def _is_the_users(part: Any) -> bool:
    return not type(part).__module__.startswith("imgaug.")


def _augmentables(shape: tuple[int, ...], marks: Marks) -> dict[str, Any]:
    kinds = importlib.import_module("imgaug.augmentables")
    given: dict[str, Any] = {}
    if marks.boxes is not None:
        boxes = [
            kinds.BoundingBox(*box, label=int(row))
            for box, row in zip(marks.boxes, marks.rows, strict=True)
        ]
        given["bounding_boxes"] = kinds.BoundingBoxesOnImage(boxes, shape)
    if marks.points is not None:
        points = [kinds.Keypoint(x=x, y=y) for x, y in marks.points]
        given["keypoints"] = kinds.KeypointsOnImage(points, shape)
    if marks.masks is not None and marks.masks.size:
        if marks.masks.min() < 0:
            raise TargetError("imgaug takes no masks with negative classes")
        flat = marks.masks if marks.masks.ndim == 3 else marks.masks[None]
        channels = np.ascontiguousarray(np.moveaxis(flat, 0, 2))
        given["segmentation_maps"] = kinds.SegmentationMapsOnImage(channels, shape)
    return given


def _boxes(done: Any) -> tuple[NDArray[np.int64], Floats]:
    boxes = done.bounding_boxes
    table = [(box.x1, box.y1, box.x2, box.y2) for box in boxes]
    rows = np.array([box.label for box in boxes], np.int64)
    return rows, np.array(table, np.float64).reshape(-1, 4)


def _masks(done: Any, before: NDArray[Any] | None) -> NDArray[Any] | None:
    if before is None or not before.size:
        return before
    channels: NDArray[Any] = np.moveaxis(done.segmentation_maps_aug.get_arr(), 2, 0)
    return channels if before.ndim == 3 else channels[0]


def _points(done: Any, before: Floats | None) -> Floats | None:
    if before is None:
        return None
    points = np.array([(point.x, point.y) for point in done.keypoints_aug.keypoints], np.float64)
    if len(points) != len(before):
        raise TargetError("drops keypoints and does not say which; leave it out")
    return points.reshape(before.shape)
