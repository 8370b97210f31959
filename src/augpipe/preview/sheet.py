"""What a sheet is: a grid of pictures with their names, and what was drawn for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augpipe.data.sample import Targets
from augpipe.preview.words import Drawn


class Cell(NamedTuple):
    """One picture of a sheet.

    Attributes:
        image: (H, W, 3) uint8.
        targets: in its coordinates.
        title: which variant or stage it is.
        group: which pipeline it went through, where there are several.
        notes: lines of small print, such as the shares of its label.
        drawn: what each op that changed it drew.
        record: the same for other programs, see `Sample.record`.
        original: whether it is a picture of the dataset as it is.
    """

    image: NDArray[np.uint8]
    targets: Targets
    title: str = ""
    group: str = ""
    notes: Sequence[str] = ()
    drawn: Sequence[Drawn] = ()
    record: Sequence[dict[str, Any]] = ()
    original: bool = False

    def as_json(self) -> dict[str, Any]:
        """The cell in plain values, without its picture."""
        return {
            "title": self.title,
            "group": self.group,
            "size": list(self.image.shape[:2]),
            "notes": list(self.notes),
            "drawn": [drawn._asdict() for drawn in self.drawn],
            "record": list(self.record),
        }


class Line(NamedTuple):
    """One row of the sheet.

    Attributes:
        name: what it shows.
        note: small print.
        cells: its pictures.
        row: of the dataset.
        group: what it belongs to; a heading stands above the first line of each.
    """

    name: str
    note: str
    cells: Sequence[Cell]
    row: int | None = None
    group: str = ""


@dataclass(frozen=True)
class Sheet:
    """What is to be looked at.

    Attributes:
        heading: what the whole sheet shows.
        lines: the rows.
        classes: names of the classes.
        notes: what has to be known about it, a line each.
        staged: whether each picture has a title of its own, and what was drawn for it below;
            otherwise columns have titles.
    """

    heading: str
    lines: Sequence[Line]
    classes: Sequence[str] = ()
    notes: Sequence[str] = field(default=())
    staged: bool = False

    def as_json(self) -> dict[str, Any]:
        """The sheet in plain values, without its pictures."""
        return {
            "heading": self.heading,
            "notes": list(self.notes),
            "lines": [
                {"name": line.name, "note": line.note, "row": line.row, "group": line.group}
                | {"cells": [cell.as_json() for cell in line.cells]}
                for line in self.lines
            ],
        }


def classes_shown(sheet: Sheet) -> list[int]:
    """The classes of all boxes on the sheet."""
    cells = (cell for line in sheet.lines for cell in line.cells)
    labels = (cell.targets.box_labels for cell in cells)
    return sorted({int(one) for some in labels if some is not None for one in some})
