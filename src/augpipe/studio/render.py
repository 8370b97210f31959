"""Rows of a dataset and what a pipeline makes of them, as pictures that a page can hold."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augpipe.api import build_loader
from augpipe.data.dataset import ImageDataset
from augpipe.data.sample import Targets
from augpipe.errors import DataError
from augpipe.pipeline import Pipeline
from augpipe.preview import (
    Cell,
    cell_of,
    draw_picture,
    epoch_columns,
    name_label,
    percentile_columns,
)

SIDE, THUMBNAIL = 384, 128  # pixels
_PERCENTILES = (5, 50, 95)


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on the page.

    Attributes:
        title: what it is.
        url: the picture itself, as a data URL.
        note: its class or classes, and its size.
        drawn: what each op drew, a line each.
    """

    title: str
    url: str
    note: str = ""
    drawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What one looks at.

    Attributes:
        row: of the dataset.
        epoch: the first.
        count: how many epochs.
        strengths: instead of epochs, all draws mild, median and extreme.
    """

    row: int = 0
    epoch: int = 0
    count: int = 6
    strengths: bool = False


def thumbnails(dataset: ImageDataset, rows: Sequence[int]) -> list[Shown]:
    """Small pictures of some rows; one that cannot be read says so in its note."""
    # A plan of one step: so large files are decoded no larger than need be.
    loader = build_loader(
        dataset, [{"resize": {"size": THUMBNAIL, "side": "longer"}}], num_workers=0
    )
    small = []
    for row in rows:
        try:
            sample = loader.replay(0, row)
        except DataError as error:
            small.append(Shown(f"row {row}", "", str(error)))
        else:
            url = _data_url(sample.image, Targets(), (), THUMBNAIL)
            names = ", ".join(name_label(sample.label, dataset.classes))
            small.append(Shown(f"row {row}", url, names))
    return small


def original(dataset: ImageDataset, row: int) -> Shown:
    """A row as it is, with its targets.

    Raises:
        DataError: it cannot be read.
    """
    sample = dataset[row]
    return _shown(Cell(sample.image, sample.targets, "original"), dataset.classes)


def variants(dataset: ImageDataset, pipeline: Pipeline, look: Look, seed: int) -> list[Shown]:
    """What training sees of a row, batch ops included.

    Raises:
        AugpipeError: a row cannot be read, or the ops cannot be carried out on it.
    """
    loader = build_loader(dataset, pipeline, num_workers=0, seed=seed)
    if look.strengths:
        columns = percentile_columns(loader, _PERCENTILES)
    else:
        columns = epoch_columns(loader, look.epoch, look.count)
    cells = (cell_of(column.make(look.row), column) for column in columns)
    return [_shown(cell, dataset.classes) for cell in cells]


def _shown(cell: Cell, classes: Sequence[str]) -> Shown:
    url = _data_url(cell.image, cell.targets, classes)
    names = ", ".join(name_label(cell.targets.label, classes))
    note = "{} {}x{}".format(names, *cell.image.shape[:2]).strip()
    return Shown(cell.title, url, note, tuple(f"{one.op}  {one.words}" for one in cell.drawn))


def _data_url(
    image: NDArray[np.uint8], targets: Targets, classes: Sequence[str], side: int = SIDE
) -> str:
    picture = draw_picture(image, targets, side, classes)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
