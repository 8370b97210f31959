"""What a worker does for one batch: plan, decode what the plan needs, execute, collate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TypeVar, cast

import numpy as np
import torch

from augpipe.data.dataset import ImageDataset
from augpipe.data.sample import Picture, Row, Sample
from augpipe.errors import AugpipeError, DataError, PlanError, within
from augpipe.execute import cv2_image
from augpipe.loader.batch import Batch, collate
from augpipe.loader.config import OnError
from augpipe.loader.order import Key
from augpipe.pipeline import Pipeline
from augpipe.plan import Plan
from augpipe.rng import uniforms

Done = TypeVar("Done")

# How many other rows stand in for a bad one before it is a data set of bad rows.
_REPLACEMENTS = 10


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read: its number, and why; the message says where."""

    row: int
    message: str


@dataclass(frozen=True)
class Fetched:
    """What a worker sends back: a batch, or nothing if all its rows were skipped; or an error.

    An error travels as a value, so that it arrives with the message it was raised with, whatever
    the number of workers.
    """

    batch: Batch | None = None
    bad_rows: tuple[BadRow, ...] = ()
    error: AugpipeError | None = None

    def pin_memory(self) -> Fetched:
        """Called by the loader's pinning thread."""
        batch = self.batch.pin_memory() if self.batch else None
        return Fetched(batch, self.bad_rows, self.error)


class _RowError(Exception):
    """Which of the rows that a sample is made of cannot be read, and why."""

    def __init__(self, number: int, error: DataError) -> None:
        super().__init__(number, error)
        self.number, self.error = number, error

    def named(self) -> DataError:
        """The error, with the row's number."""
        return type(self.error)(f"row {self.number}: {self.error}")


@contextmanager
def _of_row(number: int) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise _RowError(number, error) from error


class Opened(NamedTuple):
    """A row that has been opened, and its number."""

    number: int
    row: Row

    def decode(self, scale: int) -> Picture:
        """Its pixels, at 1/`scale` of full size or larger."""
        with _of_row(self.number):
            return Picture(self.row.source.decode(scale), self.row.targets)


def _size(opened: Opened | None) -> tuple[int, int]:
    return opened.row.source.size if opened else (1, 1)


class KeyedDataset(ImageDataset):
    """A dataset that workers ask for keys, and that gives the rows of `source` augmented.

    Its length, its classes and plain indexing are those of the source.
    """

    def __init__(
        self, source: ImageDataset, pipeline: Pipeline, seed: int, on_error: OnError
    ) -> None:
        self.source, self.pipeline, self.seed, self.on_error = source, pipeline, seed, on_error
        self.classes = source.classes

    def __len__(self) -> int:
        return len(self.source)

    def row(self, index: int) -> Row:
        """The source's row."""
        return self.source.row(index)

    def where(self, index: int) -> str:
        """The source's name for the row."""
        return self.source.where(index)

    @property
    def fingerprint(self) -> str:
        """The source's."""
        return self.source.fingerprint

    def __getitems__(self, keys: Sequence[Key]) -> Fetched:
        """Torch's hook for fetching a batch at once."""
        try:
            with within(f"epoch {keys[0].epoch}"):
                return self._fetch(keys)
        except AugpipeError as error:
            return Fetched(error=error)

    def _fetch(self, keys: Sequence[Key]) -> Fetched:
        bad: list[BadRow] = []
        numbers = self._numbers(keys)
        opened = [
            self._tried(key, bad, partial(self._open, own))
            for key, own in zip(keys, numbers, strict=True)
        ]
        good = [(key, rows) for key, rows in zip(keys, opened, strict=True) if rows]
        plans = self._plans([rows for _, rows in good], [key for key, _ in good])
        place = iter(range(len(good)))
        shown = []
        for key, rows in zip(keys, opened, strict=True):
            run = partial(self._run, plans, next(place), rows) if rows else None
            sample = self._tried(key, bad, run) if run else None
            one = (key, sample) if sample else self._replacement(key, bad)
            shown += [one] if one else []
        return Fetched(self._collate(shown) if shown else None, tuple(bad))

    def _collate(self, shown: Sequence[tuple[Key, Sample]]) -> Batch:
        keys = [key for key, _ in shown]
        return collate(
            [self.pipeline.written(sample) for _, sample in shown],
            lambda number: self.where(keys[number].row),
            index=torch.tensor([key.row for key in keys]),
            repeat=torch.tensor([key.repeat for key in keys]),
            epoch=keys[0].epoch,
        )

    def sample(self, key: Key, percentile: float | None = None) -> Sample:
        """One sample as training sees it, with its record, before any ops that act on batches.

        Raises:
            DataError: one of the rows it is made of cannot be read.
        """
        try:
            return self._sample(key, percentile)
        except _RowError as bad_row:
            raise bad_row.named() from bad_row.error

    def _sample(self, key: Key, percentile: float | None = None) -> Sample:
        rows = self._open(self._numbers([key], percentile)[0])
        plans = self._plans([rows], [key], percentile)
        mixed = [{"op": "rows", "rows": [one and one.number for one in rows]}]
        records = [(*(mixed if len(rows) > 1 else ()), *plan.params(0)) for plan in plans]
        sample = self._run(plans, 0, rows)
        views = zip(sample.views, records, strict=False)
        recorded = tuple(replace(view, record=record) for view, record in views)
        return replace(sample, record=records[0], views=recorded)

    def _numbers(self, keys: Sequence[Key], percentile: float | None = None) -> list[list[int]]:
        """For each key, the rows that its sample is made of, its own first; -1 is not needed."""
        epoch, row, repeat = np.array(keys, np.int64).reshape(-1, 3).T
        numbers = self.pipeline.rows(
            len(self),
            seed=self.seed,
            epoch=epoch,
            index=row,
            repeat=repeat,
            percentile=percentile,
        )
        return cast(list[list[int]], numbers.tolist())

    def _open(self, numbers: Sequence[int]) -> list[Opened | None]:
        return [self._opened(number) if number >= 0 else None for number in numbers]

    def _opened(self, number: int) -> Opened:
        with _of_row(number):
            return Opened(number, self._with_soft_label(self.row(number)))

    def _with_soft_label(self, row: Row) -> Row:
        """Where ops mix labels, a class is a distribution over classes from the start."""
        label = row.targets.label
        if not (self.pipeline.mixes_labels and isinstance(label, int) and self.classes):
            return row
        soft = np.zeros(len(self.classes), np.float32)
        soft[label] = 1
        return replace(row, targets=replace(row.targets, label=soft))

    def _plans(
        self,
        opened: Sequence[Sequence[Opened | None]],
        keys: Sequence[Key],
        percentile: float | None = None,
    ) -> list[Plan]:
        """For each view the plan of samples whose rows are open."""
        sizes = [[_size(one or rows[0]) for one in rows] for rows in opened]
        size = np.array(sizes, np.int64).reshape(len(keys), self.pipeline.pictures, 2)
        epoch, row, repeat = np.array(keys, np.int64).reshape(-1, 3).T
        targets = [[one.row.targets if one else None for one in rows] for rows in opened]
        return [
            self.pipeline.plan(
                size,
                seed=self.seed,
                epoch=epoch,
                index=row,
                repeat=repeat,
                percentile=percentile,
                view=view,
                targets=targets,
            )
            for view in range(self.pipeline.views)
        ]

    def _run(self, plans: Sequence[Plan], number: int, rows: Sequence[Opened | None]) -> Sample:
        """All views of one sample, from pictures decoded once."""
        pictures: list[Picture | None] = []
        for place, one in enumerate(rows):
            scale = min(int(plan.leaves[place].decode_scale[number]) for plan in plans)
            pictures.append(one and one.decode(scale))
        views = [cv2_image.run(plan, number, pictures) for plan in plans]
        return replace(views[0], views=tuple(views)) if len(views) > 1 else views[0]

    def _tried(self, key: Key, bad: list[BadRow], work: Callable[[], Done]) -> Done | None:
        """What `work` gives; None if its row turns out to be bad, and is to be got over."""
        try:
            return work()
        except _RowError as bad_row:
            if self.on_error == "raise":
                raise bad_row.named() from bad_row.error
            bad.append(BadRow(bad_row.number, str(bad_row.error)))
            return None
        except PlanError as error:
            raise type(error)(f"{self.where(key.row)}: {error}") from error

    def _replacement(self, key: Key, bad: list[BadRow]) -> tuple[Key, Sample] | None:
        """Another row in place of a bad one, drawn from the bad one's key; or None, to skip it."""
        if self.on_error == "skip":
            return None
        draws = uniforms(self.seed, key.epoch, key.row, key.repeat, "replace", _REPLACEMENTS)[0]
        for row in (draws * len(self)).astype(int).tolist():
            other = key._replace(row=row)
            if sample := self._tried(other, bad, partial(self._sample, other)):
                return other, sample
        raise DataError(
            f"row {key.row} is bad, and so are {_REPLACEMENTS} rows drawn to replace it; "
            f"the last: {bad[-1].message}"
        )
