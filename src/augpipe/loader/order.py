"""Keys, and the sampler that hands them out: which rank gets what, and from where on.

World size W reads one global order in turns:

    position   0   1   2   3   4   5   6   7
    W = 1     r0  r0  r0  r0  r0  r0  r0  r0
    W = 2     r0  r1  r0  r1  r0  r1  r0  r1
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from augpipe.loader.permutation import Indices
from augpipe.loader.positions import Order

_CHUNK = 1024


class Key(NamedTuple):
    """What a worker is asked for: a row, the epoch, and which showing of the row in it."""

    epoch: int
    row: int
    repeat: int = 0


class KeySampler(Sampler[Key]):
    """One rank's share of the global order, as keys, from any position on.

    Args:
        order: which row stands at which position.
        seed: 0 to 2**64 - 1.
        equal_shares: whether all ranks get equally many keys, as training needs: where they do not
            divide what is left of the epoch, it goes on for a few positions. Otherwise it ends
            where it ends, as evaluation needs, and ranks may get one key less, or none.
        drop_last: whether equal shares are made by leaving out the last few positions instead.
        rank: 0 to world_size - 1.
        world_size: the number of ranks.

    Attributes:
        epoch: the epoch that the next iteration runs.
        position: where in it, in positions of the global order.
    """

    def __init__(
        self,
        order: Order,
        *,
        seed: int,
        equal_shares: bool,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.order, self.seed = order, seed
        self.equal_shares, self.drop_last = equal_shares, drop_last
        self.rank, self.world_size = rank, world_size
        self.epoch, self.position = 0, 0

    @cached_property
    def fingerprint(self) -> str:
        """What the order is: changes when the sampling does, not with ranks or batches."""
        return str(self.order)

    @property
    def total(self) -> int:
        """Where the epoch ends, in positions of the global order, when begun at `position`."""
        return self._end(self.position)

    def _end(self, begin: int) -> int:
        """The end of an epoch that begins at a position.

        Where one was interrupted, another number of ranks may go on: what is left is divided.
        """
        left = max(0, self.order.length - begin)
        remainder = left % self.world_size
        if self.equal_shares and remainder:
            left += (0 if self.drop_last else self.world_size) - remainder
        return begin + left

    def __len__(self) -> int:
        """Keys of a whole epoch of this rank."""
        return self.left(0)

    def left(self, position: int) -> int:
        """Keys of this rank from there to the end of the epoch."""
        return len(range(position + self.rank, self._end(position), self.world_size))

    def start(self, epoch: int, position: int = 0) -> None:
        """Let the next iteration begin there; `position` counts samples of the global order."""
        self.epoch, self.position = epoch, position

    def set_epoch(self, epoch: int) -> None:
        """For training loops that announce the epoch to the sampler, as Lightning does."""
        if epoch != self.epoch:
            self.start(epoch)

    def __iter__(self) -> Iterator[Key]:
        return self.keys(self.epoch, self.position)

    def keys(self, epoch: int, position: int = 0) -> Iterator[Key]:
        """The keys of this rank from there to the end of the epoch."""
        for rows, repeats in self._chunks(epoch, position):
            yield from map(Key, [epoch] * len(rows), rows.tolist(), repeats.tolist())

    def place_of(self, key: Key) -> int | None:
        """The how manieth of this rank's keys of its epoch it is; None if it is not one."""
        before = 0
        for rows, repeats in self._chunks(key.epoch, 0):
            (found,) = np.nonzero((rows == key.row) & (repeats == key.repeat))
            if found.size:
                return before + int(found[0])
            before += len(rows)
        return None

    def _chunks(self, epoch: int, position: int) -> Iterator[tuple[Indices, Indices]]:
        """Row and repeat of this rank's keys, some at a time."""
        stride, end = self.world_size, self._end(position)
        for low in range(position + self.rank, end, _CHUNK * stride):
            positions = np.arange(low, min(low + _CHUNK * stride, end), stride)
            yield self.rows_at(positions, epoch)

    def rows_at(self, position: Indices, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat at positions of the global order."""
        return self.order.at(position, self.seed, epoch)
