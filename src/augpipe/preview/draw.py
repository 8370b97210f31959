"""One sample as a picture, with its targets drawn over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from augpipe.data.sample import Targets
from augpipe.ops import Normalize, Op, ToFloat

RGB = tuple[int, int, int]

_PAPER: RGB = (255, 255, 255)
# From which width on boxes have thick lines; what is drawn grows with pictures larger than this.
_LARGE, _SIDE = 24, 320

# Paul Tol's "bright" scheme: told apart by the colour-blind too.
_COLORS: tuple[RGB, ...] = (
    (68, 119, 170),
    (238, 102, 119),
    (34, 136, 51),
    (204, 187, 68),
    (102, 204, 238),
    (170, 51, 119),
)


def as_levels(image: NDArray[Any], ops: Iterable[Op]) -> NDArray[np.uint8]:
    """A picture in levels of 0 to 255 again, where ops have normalised it.

    Args:
        image: (H, W, 3) uint8, or float32 as `normalize` or `to_float` left it.
        ops: what it went through.
    """
    if image.dtype == np.uint8:
        return image
    normalize = next(op for op in ops if isinstance(op, Normalize | ToFloat))
    pixels = 255 * (image * np.array(normalize.std) + np.array(normalize.mean))
    return np.asarray(pixels.round().clip(0, 255), np.uint8)


def draw_picture(
    image: NDArray[np.uint8], targets: Targets, side: int, classes: Sequence[str] = ()
) -> Image.Image:
    """The picture scaled to fit a square, with its boxes, masks and keypoints.

    Args:
        image: (H, W, 3) uint8.
        targets: in its coordinates.
        side: of the square, in pixels.
        classes: names of the classes of boxes.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Magnified pixels stay visible as pixels: that is what training sees.
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    scaled = np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
    if targets.masks is not None:
        scaled = _with_masks(scaled, _layers(targets.masks), size)
    shown = Image.fromarray(scaled)
    draw = ImageDraw.Draw(shown)
    unit = max(1.0, side / _SIDE)
    _draw_boxes(draw, targets, scale, unit, classes)
    _draw_keypoints(draw, targets, scale, unit)
    return shown


def name_label(
    label: int | NDArray[np.float32] | None, classes: Sequence[str], *, most: int = 3
) -> list[str]:
    """A class by its name; of a distribution the likeliest ones with their shares, "cat 70%"."""
    if label is None:
        return []
    if isinstance(label, int):
        return [class_name(label, classes)]
    likeliest = np.argsort(-label, kind="stable")[:most]
    if label[likeliest[0]] > 0.9995:
        return [class_name(int(likeliest[0]), classes)]
    # What rounds to nothing is not worth a line.
    return [
        f"{class_name(int(index), classes)} {label[index]:.0%}"
        for index in likeliest
        if label[index] >= 0.005
    ]


def class_name(label: int, classes: Sequence[str]) -> str:
    """A class by its name, or its number where it has none."""
    return classes[label] if label < len(classes) else str(label)


def color_of(number: int) -> RGB:
    """That of a class, or of an object."""
    return _COLORS[number % len(_COLORS)]


@lru_cache
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along: the same on every machine."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / f"DejaVuSans{'-Bold' if bold else ''}.ttf"), size)


def _layers(masks: NDArray[Any]) -> Iterable[tuple[int, NDArray[np.uint8]]]:
    """Colour numbers and masks: of each instance, or of each class."""
    if masks.ndim == 3:
        return enumerate(masks.astype(np.uint8))
    return ((int(value), (masks == value).astype(np.uint8)) for value in np.unique(masks) if value)


def _with_masks(
    image: NDArray[np.uint8],
    layers: Iterable[tuple[int, NDArray[np.uint8]]],
    size: tuple[int, int],
) -> NDArray[np.uint8]:
    """Each mask as a tint with an outline, so that neighbours of one colour stay apart."""
    shown = image.astype(np.float32)
    for number, layer in layers:
        mask = np.asarray(cv2.resize(layer, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        color = np.array(color_of(number), np.float32)
        inside = mask > 0
        shown[inside] = 0.6 * shown[inside] + 0.4 * color
        shown[inside & ~(cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0)] = color
    return shown.astype(np.uint8)


def _draw_boxes(
    draw: ImageDraw.ImageDraw, targets: Targets, scale: float, unit: float, classes: Sequence[str]
) -> None:
    boxes = targets.boxes if targets.boxes is not None else np.zeros((0, 4))
    labels = targets.box_labels if targets.box_labels is not None else np.zeros(len(boxes), int)
    letters = font(round(11 * unit), bold=True)
    for box, label in zip(boxes, labels.tolist(), strict=True):
        color, name = color_of(label), class_name(label, classes)
        x0, y0, x1, y1 = (box * scale).tolist()
        thick = 2 if x1 - x0 > _LARGE * unit else 1
        draw.rectangle((x0, y0, x1, y1), outline=color, width=round(thick * unit))
        width, height = letters.getlength(name) + 6 * unit, 14 * unit
        # A name that covers its object, or runs into its neighbour, tells less than the legend.
        if width < x1 - x0 and height * width < 0.3 * (x1 - x0) * (y1 - y0):
            draw.rectangle((x0, y0, x0 + width, y0 + height), fill=color)
            draw.text((x0 + 3 * unit, y0), name, _PAPER, letters)


def _draw_keypoints(draw: ImageDraw.ImageDraw, targets: Targets, scale: float, unit: float) -> None:
    points = targets.keypoints if targets.keypoints is not None else np.zeros((0, 0, 2))
    r = 2 * unit
    for number, person in enumerate(points):
        known = person[:, 2] > 0 if person.shape[1] == 3 else np.ones(len(person), bool)
        for x, y in (person[known, :2] * scale).tolist():
            draw.ellipse((x - r, y - r, x + r, y + r), fill=color_of(number), outline=_PAPER)
