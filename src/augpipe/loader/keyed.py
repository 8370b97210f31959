"""From a key to a sample: open its rows, plan, decode what the plan needs, execute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from augpipe.data.dataset import ImageDataset
from augpipe.data.sample import Picture, Row, Sample
from augpipe.errors import DataError
from augpipe.execute.cv2 import image as cv2_image
from augpipe.generators import seeded
from augpipe.loader.batch import Batch, collate
from augpipe.loader.config import OnError
from augpipe.loader.order import Key
from augpipe.loader.positions import Rows, nth
from augpipe.pipeline import Pipeline
from augpipe.plan import Plan
from augpipe.region import Region, union
from augpipe.rng import uniforms

# Is told which row is about to be touched, and may refuse it with a `DataError`.
Gate = Callable[[int], None]


class RowError(Exception):
    """Which of the rows that a sample is made of cannot be read, and why."""

    def __init__(self, number: int, error: DataError) -> None:
        super().__init__(number, error)
        self.number, self.error = number, error

    def named(self) -> DataError:
        """The error, with the row's number."""
        return type(self.error)(f"row {self.number}: {self.error}")


@dataclass(frozen=True, slots=True)
class Opened:
    """A row that has been opened, its number, and the size of its picture."""

    number: int
    row: Row
    size: tuple[int, int]
    gate: Gate

    def decode(self, scale: int, region: Region | None) -> Picture:
        """Its pixels, at 1/`scale` of full size or larger, or at least those of a region."""
        try:
            self.gate(self.number)
            return Picture(self.row.source.decode(scale, region), self.row.targets)
        except DataError as error:
            raise RowError(self.number, error) from error


# The rows that a sample is made of, its own first; None where one is not needed.
Team = Sequence[Opened | None]


def _open_gate(_: int) -> None:
    """Lets every row through."""


class KeyedDataset(ImageDataset):
    """A dataset that workers ask for keys, and that gives the rows of `source` augmented.

    Its length, its classes and plain indexing are those of the source.

    Args:
        source: where the rows come from.
        pipeline: what is done to them.
        seed: 0 to 2**64 - 1.
        on_error: what to do with a row that cannot be read.
        rows: those that may be shown at all, as partners or replacements too.
    """

    def __init__(
        self,
        source: ImageDataset,
        pipeline: Pipeline,
        seed: int,
        on_error: OnError,
        rows: Rows,
    ) -> None:
        self.source, self.pipeline, self.seed, self.on_error = source, pipeline, seed, on_error
        self._rows = rows
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

    def sample(self, key: Key, percentile: float | None = None) -> Sample:
        """One sample as training sees it, with its record, before any ops that act on batches.

        Raises:
            DataError: one of the rows it is made of cannot be read.
        """
        try:
            return self.one(key, percentile)
        except RowError as bad_row:
            raise bad_row.named() from bad_row.error

    def one(self, key: Key, percentile: float | None = None, gate: Gate = _open_gate) -> Sample:
        """`sample`.

        Raises:
            RowError: one of its rows cannot be read.
        """
        rows = self.open(key, self.numbers([key], percentile)[0], gate)
        plans = self.plans([rows], [key], percentile)
        mixed = [{"op": "rows", "rows": [one and one.number for one in rows]}]
        records = [(*(mixed if len(rows) > 1 else ()), *plan.params(0)) for plan in plans]
        sample = self.run(plans, 0, rows)
        views = zip(sample.views, records, strict=False)
        recorded = tuple(replace(view, record=record) for view, record in views)
        return replace(sample, record=records[0], views=recorded)

    def numbers(self, keys: Sequence[Key], percentile: float | None = None) -> list[list[int]]:
        """For each key, the rows that its sample is made of, its own first; -1 is not needed."""
        numbers = self.pipeline.rows(len(self._rows), **self._drawn_by(keys, percentile))
        own, drawn = numbers[:, :1], numbers[:, 1:]
        partners = np.where(drawn >= 0, nth(self._rows, drawn), -1)
        return cast(list[list[int]], np.hstack([own, partners]).tolist())

    def drawn(self, uniforms: NDArray[np.float64]) -> list[int]:
        """A row for each uniform number."""
        return cast(list[int], nth(self._rows, (uniforms * len(self._rows)).astype(int)).tolist())

    def open(self, key: Key, numbers: Sequence[int], gate: Gate = _open_gate) -> Team:
        """Those rows, without their pixels.

        Raises:
            RowError: one cannot be read.
        """
        return [self._opened(key, number, gate) if number >= 0 else None for number in numbers]

    def _opened(self, key: Key, number: int, gate: Gate) -> Opened:
        try:
            gate(number)
            row = self._seeded_row(key, number) if self.source.draws else self.row(number)
            return Opened(number, self._with_soft_label(row), row.source.size, gate)
        except DataError as error:
            raise RowError(number, error) from error

    def _seeded_row(self, key: Key, number: int) -> Row:
        """What a row draws for itself comes from its key too."""
        draw = uniforms(self.seed, key.epoch, number, key.repeat, "dataset", 1)[0, 0]
        with seeded(int(draw * 2**53), self.source.generators):
            return self.row(number)

    def _with_soft_label(self, row: Row) -> Row:
        """Where ops mix labels, a class is a distribution over classes from the start."""
        label = row.targets.label
        if not (self.pipeline.mixes_labels and isinstance(label, int) and self.classes):
            return row
        soft = np.zeros(len(self.classes), np.float32)
        soft[label] = 1
        return replace(row, targets=replace(row.targets, label=soft))

    def plans(
        self, opened: Sequence[Team], keys: Sequence[Key], percentile: float | None = None
    ) -> list[Plan]:
        """For each view the plan of samples whose rows are open."""
        sizes = [[(one or cast(Opened, rows[0])).size for one in rows] for rows in opened]
        size = np.array(sizes, np.int64).reshape(len(keys), self.pipeline.pictures, 2)
        drawn_by = self._drawn_by(keys, percentile)
        targets = [[one.row.targets if one else None for one in rows] for rows in opened]
        return [
            self.pipeline.plan(size, view=view, targets=targets, **drawn_by)
            for view in range(self.pipeline.views)
        ]

    def _drawn_by(self, keys: Sequence[Key], percentile: float | None) -> dict[str, Any]:
        """The keys, as a pipeline takes them."""
        epoch, row, repeat = np.array(keys, np.int64).reshape(-1, 3).T
        own = {"seed": self.seed, "epoch": epoch, "index": row, "repeat": repeat}
        return own | {"percentile": percentile}

    def run(self, plans: Sequence[Plan], number: int, rows: Team) -> Sample:
        """All views of one sample, from pictures decoded once.

        Raises:
            RowError: one cannot be decoded.
        """
        pictures = self.decode(plans, number, rows)
        views = [cv2_image.run(plan, number, pictures) for plan in plans]
        return replace(views[0], views=tuple(views)) if len(views) > 1 else views[0]

    def collate(self, keys: Sequence[Key], samples: Sequence[Sample], **how: Any) -> Batch:
        """The samples of keys of one epoch, as `loader.batch.collate` puts them together."""
        return collate(
            [self.pipeline.written(sample) for sample in samples],
            lambda number: self.where(keys[number].row),
            **how,
            index=torch.tensor([key.row for key in keys]),
            repeat=torch.tensor([key.repeat for key in keys]),
            epoch=keys[0].epoch,
        )

    def decode(
        self, plans: Sequence[Plan], number: int, rows: Team, *, whole: bool = False
    ) -> list[Picture | None]:
        """The pictures of one sample, as large as its plans need them.

        Args:
            plans: one for each view.
            number: which row of them.
            rows: where the pictures are.
            whole: whether to decode also what the plans do not look at; their pixels stay.

        Raises:
            RowError: one cannot be decoded.
        """
        pictures: list[Picture | None] = []
        for place, one in enumerate(rows):
            leaves = [plan.leaves[place] for plan in plans]
            scale = min(int(leaf.decode_scale[number]) for leaf in leaves)
            region = union(leaf.sight.regions[number] for leaf in leaves)
            pictures.append(one.decode(scale, None if whole else region) if one else None)
        return pictures
