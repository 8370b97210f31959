"""What a worker does for one batch, bad rows included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import numpy as np

from augpipe.data.sample import Sample
from augpipe.errors import AugpipeError, DataError, PlanError, within
from augpipe.execute.cv2.types import Values
from augpipe.loader.batch import Batch, Empty
from augpipe.loader.keyed import KeyedDataset, RowError
from augpipe.loader.order import Key
from augpipe.plan import Kernel, Plan
from augpipe.rng import uniforms
from augpipe.rows import normalizes

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


def fetch(
    dataset: KeyedDataset,
    keys: Sequence[Key],
    *,
    condemned: Mapping[int, str] | None = None,
    empty: Empty = np.empty,
    at: Callable[[int], None] = lambda _: None,
) -> Fetched:
    """Make the batch of these keys, which are of one epoch.

    Args:
        dataset: where from.
        keys: for each sample one.
        condemned: rows that are bad without being touched, and why.
        empty: makes the array that the pictures are put into.
        at: is told which row is about to be touched.
    """
    try:
        with within(f"epoch {keys[0].epoch}"):
            return _Batch(dataset, condemned or {}, at).fetch(keys, empty)
    except AugpipeError as error:
        return Fetched(error=error)


def stand_ins(dataset: KeyedDataset, key: Key) -> list[int]:
    """The rows that may take the place of a bad one, drawn from the bad one's key."""
    own = dataset.seed, key.epoch, key.row, key.repeat
    return dataset.drawn(uniforms(*own, "replace", _REPLACEMENTS)[0])


def no_stand_in(key: Key, last: BadRow) -> DataError:
    """All of them are bad too."""
    return DataError(
        f"row {key.row} is bad, and so are {_REPLACEMENTS} rows drawn to replace it; "
        f"the last: {last.message}"
    )


@dataclass
class _Batch:
    """A batch in the making, and the bad rows that it met."""

    dataset: KeyedDataset
    condemned: Mapping[int, str]
    at: Callable[[int], None]
    bad: list[BadRow] = field(default_factory=list)

    def fetch(self, keys: Sequence[Key], empty: Empty) -> Fetched:
        numbers = self.dataset.numbers(keys)
        opened = [
            self._tried(key, partial(self.dataset.open, key, own, self._gate))
            for key, own in zip(keys, numbers, strict=True)
        ]
        good = [(key, rows) for key, rows in zip(keys, opened, strict=True) if rows]
        plans = self.dataset.plans([rows for _, rows in good], [key for key, _ in good])
        plans, normalize = _normalize_later(plans)
        place = iter(range(len(good)))
        shown = []
        for key, rows in zip(keys, opened, strict=True):
            run = partial(self.dataset.run, plans, next(place), rows) if rows else None
            sample = self._tried(key, run) if run else None
            one = (key, sample) if sample else self._replacement(key)
            shown += [one] if one else []
        if not shown:
            return Fetched(None, tuple(self.bad))
        of, samples = zip(*shown, strict=True)
        batch = self.dataset.collate(of, samples, empty=empty, normalize=normalize)
        return Fetched(batch, tuple(self.bad))

    def _gate(self, row: int) -> None:
        if row in self.condemned:
            raise DataError(f"{self.dataset.where(row)}: {self.condemned[row]}")
        self.at(row)

    def _tried(self, key: Key, work: Callable[[], Done]) -> Done | None:
        """What `work` gives; None if its row turns out to be bad, and is to be got over."""
        try:
            return work()
        except RowError as bad_row:
            if self.dataset.on_error == "raise":
                raise bad_row.named() from bad_row.error
            self.bad.append(BadRow(bad_row.number, str(bad_row.error)))
            return None
        except PlanError as error:
            raise type(error)(f"{self.dataset.where(key.row)}: {error}") from error

    def _replacement(self, key: Key) -> tuple[Key, Sample] | None:
        """Another row in place of a bad one, drawn from the bad one's key; or None, to skip it."""
        if self.dataset.on_error == "skip":
            return None
        for row in stand_ins(self.dataset, key):
            other = key._replace(row=row)
            if sample := self._tried(other, partial(self.dataset.one, other, gate=self._gate)):
                return other, sample
        raise no_stand_in(key, self.bad[-1])


def _normalize_later(plans: Sequence[Plan]) -> tuple[list[Plan], Values | None]:
    """The plans of all views without a last step that normalises, and what that step does.

    It is left to `collate`. Nothing of it is drawn: all rows are alike.
    """
    last = plans[0].steps[-1] if len(plans[0]) and plans[0].steps else None
    if not isinstance(last, Kernel) or not normalizes(last):
        return list(plans), None
    values = {name: value[0] for name, value in last.params.items()}
    return [replace(plan, steps=plan.steps[:-1]) for plan in plans], values
