"""A contact sheet: a grid of pictures with their names, and their targets drawn over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from augpipe.data.sample import Targets
from augpipe.errors import RecipeError

_SIDE, _GAP, _MARGIN, _NAMES = 144, 8, 20, 150
_LARGE = 24  # pixels
_INK, _PALE, _PAPER = (32, 33, 36), (115, 119, 125), (255, 255, 255)

# Paul Tol's "bright" scheme: told apart by the colour-blind too.
_COLORS = (
    (68, 119, 170),
    (238, 102, 119),
    (34, 136, 51),
    (204, 187, 68),
    (102, 204, 238),
    (170, 51, 119),
)


@dataclass(frozen=True)
class Line:
    """One row of the sheet: what it shows, a second line of small print, and its pictures.

    Attributes:
        name: what the row shows.
        note: small print.
        pictures: (H, W, 3) uint8 each, with targets in their coordinates.
    """

    name: str
    note: str
    pictures: Sequence[tuple[NDArray[np.uint8], Targets]]


def draw_sheet(
    heading: str, titles: Sequence[str], lines: Sequence[Line], classes: Sequence[str] = ()
) -> Image.Image:
    """Draw the sheet.

    Args:
        heading: what the whole sheet shows.
        titles: one for each column.
        lines: the rows.
        classes: names of the classes of boxes.
    """
    step = _SIDE + _GAP
    top = _MARGIN + 58
    size = 2 * _MARGIN + _NAMES + step * len(titles), top + step * len(lines) + _MARGIN
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), heading, _INK, _font(16, bold=True))
    left = _MARGIN + _NAMES
    for column, title in enumerate(titles):
        draw.text((left + column * step, top - 22), title, _PALE, _font(13))
    for number, line in enumerate(lines):
        y = top + number * step
        _name(draw, line, y)
        for column, (image, targets) in enumerate(line.pictures):
            cell, offset = draw_cell(image, targets, classes)
            sheet.paste(cell, (left + column * step + offset[0], y + offset[1]))
    return sheet


def save_sheet(sheet: Image.Image, place: Path) -> None:
    """Write it, in a folder that is made if need be.

    Raises:
        RecipeError: nothing can be written there.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(place)
    except (OSError, ValueError) as error:
        raise RecipeError(f"--out {place}: cannot write a picture there: {error}") from error


def _name(draw: ImageDraw.ImageDraw, line: Line, y: int) -> None:
    middle = y + _SIDE // 2
    draw.text(
        (_MARGIN, middle - 20), _fitted(line.name, _font(14, bold=True)), _INK, _font(14, bold=True)
    )
    draw.text((_MARGIN, middle + 2), _fitted(line.note, _font(12)), _PALE, _font(12))


def _fitted(text: str, font: ImageFont.FreeTypeFont) -> str:
    """The text, cut short where it would run into the pictures."""
    room = _NAMES - _GAP
    while text and font.getlength(text) > room:
        text = text.rstrip("…")[:-1] + "…"
    return text


def draw_cell(
    image: NDArray[np.uint8], targets: Targets, classes: Sequence[str], side: int = _SIDE
) -> tuple[Image.Image, tuple[int, int]]:
    """The picture scaled to fit, with its targets, and where it lies in its cell."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Magnified pixels stay visible as pixels: that is what training sees.
    shown = cv2.resize(
        _with_masks(image, targets),
        size,
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST,
    )
    cell = Image.fromarray(np.asarray(shown))
    _draw_targets(ImageDraw.Draw(cell), targets, scale, classes)
    return cell, ((side - size[0]) // 2, (side - size[1]) // 2)


def _with_masks(image: NDArray[np.uint8], targets: Targets) -> NDArray[np.uint8]:
    masks = targets.masks
    if masks is None:
        return image
    layers = masks if masks.ndim == 3 else [masks == value for value in np.unique(masks) if value]
    shown = image.astype(np.float32)
    for number, layer in enumerate(layers):
        inside = np.asarray(layer, bool)
        shown[inside] = 0.55 * shown[inside] + 0.45 * np.array(_color(number), np.float32)
    return shown.astype(np.uint8)


def _draw_targets(
    draw: ImageDraw.ImageDraw, targets: Targets, scale: float, classes: Sequence[str]
) -> None:
    boxes = targets.boxes if targets.boxes is not None else np.zeros((0, 4))
    labels = targets.box_labels if targets.box_labels is not None else np.zeros(len(boxes), int)
    for box, label in zip(boxes, labels.tolist(), strict=True):
        color = _color(label)
        x0, y0, x1, y1 = (box * scale).tolist()
        draw.rectangle((x0, y0, x1, y1), outline=color, width=2 if x1 - x0 > _LARGE else 1)
        name, font = classes[label] if label < len(classes) else str(label), _font(11, bold=True)
        if font.getlength(name) + 4 < x1 - x0:  # names that overlap tell nothing
            draw.text((x0 + 4, y0 + 2), name, color, font)
    points = targets.keypoints if targets.keypoints is not None else np.zeros((0, 0, 2))
    for number, person in enumerate(points):
        known = person[:, 2] > 0 if person.shape[1] == 3 else np.ones(len(person), bool)
        for x, y in (person[known, :2] * scale).tolist():
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=_color(number), outline=_PAPER)


def _color(number: int) -> tuple[int, int, int]:
    return _COLORS[number % len(_COLORS)]


@lru_cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along: the same on every machine."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / f"DejaVuSans{'-Bold' if bold else ''}.ttf"), size)
