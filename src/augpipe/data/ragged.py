"""A column of lists of numbers, without a Python object for each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """N lists of float64, one behind the other.

    Attributes:
        values: the numbers of all lists.
        offsets: (N + 1,) int64; list i is values[offsets[i] : offsets[i + 1]].
    """

    values: NDArray[np.float64]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, lists: Iterable[Iterable[float]]) -> Self:
        """The lists in a row; each is read once and not kept."""
        values, ends = array("d"), array("q", [0])
        for one in lists:
            values.extend(one)
            ends.append(len(values))
        return cls(np.frombuffer(values, np.float64), np.frombuffer(ends, np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.float64]:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def take(self, indices: NDArray[np.int64]) -> Self:
        """The lists with these numbers, in that order."""
        lengths = np.diff(self.offsets)[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        shift = np.repeat(self.offsets[indices] - offsets[:-1], lengths)
        return type(self)(self.values[np.arange(offsets[-1]) + shift], offsets)
