"""What a worker does for one batch: plan, decode what the plan needs, execute, collate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
import torch

from augpipe.data.dataset import ImageDataset
from augpipe.data.sample import Row, Sample
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
        rows = [self._tried(key, bad, partial(self.row, key.row)) for key in keys]
        opened = [(key, row) for key, row in zip(keys, rows, strict=True) if row]
        plan = self.plan([row for _, row in opened], [key for key, _ in opened])
        numbers = iter(range(len(opened)))
        shown = []
        for key, row in zip(keys, rows, strict=True):
            run = partial(self._run, plan, next(numbers), row) if row else None
            sample = self._tried(key, bad, run) if run else None
            one = (key, sample) if sample else self._replacement(key, bad)
            shown += [one] if one else []
        return Fetched(self._collate(shown) if shown else None, tuple(bad))

    def _collate(self, shown: Sequence[tuple[Key, Sample]]) -> Batch:
        keys = [key for key, _ in shown]
        return collate(
            [sample for _, sample in shown],
            lambda number: self.where(keys[number].row),
            index=torch.tensor([key.row for key in keys]),
            repeat=torch.tensor([key.repeat for key in keys]),
            epoch=keys[0].epoch,
        )

    def sample(self, key: Key) -> Sample:
        """One sample as training sees it, with its record, before any ops that act on batches."""
        row = self.row(key.row)
        plan = self.plan([row], [key])
        return replace(self._run(plan, 0, row), record=plan.params(0))

    def plan(self, rows: Sequence[Row], keys: Sequence[Key]) -> Plan:
        """The plan for rows that are open."""
        sizes = np.array([row.source.size for row in rows], np.int64).reshape(-1, 2)
        epoch, row, repeat = np.array(keys, np.int64).reshape(-1, 3).T
        return self.pipeline.plan(sizes, seed=self.seed, epoch=epoch, index=row, repeat=repeat)

    def _run(self, plan: Plan, number: int, row: Row) -> Sample:
        decoded = row.source.decode(int(plan.decode_scale[number]))
        return cv2_image.run(plan, number, decoded, row.targets)

    def _tried(self, key: Key, bad: list[BadRow], work: Callable[[], Done]) -> Done | None:
        """What `work` gives; None if its row turns out to be bad, and is to be got over."""
        try:
            return work()
        except DataError as error:
            if self.on_error == "raise":
                raise type(error)(f"row {key.row}: {error}") from error
            bad.append(BadRow(key.row, str(error)))
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
            if sample := self._tried(other, bad, partial(self.sample, other)):
                return other, sample
        raise DataError(
            f"row {key.row} is bad, and so are {_REPLACEMENTS} rows drawn to replace it; "
            f"the last: {bad[-1].message}"
        )
