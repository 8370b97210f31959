"""albumentations: pixel-centred keypoints, boxes that may be dropped.

Boxes travel as pascal_voc with their object's number behind them, keypoints with theirs. A Compose
keeps its own bbox_params (min_area, min_visibility and the rest) but for the format, which is ours,
and the label fields, for which the number stands. Of its keypoint_params nothing is kept: each
object has the same keypoints from first to last.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.adapters.base import Adapter, Picture
from augpipe.adapters.libraries import import_library
from augpipe.adapters.marks import Floats, Marks
from augpipe.errors import TargetError

# What the library calls our targets: in `_targets`, and in the functions of its Lambda.
_NAMES = {
    "boxes": ("BBoxes", "bboxes"),
    "masks": ("Mask", "mask"),
    "keypoints": ("Keypoints", "keypoints"),
}


class AlbumentationsAdapter(Adapter):
    """A transform, or a composition of them."""

    library = "albumentations"

    def __init__(self, transform: Any) -> None:
        super().__init__(transform)
        self.moves = any(map(_moves, _leaves(transform)))
        self._composes: dict[tuple[bool, bool], tuple[Any, Any]] = {}

    def reseed(self, seed: int, marks: Marks | None) -> None:
        """One pair of generators for all parts; `set_random_seed` gives each the same numbers."""
        generators = np.random.default_rng(seed), random.Random(seed)
        own = self.transform if marks is None else self._compose(marks)[1]
        own.set_random_state(*generators)

    def __call__(self, image: Picture) -> Any:
        """The transformed picture."""
        return self.transform(image=image)["image"]

    def without_rule(self, target: str) -> str | None:
        """A part that does not declare the target, or a composition that forgets targets."""
        culprits = (part for part in _parts(self.transform) if not _has_rule(part, target))
        return next((type(part).__name__ for part in culprits), None)

    def move(self, image: Picture, marks: Marks) -> tuple[Any, Marks]:
        """Through a Compose that knows the formats."""
        data: dict[str, Any] = {"image": image}
        if marks.boxes is not None:
            data["bboxes"] = np.column_stack([marks.boxes, marks.rows])
        if marks.points is not None:
            data["keypoints"] = np.column_stack([marks.points - 0.5, np.arange(len(marks.points))])
        if marks.masks is not None and marks.masks.size:
            data |= _masks_in(marks.masks)
        done = self._compose(marks)[0](**data)
        rows, boxes = marks.rows, None
        if marks.boxes is not None:
            table = np.asarray(done["bboxes"], np.float64).reshape(-1, 5)
            rows, boxes = table[:, 4].astype(np.int64), table[:, :4]
        return done["image"], Marks(
            rows,
            boxes,
            _masks_out(done, marks.masks),
            None if marks.points is None else _points_out(done["keypoints"], len(marks.points)),
        )

    def _compose(self, marks: Marks) -> tuple[Any, Any]:
        """The Compose for these marks, and the part of it whose generators count."""
        key = marks.boxes is not None, marks.points is not None
        if key not in self._composes:
            self._composes[key] = _composed(self.transform, *key)
        return self._composes[key]


def _composed(transform: Any, boxes: bool, points: bool) -> tuple[Any, Any]:
    """Around a copy: a Compose sets up its parts for itself, and those are the user's."""
    library = import_library("albumentations")
    own = copy.deepcopy(transform)
    given: dict[str, Any] = {}
    if boxes:
        given["bbox_params"] = _bbox_params(library, own)
    if points:
        given["keypoint_params"] = library.KeypointParams("xy", remove_invisible=False)
    if type(own) is not library.Compose:
        return library.Compose([own], **given), own
    compose = library.Compose(
        own.transforms, p=own.p, mask_interpolation=own.mask_interpolation, **given
    )
    return compose, compose


def _bbox_params(library: Any, transform: Any) -> Any:
    processor = getattr(transform, "processors", {}).get("bboxes")
    if processor is None:
        return library.BboxParams("pascal_voc", clip=True, filter_invalid_bboxes=True)
    params = copy.copy(processor.params)
    params.format, params.label_fields = "pascal_voc", None
    return params


def _parts(transform: Any) -> Iterator[Any]:
    """The transform, and all that it is composed of."""
    yield transform
    for part in getattr(transform, "transforms", ()):
        yield from _parts(part)


def _leaves(transform: Any) -> Iterator[Any]:
    return (part for part in _parts(transform) if not hasattr(part, "transforms"))


def _moves(leaf: Any) -> bool:
    return not isinstance(leaf, import_library("albumentations").ImageOnlyTransform)


def _has_rule(part: Any, target: str) -> bool:
    library, (declared, function) = import_library("albumentations"), _NAMES[target]
    if isinstance(part, library.SelectiveChannelTransform):  # it calls its parts on pixels alone
        return not any(map(_moves, _leaves(part)))
    if hasattr(part, "transforms") or not _moves(part):
        return True
    if isinstance(part, library.Lambda):
        return bool(part.custom_apply_fns[function].__name__ != "noop")
    known = getattr(part, "_targets", None)
    if known is None:  # a class of the user's, which may declare nothing
        return True
    return declared in {target.value for target in (known if isinstance(known, tuple) else [known])}


def _masks_in(masks: NDArray[Any]) -> dict[str, Any]:
    """Instances as they are; classes in a type that OpenCV can warp."""
    if masks.ndim == 3:
        return {"masks": list(masks)}
    for narrow in (np.uint8, np.int16):
        if np.array_equal(masks.astype(narrow), masks):
            return {"mask": masks.astype(narrow)}
    raise TargetError(f"albumentations warps no mask with classes up to {masks.max()}")


def _masks_out(done: dict[str, Any], before: NDArray[Any] | None) -> NDArray[Any] | None:
    if before is None or not before.size:
        return before
    return np.stack(done["masks"]) if before.ndim == 3 else np.asarray(done["mask"])


def _points_out(keypoints: Any, count: int) -> Floats:
    table = np.asarray(keypoints, np.float64).reshape(-1, 3)
    points = np.full((count, 2), np.nan)
    points[table[:, 2].astype(np.int64)] = table[:, :2] + 0.5
    return points
