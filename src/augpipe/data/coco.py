"""COCO's annotations: one JSON file of pictures, objects and categories."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.boxes import OnInvalid
from augpipe.data.coco_json import Entry, places, read_entries, texts, vectors, whole_numbers
from augpipe.data.detection import DetectionDataset
from augpipe.data.objects import Objects, all_or_none
from augpipe.data.paths import existing_file, existing_folder
from augpipe.data.pixels import WHITE, Color
from augpipe.data.ragged import Ragged
from augpipe.data.segments import Segments, join_polygons, read_runs
from augpipe.errors import DataError, within

_SIDES = {"left": "right", "right": "left"}


class CocoDataset(DetectionDataset):
    """The `images` of a COCO file of instances or keypoints, in its order.

    Boxes are x, y, width, height in continuous coordinates. Classes are the categories by ascending
    id, from 0 on. Masks come from polygons and run lengths, compressed or not, and are drawn when
    their row is read.

    Which keypoints change places in a mirror, the category's `flip_pairs` say, pairs of keypoints
    counted from 0; or else the names: `left_hand` and `right_hand`.

    While the file is read it takes about ten times its size; after that 48 bytes remain for each
    object, 8 for each number of its outline and 24 for each of its keypoints, shared by all
    workers.

    Args:
        annotations: the .json file.
        root: the folder that file names are relative to and may not leave. By default the first
            that holds the first picture: the JSON's own, the one beside it of its name
            (`scenes/` for `scenes.json`), or `images/` beside it.
        masks: whether to draw instance masks; by default if objects have segmentations.
        keypoints: whether to read keypoints; by default if objects have some. Objects of a
            category without keypoints have keypoints of visibility 0.
        keypoint_offset: what to add to the x and y of keypoints. COCO's are numbers of pixels,
            whose centres lie half a pixel further; 0 for files in continuous coordinates.
        crowd: keep objects marked `iscrowd`, which stand for many at once.
        on_invalid: see `objects.valid_objects`.
        background: RGB behind transparent pixels.

    Raises:
        DataError: the file is not COCO's, or an entry is wrong.

    Source: Lin et al. 2014, https://arxiv.org/abs/1405.0312, and its site's data format.
    """

    def __init__(
        self,
        annotations: str | Path,
        *,
        root: str | Path | None = None,
        masks: bool | None = None,
        keypoints: bool | None = None,
        keypoint_offset: float = 0.5,
        crowd: bool = False,
        on_invalid: OnInvalid = "raise",
        background: Color = WHITE,
    ) -> None:
        place = existing_file(annotations)
        with within(str(place)):
            images, entries, categories = read_entries(place).values()
            paths = texts(images, "images", "file_name")
            sides = [whole_numbers(images, "images", side) for side in ("width", "height")]
            sizes = np.stack(sides, axis=1)
            whole_numbers(categories, "categories", "id")
            categories.sort(key=lambda category: category["id"])
            rows = places(entries, "image_id", images, "images")
            objects = Objects(
                rows=rows,
                boxes=_boxes(entries),
                labels=places(entries, "category_id", categories, "categories"),
                segments=_segments(entries, sizes[rows], masks),
                **_keypoints(entries, categories, keypoints, keypoint_offset),
            )
            if not crowd:
                one = [not entry.get("iscrowd") for entry in entries]
                objects = objects.take(np.flatnonzero(one))
            classes = texts(categories, "categories", "name")
            folder = _root(place, paths) if root is None else existing_folder(root)
        super().__init__(place, folder, paths, sizes, objects, classes, on_invalid, background)


def _root(file: Path, paths: Sequence[str]) -> Path:
    folders = [file.parent, file.with_suffix(""), file.parent / "images"]
    for folder in folders:
        if not paths or (folder / paths[0]).is_file():
            return folder
    looked = ", ".join(map(str, folders))
    raise DataError(f"its first picture {paths[0]} is not in {looked}; give the root it is in")


def _boxes(entries: Sequence[Entry]) -> NDArray[np.float64]:
    boxes = vectors(entries, "annotations", "bbox", 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def _segments(
    entries: Sequence[Entry], sizes: NDArray[np.int64], wanted: bool | None
) -> Segments | None:
    shapes = [entry.get("segmentation") for entry in entries]
    present = np.array([bool(shape) for shape in shapes], bool)
    if not all_or_none(wanted, present, "masks", "annotations[{}]".format):
        return None
    numbers = Ragged.of(
        _shape(shape, size, at)
        for at, (shape, size) in enumerate(zip(shapes, sizes.tolist(), strict=True))
    )
    return Segments(numbers, np.array([isinstance(shape, dict) for shape in shapes], bool))


def _shape(shape: Any, size: list[int], at: int) -> Iterable[float]:
    """What `Segments` keeps of a segmentation; `size` is the width and height of its picture."""
    with within(f"annotations[{at}]"):
        if isinstance(shape, list):
            return join_polygons(shape)
        if not isinstance(shape, dict):
            raise DataError(f"its segmentation is a {type(shape).__name__}")
        if shape.get("size") != size[::-1]:
            raise DataError(f"its run lengths are for {shape.get('size')}, not {size[::-1]}")
        return read_runs(shape.get("counts"), size[0] * size[1])


def _keypoints(
    entries: Sequence[Entry], categories: Sequence[Entry], wanted: bool | None, offset: float
) -> dict[str, Any]:
    """The fields of `Objects` that are about keypoints."""
    present = any(entry.get("keypoints") for entry in entries)
    skeletons = [category for category in categories if category.get("keypoints")]
    if wanted is False or (wanted is None and not (present and skeletons)):
        return {}
    if not skeletons:
        raise DataError("no category names its keypoints; keypoints=False leaves them out")
    names = _names(skeletons)
    count = len(names)
    flat = vectors(entries, "annotations", "keypoints", 3 * count, default=(0,) * (3 * count))
    points = flat.reshape(-1, count, 3)
    points[..., :2] += offset * (points[..., 2:] > 0)
    return {"keypoints": points, "mirrored_keypoints": _mirrored(skeletons[0], names)}


def _names(skeletons: Sequence[Entry]) -> list[str]:
    names = skeletons[0]["keypoints"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"the keypoints of a category are {names!r:.60}; expected a list of names")
    for other in skeletons:
        if any(other.get(key) != skeletons[0].get(key) for key in ("keypoints", "flip_pairs")):
            raise DataError(
                f"the categories {skeletons[0].get('name')!r} and {other.get('name')!r} have "
                "different keypoints, which one array cannot hold; keypoints=False leaves them out"
            )
    return names


def _mirrored(category: Entry, names: list[str]) -> NDArray[np.int64]:
    """(K,) where each keypoint goes when the picture is mirrored."""
    if "flip_pairs" not in category:
        return _mirrored_names([name.lower() for name in names])
    pairs, mirrored = category["flip_pairs"], np.arange(len(names))
    try:
        left, right = np.array(pairs, np.int64).reshape(-1, 2).T
        mirrored[left], mirrored[right] = right, left
    except (ValueError, TypeError, IndexError, OverflowError):
        mirrored[:] = -1
    if sorted(mirrored) != list(range(len(names))) or (np.array(pairs) < 0).any():
        raise DataError(
            f"flip_pairs are {pairs!r:.60}; expected pairs of different keypoints, "
            f"counted from 0 to {len(names) - 1}"
        )
    return mirrored


def _mirrored_names(names: list[str]) -> NDArray[np.int64]:
    if len(set(names)) < len(names):
        raise DataError(f"two keypoints of a category share a name: {', '.join(names)}")
    sided = re.compile(r"(?<![a-z])(left|right)(?![a-z])")
    others = [sided.sub(lambda side: _SIDES[side[0]], name) for name in names]
    found = [names.index(other) if other in names else at for at, other in enumerate(others)]
    return np.array(found, np.int64)
