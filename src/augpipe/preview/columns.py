"""Rows of a dataset as they are, and as each of several columns has them: epochs, strengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from augpipe.data.sample import Sample
from augpipe.loader.loader import Loader
from augpipe.preview.draw import as_levels, class_name, name_label
from augpipe.preview.sheet import Cell, Line, Sheet
from augpipe.preview.words import describe, ops_by_slot, partners_in


class Column(NamedTuple):
    """One column of a sheet.

    Attributes:
        title: which variant it shows.
        loader: whose pipeline makes it.
        make: from a row to the sample.
        group: the pipeline's name, where there are several.
    """

    title: str
    loader: Loader
    make: Callable[[int], Sample]
    group: str = ""

    @property
    def name(self) -> str:
        """Pipeline and title."""
        return f"{self.group} · {self.title}" if self.group else self.title


def epoch_columns(loader: Loader, first: int, count: int, group: str = "") -> list[Column]:
    """A column for each of some epochs, and for each view in it."""
    return [
        Column(f"epoch {epoch}{title}", loader, partial(_view, loader, view, epoch), group)
        for epoch in range(first, first + count)
        for view, title in _views(loader)
    ]


def percentile_columns(
    loader: Loader, percentiles: Sequence[float], group: str = ""
) -> list[Column]:
    """A column for each strength."""
    return [
        Column(f"percentile {value:g}", loader, partial(loader.replay, 0, percentile=value), group)
        for value in percentiles
    ]


def sheet_of(heading: str, rows: Sequence[int], columns: Sequence[Column]) -> Sheet:
    """A sheet of some rows of the dataset.

    Args:
        heading: what it shows.
        rows: which.
        columns: at least one; their loaders are of one dataset.

    Raises:
        DataError: no such row, or a bad one.
    """
    loaders = list(dict.fromkeys(column.loader for column in columns))
    notes = list(dict.fromkeys(note for loader in loaders for note in notes_of(loader)))
    lines = [line_of(row, columns) for row in rows]
    return Sheet(heading, lines, loaders[0].source.classes, notes)


def notes_of(loader: Loader) -> list[str]:
    """What has to be known about pictures of a loader."""
    mixing = [op.title() for op in loader.pipeline.batch or () if op.partners]
    if not mixing:
        return []
    return [
        f"{' and '.join(mixing)} on batches: partners are those of a batch of {loader.batch_size}, "
        "in the order of that epoch"
    ]


def line_of(row: int, columns: Sequence[Column]) -> Line:
    """A row of the dataset as it is, and in each column."""
    source = columns[0].loader.source
    cells = [cell_of(column.make(row), column) for column in columns]
    original = source[row]
    label = original.label
    size = "{}x{}".format(*original.image.shape[:2])
    name, note = f"row {row}", size
    if isinstance(label, int):
        name, note = class_name(label, source.classes), f"row {row}, {size}"
    first = Cell(original.image, original.targets, "original", original=True)
    return Line(name, note, [first, *cells], row)


def cell_of(sample: Sample, column: Column) -> Cell:
    """One sample of a column."""
    pipeline = column.loader.pipeline
    ops = ops_by_slot(pipeline)
    image = as_levels(sample.image, ops.values())
    mixes = pipeline.mixes_labels or (pipeline.batch is not None and pipeline.batch.mixes_labels)
    shares = name_label(sample.label, column.loader.source.classes) if mixes else []
    partners = partners_in(sample.record)
    if partners:
        shares.append(f"with row{'s' * (len(partners) > 1)} {' '.join(map(str, partners))}")
    drawn = describe(sample.record, ops)
    return Cell(image, sample.targets, column.title, column.group, shares, drawn, sample.record)


def _views(loader: Loader) -> list[tuple[int, str]]:
    views = loader.pipeline.views
    return [(view, f" · {view + 1} of {views}" if views > 1 else "") for view in range(views)]


def _view(loader: Loader, view: int, epoch: int, row: int) -> Sample:
    sample = loader.replay(epoch, row)
    return sample.views[view] if sample.views else sample
