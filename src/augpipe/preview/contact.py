"""A sheet as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from augpipe.errors import RecipeError
from augpipe.preview.draw import RGB, class_name, color_of, draw_picture, font
from augpipe.preview.sheet import Cell, Line, Sheet, classes_shown

SIDE = 144
_GAP, _MARGIN, _NAMES, _TEXT, _GROUP = 8, 20, 150, 16, 36
_LOWEST, _NARROWEST = 44, 480  # room for names, and for headings
_INK: RGB = (32, 33, 36)
_PALE: RGB = (115, 119, 125)
_RULE: RGB = (218, 220, 224)
_PAPER: RGB = (255, 255, 255)


def draw_sheet(sheet: Sheet, side: int = SIDE) -> Image.Image:
    """Draw the sheet.

    Args:
        sheet: what is to be seen.
        side: how large each picture is, in pixels.
    """
    return _Drawing(sheet, side).draw()


def save_sheet(picture: Image.Image, place: Path) -> None:
    """Write it, in a folder that is made if need be.

    Raises:
        RecipeError: nothing can be written there.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        picture.save(place)
    except (OSError, ValueError) as error:
        raise RecipeError(f"--out {place}: cannot write a picture there: {error}") from error


class _Text(NamedTuple):
    """A line of text below a picture."""

    words: str
    color: RGB


class _Row(NamedTuple):
    """A line of the sheet with its pictures, the texts below them, and how tall all that is."""

    line: Line
    pictures: Sequence[Image.Image]
    texts: Sequence[Sequence[_Text]]
    above: int

    @property
    def tall(self) -> int:
        """The pictures."""
        return max([_LOWEST, *(picture.height for picture in self.pictures)])

    @property
    def height(self) -> int:
        """All of it."""
        below = max((len(texts) for texts in self.texts), default=0)
        return self.above + self.tall + _GAP + (_TEXT * below + 6 if below else 0)


class _Drawing:
    """A sheet being drawn, from top to bottom."""

    def __init__(self, sheet: Sheet, side: int) -> None:
        self.sheet, self.side, self.step = sheet, side, side + _GAP
        self.rows = [self._row(line) for line in sheet.lines]
        self.columns = max((len(line.cells) for line in sheet.lines), default=0)
        self.left = _MARGIN + _NAMES
        self.right = self.left + max(self.step * self.columns, _NARROWEST)
        grouped = any(cell.group for line in sheet.lines for cell in line.cells)
        self.groups = 20 if grouped else 0
        self.top = _MARGIN + 28 + 18 * (len(sheet.notes) + bool(classes_shown(sheet)))
        self.begin = self.top + (0 if sheet.staged else 22 + self.groups)

    def draw(self) -> Image.Image:
        sections = len(dict.fromkeys(line.group for line in self.sheet.lines if line.group))
        height = self.begin + sum(row.height for row in self.rows) + _GROUP * sections + _MARGIN
        picture = Image.new("RGB", (self.right + _MARGIN, height), _PAPER)
        draw = ImageDraw.Draw(picture)
        self._heading(draw)
        if not self.sheet.staged and self.sheet.lines:
            self._titles(draw)
        y, section = self.begin, ""
        for row in self.rows:
            if row.line.group != section:
                section = row.line.group
                draw.text((_MARGIN, y + 4), section, _INK, font(14, bold=True))
                draw.line((_MARGIN, y + 26, self.right, y + 26), _RULE)
                y += _GROUP
            self._names(draw, row, y)
            self._cells(picture, draw, row, y)
            y += row.height
        return picture

    def _heading(self, draw: ImageDraw.ImageDraw) -> None:
        draw.text((_MARGIN, _MARGIN), self.sheet.heading, _INK, font(16, bold=True))
        y = _MARGIN + 26
        for note in self.sheet.notes:
            draw.text((_MARGIN, y), fitted(note, font(12), self.right - _MARGIN), _PALE, font(12))
            y += 18
        self._legend(draw, y)

    def _legend(self, draw: ImageDraw.ImageDraw, y: int) -> None:
        """The colours of boxes, as many as there is room for."""
        x = float(_MARGIN)
        for label in classes_shown(self.sheet):
            name = class_name(label, self.sheet.classes)
            if x + 32 + font(12).getlength(name) > self.right:
                draw.text((x, y), "…", _INK, font(12))
                return
            draw.rectangle((x, y + 3, x + 9, y + 12), fill=color_of(label))
            draw.text((x + 14, y), name, _INK, font(12))
            x += 32 + font(12).getlength(name)

    def _titles(self, draw: ImageDraw.ImageDraw) -> None:
        """Of the columns, and above them of the pipelines that they belong to."""
        y, group = self.top + self.groups, ""
        for column, cell in enumerate(self.sheet.lines[0].cells):
            x = self.left + column * self.step
            draw.text((x, y + 2), fitted(cell.title, font(13), self.side), _PALE, font(13))
            first, group = cell.group != group, cell.group
            if group:
                draw.line((x if first else x - _GAP, y - 2, x + self.side, y - 2), _RULE)
            if group and first:
                draw.text((x, y - 20), group, _INK, font(13, bold=True))

    def _names(self, draw: ImageDraw.ImageDraw, row: _Row, y: int) -> None:
        middle, room = y + row.above + row.tall // 2, _NAMES - _GAP
        name, note = font(14, bold=True), font(12)
        draw.text((_MARGIN, middle - 20), fitted(row.line.name, name, room), _INK, name)
        draw.text((_MARGIN, middle + 2), fitted(row.line.note, note, room), _PALE, note)

    def _cells(self, picture: Image.Image, draw: ImageDraw.ImageDraw, row: _Row, y: int) -> None:
        bold = font(12, bold=True)
        for column, (cell, shown) in enumerate(zip(row.line.cells, row.pictures, strict=True)):
            x = self.left + column * self.step
            if self.sheet.staged:
                draw.text((x, y), fitted(cell.title, bold, self.side), _INK, bold)
            inset = (self.side - shown.width) // 2, row.above + (row.tall - shown.height) // 2
            picture.paste(shown, (x + inset[0], y + inset[1]))
            below = y + row.above + row.tall + 2
            for number, text in enumerate(row.texts[column]):
                draw.text((x, below + _TEXT * number), text.words, text.color, font(11))

    def _row(self, line: Line) -> _Row:
        classes = self.sheet.classes
        pictures = [draw_picture(c.image, c.targets, self.side, classes) for c in line.cells]
        above = _TEXT + 2 if self.sheet.staged else 0
        return _Row(line, pictures, [self._texts(cell) for cell in line.cells], above)

    def _texts(self, cell: Cell) -> list[_Text]:
        small = font(11)
        texts = [_Text(fitted(note, small, self.side), _INK) for note in cell.notes]
        for op, words, acted in cell.drawn if self.sheet.staged else ():
            if acted:
                texts.append(_Text(fitted(op, small, self.side), _INK))
                texts += [_Text(part, _PALE) for part in wrapped(words, small, self.side)]
            else:
                texts.append(_Text(fitted(f"{op}: {words}", small, self.side), _PALE))
        return texts


def fitted(text: str, of: ImageFont.FreeTypeFont, room: float) -> str:
    """The text, cut short where it would run into what is beside it."""
    while text and of.getlength(text) > room:
        text = text.rstrip("…")[:-1] + "…"
    return text


def wrapped(text: str, of: ImageFont.FreeTypeFont, room: float) -> list[str]:
    """The text in lines."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and of.getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(fitted(word, of, room))
    return lines
