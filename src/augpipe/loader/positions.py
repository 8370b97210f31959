"""Which row stands at which position: orders as functions of position.

An order is an endless sequence of (row, repeat), any position of which is found at once; an epoch
shows the first `length` of it. `repeat` tells apart the positions that show one row, so that each
shows it augmented differently: (row, repeat) occurs once in an epoch. Ranks, batches and resuming
only choose positions, so they change nothing.

A small order wrapped into another makes the rest:

    Repeated(Among(Shuffled(100), rows), 3)    100 chosen rows, each three times in succession
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from augpipe.loader.permutation import Indices, permute
from augpipe.rng import uniforms

Rows = range | Indices


def nth(rows: Rows, place: Indices) -> Indices:
    """The rows at these places of a selection."""
    if isinstance(rows, range):
        return rows.start + rows.step * place
    return rows[place]


class Order(ABC):
    """A sequence of (row, repeat). `str` tells it apart from every other for the same rows.

    Attributes:
        length: the positions of an epoch.
    """

    length: int

    @abstractmethod
    def at(self, position: Indices, seed: int, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat at positions from 0 on; `length` is no limit."""

    @abstractmethod
    def __str__(self) -> str: ...


class Sequential(Order):
    """All rows as they come, and again from the first."""

    def __init__(self, length: int) -> None:
        self.length = length

    def at(self, position: Indices, seed: int, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat."""
        repeat, row = np.divmod(position, self.length)
        return row, repeat

    def __str__(self) -> str:
        return "in order"


class Shuffled(Order):
    """All rows once in a keyed order, then all in another."""

    def __init__(self, length: int) -> None:
        self.length = length

    def at(self, position: Indices, seed: int, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat."""
        walk, place = np.divmod(position, self.length)
        return permute(place, self.length, seed, epoch, walk=walk), walk

    def __str__(self) -> str:
        return "shuffled"


class Balanced(Order):
    """Every block of C positions shows each of C classes once, the classes in a keyed order.

    Within a class its rows take turns in a keyed order, and in another one when all have had
    theirs. An epoch has as many positions as there are rows, rounded up to whole blocks.

    Args:
        labels: (N,) the class of each row; classes that no row has are not shown.
    """

    def __init__(self, labels: Indices) -> None:
        _, self._counts = np.unique(labels, return_counts=True)
        self._by_class = np.argsort(labels, kind="stable")
        self._starts = np.cumsum(self._counts) - self._counts
        self._classes = Shuffled(len(self._counts))
        self.length = -(-len(labels) // self._classes.length) * self._classes.length

    def at(self, position: Indices, seed: int, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat."""
        label, turn = self._classes.at(position, seed, epoch)
        walk, place = np.divmod(turn, self._counts[label])
        # Family 0 is the order of the classes.
        own = permute(place, self._counts[label], seed, epoch, walk=walk, family=label + 1)
        return self._by_class[self._starts[label] + own], walk

    def __str__(self) -> str:
        return f"balanced {self._digest}"

    @cached_property
    def _digest(self) -> str:
        return digest(self._counts, self._by_class)


class Uniform(Order):
    """At each position any row, each as likely; a row's repeat is its position."""

    def __init__(self, length: int) -> None:
        self.length = length

    def at(self, position: Indices, seed: int, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat."""
        return (_draws(position, seed, epoch) * self.length).astype(np.int64), position

    def __str__(self) -> str:
        return "with replacement"


class Weighted(Order):
    """At each position any row, as likely as its weight says; a row's repeat is its position.

    Args:
        weights: (N,) float64, finite, not negative, not all zero. A row without weight is never
            shown.
    """

    def __init__(self, weights: NDArray[np.float64]) -> None:
        # The largest becomes 1, so that the sum can neither overflow nor be too small to divide.
        self._until = np.cumsum(weights / weights.max())
        self.length = len(weights)

    def at(self, position: Indices, seed: int, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat."""
        reached = _draws(position, seed, epoch) * self._until[-1]
        return np.searchsorted(self._until, reached, side="right").astype(np.int64), position

    def __str__(self) -> str:
        return f"weighted {self._digest}"

    @cached_property
    def _digest(self) -> str:
        return digest(self._until)


class Repeated(Order):
    """Each position of another order several times in succession.

    Ranks take turns, so they get different views of one picture: Berman et al., "MultiGrain",
    2019, and Touvron et al., "Training data-efficient image transformers", ICML 2021.
    """

    def __init__(self, order: Order, times: int) -> None:
        self._order, self._times = order, times
        self.length = order.length * times

    def at(self, position: Indices, seed: int, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat."""
        base, time = np.divmod(position, self._times)
        row, repeat = self._order.at(base, seed, epoch)
        return row, repeat * self._times + time

    def __str__(self) -> str:
        return f"{self._order}, each {self._times} times"


class Among(Order):
    """Another order's rows looked up in a selection of distinct rows."""

    def __init__(self, order: Order, rows: Rows) -> None:
        self._order, self._rows = order, rows
        self.length = order.length

    def at(self, position: Indices, seed: int, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat."""
        place, repeat = self._order.at(position, seed, epoch)
        return nth(self._rows, place), repeat

    def __str__(self) -> str:
        return f"{self._order}, of rows {self._described}"

    @cached_property
    def _described(self) -> str:
        if isinstance(self._rows, range):
            return f"{self._rows.start}:{self._rows.stop}:{self._rows.step}"
        return digest(self._rows)


class Limited(Order):
    """Another order with epochs of another length."""

    def __init__(self, order: Order, length: int) -> None:
        self._order, self.length = order, length

    def at(self, position: Indices, seed: int, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat."""
        return self._order.at(position, seed, epoch)

    def __str__(self) -> str:
        return f"{self._order}, {self.length} positions"


def _draws(position: Indices, seed: int, epoch: int) -> NDArray[np.float64]:
    """(B,) in [0, 1), one for each position."""
    return uniforms(seed, epoch, position, 0, "order", 1)[:, 0]


def digest(*arrays: NDArray[np.generic]) -> str:
    """16 hexadecimal digits of a SHA-256 over arrays."""
    state = hashlib.sha256()
    for array in arrays:
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()[:16]
