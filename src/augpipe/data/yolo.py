"""YOLO's text files: for each picture in images/ one in labels/, with a line for each object."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from augpipe.boxes import OnInvalid
from augpipe.data.detection import DetectionDataset
from augpipe.data.header import IMAGE_SUFFIXES
from augpipe.data.objects import Objects, all_or_none
from augpipe.data.paths import read_text, refuse_escape
from augpipe.data.pixels import WHITE, Color
from augpipe.data.ragged import Ragged
from augpipe.data.segments import Segments
from augpipe.data.yolo_config import YoloConfig, read_config
from augpipe.errors import DataError, within

_MOST_CLASSES = 2**20
# Far beyond any fraction, and far from what would overflow.
_LARGEST = 1000
_KINDS = "5 for a box, or 7, 9, 11, ... for a class and the corners of a polygon"


class YoloDataset(DetectionDataset):
    """The pictures of a YOLO folder, at any depth, sorted.

    The labels of `images/a/b.jpg` are in `labels/a/b.txt`; a picture without such a file has no
    objects. A line is a class and fractions of the picture's width and height, in continuous
    coordinates: a box (x and y of its centre, width, height); or the corners of a polygon, whose
    bounds are the box; or, if data.yaml has a `kpt_shape`, a box and its keypoints, which its
    `flip_idx` says how to mirror.

    Args:
        path: a data.yaml, or a folder with one, or with `images/` and `labels/`. Names of classes
            come from data.yaml's `names`, or from a `classes.txt` with one on each line.
        split: which folder of pictures: an entry of data.yaml ("train" by default); without one,
            a folder in `images/` (all of it by default).
        root: the folder that data.yaml's paths are relative to and may not leave; by default its
            `path`, if that is in the folder of data.yaml, or else that folder.
        masks: whether to draw instance masks; by default if lines are polygons.
        on_invalid: see `objects.valid_objects`.
        background: RGB behind transparent pixels.

    Raises:
        DataError: a file or folder is missing, or a line is wrong.

    Source: https://docs.ultralytics.com/datasets/ describes the three kinds of lines.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        split: str | None = None,
        root: str | Path | None = None,
        masks: bool | None = None,
        on_invalid: OnInvalid = "raise",
        background: Color = WHITE,
    ) -> None:
        config = read_config(path, split, root)
        with within(str(config.place)):
            pictures = _pictures(config)
            lines = [
                line for row, name in enumerate(pictures) for line in _read_lines(config, row, name)
            ]
            classes = config.names or _numbered(lines)
            _refuse_unknown(lines, classes)
            objects = _objects(lines, config, masks)
        super().__init__(
            config.place, config.root, pictures, None, objects, classes, on_invalid, background
        )


class _Line(NamedTuple):
    """One object: where it was read, its class, and its box and points in fractions."""

    row: int
    place: str
    label: int
    box: list[float]
    points: list[float]


def _pictures(config: YoloConfig) -> list[str]:
    folder = config.root / config.images
    found = sorted(
        file.relative_to(config.root).as_posix()
        for file in folder.rglob("*")
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    )
    if not found:
        raise DataError(f"{folder} holds no pictures")
    if not any(config.labels_of(picture).exists() for picture in found):
        raise DataError(
            f"no picture has labels: those of {found[0]} would be {config.labels_of(found[0])}"
        )
    return found


def _read_lines(config: YoloConfig, row: int, picture: str) -> Iterator[_Line]:
    file = config.labels_of(picture)
    if not file.exists():
        return
    refuse_escape(file, config.root.resolve())
    for number, text in enumerate(read_text(file).splitlines(), 1):
        if text.strip():
            place = f"{file}, line {number}"
            with within(place):
                yield _Line(row, place, *_parsed(text, config.kpt_shape))


def _parsed(text: str, kpt_shape: tuple[int, int] | None) -> tuple[int, list[float], list[float]]:
    """Class, box and points of a line."""
    try:
        first, *numbers = map(float, text.split())
    except ValueError as error:
        raise DataError(f"{text!r:.60} are not numbers") from error
    if not (first.is_integer() and 0 <= first < _MOST_CLASSES):
        raise DataError(f"begins with {first:g}, which is no class")
    if not all(abs(number) <= _LARGEST for number in numbers):
        raise DataError(f"has numbers that are no fractions of the picture: {text!r:.60}")
    extra = math.prod(kpt_shape) if kpt_shape else 0
    if len(numbers) == 4 + extra:
        x, y, width, height = numbers[:4]
        box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        return int(first), box, numbers[4:]
    if kpt_shape is None and len(numbers) >= 6 and len(numbers) % 2 == 0:
        xs, ys = numbers[::2], numbers[1::2]
        return int(first), [min(xs), min(ys), max(xs), max(ys)], numbers
    raise DataError(
        f"has {1 + len(numbers)} numbers; expected "
        + (f"{5 + extra} for a box and its keypoints" if kpt_shape else _KINDS)
    )


def _numbered(lines: Sequence[_Line]) -> tuple[str, ...]:
    return tuple(map(str, range(max((line.label for line in lines), default=-1) + 1)))


def _refuse_unknown(lines: Sequence[_Line], classes: Sequence[str]) -> None:
    for line in lines:
        if line.label >= len(classes):
            raise DataError(
                f"{line.place} has class {line.label}; there are names for 0 to {len(classes) - 1}"
            )


def _objects(lines: Sequence[_Line], config: YoloConfig, masks: bool | None) -> Objects:
    segments = keypoints = None
    if config.kpt_shape is not None:
        points = np.array([line.points for line in lines], np.float64)
        keypoints = points.reshape(-1, *config.kpt_shape)
    outlined = np.array([config.kpt_shape is None and bool(line.points) for line in lines], bool)
    if all_or_none(masks, outlined, "masks", lambda at: lines[at].place):
        numbers = Ragged.of(line.points for line in lines)
        segments = Segments(numbers, np.zeros(len(lines), bool))
    return Objects(
        rows=np.array([line.row for line in lines], np.int64),
        boxes=np.array([line.box for line in lines], np.float64).reshape(-1, 4),
        labels=np.array([line.label for line in lines], np.int64),
        segments=segments,
        keypoints=keypoints,
        mirrored_keypoints=config.flip_idx,
    )
