"""From the settings of sampling, and what a dataset knows of its rows, to an order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.data.dataset import ImageDataset
from augpipe.errors import DataError, RecipeError
from augpipe.loader.config import MAX_POSITIONS, Sampling
from augpipe.loader.permutation import Indices
from augpipe.loader.positions import (
    Among,
    Balanced,
    Limited,
    Order,
    Repeated,
    Rows,
    Sequential,
    Shuffled,
    Uniform,
    Weighted,
    nth,
)


def make_order(dataset: ImageDataset, sampling: Sampling, *, shuffle: bool) -> Order:
    """Which row of a dataset stands at which position.

    Args:
        dataset: whose rows, labels and columns are meant.
        sampling: how rows are chosen and drawn.
        shuffle: whether the order is drawn; without, it is that of the rows.

    Raises:
        DataError: a weight is wrong, or the dataset lacks the labels or the column asked for.
        RecipeError: settings that do not go together, or not with this dataset.
    """
    if sampling.draws and not shuffle:
        raise RecipeError(
            f"sampling.{sampling.draws[0]} draws rows, which shuffle=False forbids; leave one out"
        )
    rows = chosen_rows(sampling, len(dataset))
    order = _drawn(dataset, sampling, rows, shuffle)
    if sampling.rows is not None:
        order = Among(order, rows)
    if sampling.repeats > 1:
        order = Repeated(order, sampling.repeats)
    if sampling.length is not None:
        order = Limited(order, sampling.length)
    if order.length > MAX_POSITIONS:
        raise RecipeError(
            f"an epoch of {order.length} positions is longer than {MAX_POSITIONS}; "
            "set sampling.length"
        )
    return order


def chosen_rows(sampling: Sampling, count: int) -> Rows:
    """The rows that sampling chooses from, of `count` that there are; see `positions.nth`.

    Raises:
        RecipeError: there are none, or one is not there, or chosen twice.
    """
    rows = _selection(sampling.rows, count)
    if not len(rows) and (sampling.rows is not None or sampling.draws or sampling.length):
        raise RecipeError(f"sampling chooses none of the {count} rows that there are")
    return rows


def _selection(
    rows: slice | range | tuple[int, ...] | NDArray[np.integer] | None, count: int
) -> Rows:
    if rows is None:
        return range(count)
    if isinstance(rows, slice):
        _refuse_beyond([at for at in (rows.start, rows.stop) if at is not None], -count, count)
        return range(count)[rows]
    if isinstance(rows, range):
        _refuse_beyond([*rows[:1], *rows[-1:]], 0, count - 1)
        return rows
    numbers = np.asarray(rows)
    _refuse_beyond([int(numbers.min()), int(numbers.max())], 0, count - 1)
    distinct, counts = np.unique(numbers, return_counts=True)
    if len(distinct) < len(numbers):
        raise RecipeError(
            f"sampling.rows holds {distinct[counts.argmax()]} more than once; to show rows "
            "more often than others, use sampling.weights"
        )
    return numbers.astype(np.int64)


def _refuse_beyond(ends: list[int], lowest: int, highest: int) -> None:
    for end in ends:
        if not lowest <= end <= highest:
            raise RecipeError(
                f"sampling.rows holds {end}, which is not between {lowest} and {highest}: "
                "it was written for other data"
            )


def _drawn(dataset: ImageDataset, sampling: Sampling, rows: Rows, shuffle: bool) -> Order:
    """An order over places in `rows`."""
    if sampling.balanced:
        return Balanced(_of(rows, _labels(dataset)))
    if sampling.weights is not None:
        return Weighted(_of(rows, _checked_weights(dataset, sampling.weights, rows)))
    if sampling.replacement:
        return Uniform(len(rows))
    return Shuffled(len(rows)) if shuffle else Sequential(len(rows))


def _of(rows: Rows, values: NDArray[Any]) -> NDArray[Any]:
    """The values of these rows."""
    return values[nth(rows, np.arange(len(rows)))]


def _labels(dataset: ImageDataset) -> Indices:
    labels = dataset.labels
    if labels is None:
        raise DataError(
            f"sampling.balanced needs the label of every row, which {type(dataset).__name__} "
            "does not know without opening them all; give sampling.weights instead"
        )
    return labels


def _checked_weights(
    dataset: ImageDataset, given: str | tuple[float, ...] | NDArray[np.float64], rows: Rows
) -> NDArray[np.float64]:
    """(N,) weights of all rows, of which `rows` are meant."""
    named = f"column {given!r}" if isinstance(given, str) else "sampling.weights"
    values = dataset.column(given) if isinstance(given, str) else given
    weights = np.asarray(values, np.float64)
    if len(weights) != len(dataset):
        raise RecipeError(
            f"{named} holds {len(weights)} numbers for {len(dataset)} rows; "
            "give one for each row of the dataset, chosen or not"
        )
    wrong = np.flatnonzero(~((weights >= 0) & np.isfinite(weights)))
    if wrong.size:
        at = int(wrong[0])
        raise DataError(
            f"{dataset.where(at)}: {named} gives row {at} the weight {weights[at]}; "
            "weights are finite and not negative"
        )
    if not _of(rows, weights).any():
        first = int(nth(rows, np.zeros(1, np.int64))[0])
        raise DataError(
            f"{named} gives every row the weight 0, from {dataset.where(first)} on; "
            "at least one has to be more than 0"
        )
    return weights
