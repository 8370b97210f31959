"""The stock of shared memory that batches are made in."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import DTypeLike, NDArray

from augpipe.loader.arena import Arena, Bytes, Extent


class Slots:
    """Extents that come back when nobody looks at them any more, to be filled again.

    Filling memory that the system has yet to find takes about as long as decoding the pictures.

    Args:
        arena: where they are.
        most: how many may be lent at a time. A training loop holds one or two batches; who holds
            more gets copies, so that it is not shared memory that they fill.
    """

    def __init__(self, arena: Arena, most: int) -> None:
        self._arena, self._most = arena, most
        self._extents: dict[int, Extent] = {}
        self._free: deque[int] = deque()
        self._lent: deque[int] = deque()  # as many entries as slots are lent: safe among threads

    def take(self) -> int:
        """The number of a slot that is free, or new."""
        if self._free:
            return self._free.pop()
        number = self._arena.extend()
        self._extents[number] = self._arena.extent(number)
        return number

    def extent(self, number: int) -> Extent:
        """A slot's memory."""
        return self._extents[number]

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """An array in a slot of its own, lent until it dies; or in new memory if too many are."""
        if len(self._lent) >= self._most:
            return np.empty(shape, dtype)
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        # A memoryview, since NumPy forgets an array that only hands on somebody else's memory.
        memory = self.lend(self.take(), count).data
        return np.frombuffer(memory, dtype, count // np.dtype(dtype).itemsize).reshape(shape)

    def give_back(self, number: int) -> None:
        """Let the slot be taken again."""
        self._free.append(number)

    def lend(self, number: int, count: int) -> Bytes:
        """The first bytes of a slot; it comes back when the last array that shows them dies."""
        memory = self._extents[number].reach(count)
        if len(self._lent) >= self._most:
            memory = memory.copy()
            self.give_back(number)
            return memory
        self._lent.append(number)
        finalize(memory, _returned, self._free, self._lent, number).atexit = False
        return memory


def _returned(free: deque[int], lent: deque[int], number: int) -> None:
    """Called from whichever thread drops the last view."""
    lent.pop()
    free.append(number)
