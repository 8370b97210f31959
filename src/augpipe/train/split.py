"""Rows dealt out to parts: train, val and test by ratio, or the folds of a cross-validation.

Everything is `deal`: each row goes to one part, each part gets its share of the rows; stratified,
it gets its share of each class; grouped, rows of one group stay together. A fold is a part with a
share like all others. What is dealt where is a function of the seed, whatever libraries there are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augpipe.errors import DataError
from augpipe.loader.permutation import permute

Rows = NDArray[np.int64]


def split(
    rows: int,
    ratios: Mapping[str, float],
    *,
    seed: int = 0,
    labels: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> dict[str, Rows]:
    """Split rows into named parts.

    Args:
        rows: how many there are.
        ratios: by the part's name, its share; they are divided by their sum.
        seed: 0 to 2**64 - 1.
        labels: (rows,) classes, of which each part gets its share; any values that can be sorted.
        groups: (rows,) what must not be torn apart, such as patients.

    Returns:
        By name, the sorted numbers of the part's rows: together all rows, each once.

    Raises:
        DataError: a part would get no row, or a ratio is not above 0.
    """
    shares = np.array(list(ratios.values()), np.float64)
    parts = deal(rows, shares, seed=seed, labels=labels, groups=groups)
    return {name: np.flatnonzero(parts == number) for number, name in enumerate(ratios)}


def folds(
    rows: int,
    count: int,
    *,
    seed: int = 0,
    labels: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> list[tuple[Rows, Rows]]:
    """The folds of a cross-validation; the other arguments and the errors are those of `split`.

    Args:
        rows: how many there are.
        count: how many folds, 2 at the least.
        seed: 0 to 2**64 - 1.
        labels: (rows,) classes, of which each fold gets its share.
        groups: (rows,) what must not be torn apart.

    Returns:
        For each fold the rows to train on and those to validate on, sorted.
    """
    if count < 2:
        raise DataError(f"{count} fold(s): a cross-validation has 2 or more")
    parts = deal(rows, np.ones(count), seed=seed, labels=labels, groups=groups)
    return [(np.flatnonzero(parts != k), np.flatnonzero(parts == k)) for k in range(count)]


def deal(
    rows: int,
    shares: ArrayLike,
    *,
    seed: int = 0,
    labels: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Rows:
    """The part, 0 to P - 1, that each row goes to; see `split`.

    Args:
        rows: how many there are.
        shares: (P,) numbers above 0.
        seed: 0 to 2**64 - 1.
        labels: (rows,) classes.
        groups: (rows,) groups.

    Returns:
        (rows,) int64.
    """
    wanted = np.asarray(shares, np.float64)
    if not len(wanted) or not (np.isfinite(wanted) & (wanted > 0)).all():
        raise DataError(f"ratios are {wanted.tolist()}; each has to be above 0")
    wanted = wanted / wanted.sum()
    classes = _codes(labels, rows, "labels")
    if groups is None:
        parts = _deal_rows(_shuffled(rows, seed), classes, wanted)
    else:
        parts = _deal_groups(_codes(groups, rows, "groups"), classes, wanted, seed)
    _refuse_empty(np.bincount(parts, minlength=len(wanted)))
    return parts


def _codes(values: ArrayLike | None, rows: int, name: str) -> Rows:
    """(rows,) whole numbers that are equal where the values are."""
    if values is None:
        return np.zeros(rows, np.int64)
    array = np.asarray(values)
    if array.shape != (rows,):
        raise DataError(f"{name} have the shape {array.shape}; give one for each of {rows} rows")
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def _shuffled(count: int, seed: int) -> Rows:
    return permute(np.arange(count), count, seed, 0) if count else np.empty(0, np.int64)


def _refuse_empty(counts: NDArray[np.int64]) -> None:
    for number, count in enumerate(counts, 1):
        if not count:
            raise DataError(
                f"part {number} of {len(counts)} would get none of {counts.sum()} rows; raise its "
                "ratio, ask for fewer parts, or make smaller groups"
            )


def _deal_rows(shuffled: Rows, classes: Rows, shares: NDArray[np.float64]) -> Rows:
    """Class by class: whole rows first, then those that are left to whoever is furthest behind.

    They go to parts that have a fraction of a row to come, one each. So of each class a part gets
    its share up to less than one row, and in total it is never far behind.
    """
    parts = np.empty(len(shuffled), np.int64)
    behind = np.zeros(len(shares))
    for label in range(int(classes.max(initial=0)) + 1):
        members = shuffled[classes[shuffled] == label]
        exact = shares * len(members)
        counts = np.floor(exact + 1e-9).astype(np.int64)  # 0.1 * 3 / 0.3 is a whole share
        behind += exact - counts
        waiting = np.where(exact - counts > 1e-9, behind, -np.inf)
        served = np.argsort(-waiting, kind="stable")[: len(members) - counts.sum()]
        counts[served] += 1
        behind[served] -= 1
        parts[members] = np.repeat(np.arange(len(shares)), counts)
    return parts


def _deal_groups(groups: Rows, classes: Rows, shares: NDArray[np.float64], seed: int) -> Rows:
    """Group by group, the largest first, each to the part that then has what it should have.

    What it should have is its share of every class. The measure is the sum of squared differences,
    in shares of the class; for one class and equal parts that is the part with the fewest rows.
    Ties are broken by the seed. The last groups go to parts that have none yet.
    """
    table = np.zeros((int(groups.max(initial=-1)) + 1, int(classes.max(initial=0)) + 1))
    np.add.at(table, (groups, classes), 1)
    table /= table.sum(axis=0)  # of each class, which share lies in each group
    shuffled = _shuffled(len(table), seed)
    order = shuffled[np.argsort(-table[shuffled].sum(axis=1), kind="stable")]
    missing = np.outer(shares, np.ones(table.shape[1]))
    parts = np.empty(len(table), np.int64)
    empty = np.ones(len(shares), bool)
    for left, group in zip(range(len(order), 0, -1), order, strict=True):
        gain = (missing @ table[group]) / shares - (table[group] ** 2).sum() / (2 * shares)
        if left <= empty.sum():
            gain[~empty] = -np.inf
        part = int(np.argmax(gain))
        parts[group], empty[part] = part, False
        missing[part] -= table[group]
    return parts[groups]
