"""In which order rows are shown: a keyed permutation with random access.

There is no array of N integers: row numbers are enciphered by a Feistel network over the smallest
a x b grid that holds them, keyed by seed and epoch. What falls outside of N is enciphered again
until it falls inside (cycle walking: Black and Rogaway, "Ciphers with arbitrary finite domains",
CT-RSA 2002). So position 900,000,000 of an epoch costs what position 0 costs.

World size W reads one global order in turns:

    position   0   1   2   3   4   5   6   7
    W = 1     r0  r0  r0  r0  r0  r0  r0  r0
    W = 2     r0  r1  r0  r1  r0  r1  r0  r1
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import Sampler

from augpipe.rng import uniforms

_ROUNDS = 12
_CHUNK = 4096

Indices = NDArray[np.int64]


class Key(NamedTuple):
    """What a worker is asked for: a row, the epoch, and how often the epoch showed it before."""

    epoch: int
    row: int
    repeat: int = 0


def permute(position: ArrayLike, length: int, seed: int, epoch: int) -> Indices:
    """The row at each position of an epoch: a permutation of 0 .. length - 1.

    Args:
        position: scalar or (B,), 0 to length - 1.
        length: the number of rows, 1 to 2**40.
        seed: 0 to 2**64 - 1.
        epoch: 0 to 2**32 - 1.

    Returns:
        (B,) int64.
    """
    rows = int(np.ceil(np.sqrt(length)))
    columns = -(-length // rows)
    keys = (uniforms(seed, epoch, 0, 0, "order", _ROUNDS)[0] * 2.0**53).astype(np.uint64)
    at = np.atleast_1d(np.asarray(position)).astype(np.uint64)
    out = _encipher(at, rows, columns, keys)
    while (outside := out >= length).any():
        out[outside] = _encipher(out[outside], rows, columns, keys)
    return out.astype(np.int64)


def _encipher(
    at: NDArray[np.uint64], rows: int, columns: int, keys: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """One pass of the Feistel network over a grid of rows x columns."""
    sides = [at // np.uint64(columns), at % np.uint64(columns)]
    extents = np.uint64(rows), np.uint64(columns)
    for number, key in enumerate(keys):
        side = number % 2
        sides[side] = (sides[side] + _mix(sides[1 - side] ^ key) % extents[side]) % extents[side]
    return sides[0] * np.uint64(columns) + sides[1]


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A 64-bit finaliser (Stafford's variant 13 of MurmurHash3's); wraps around on purpose."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class KeySampler(Sampler[Key]):
    """One rank's share of the global order, as keys, from any position on.

    Args:
        length: the number of rows.
        seed: 0 to 2**64 - 1.
        shuffle: whether to permute. Shuffled ranks get equally many rows, for training: the first
            rows are shown once more where the ranks do not divide them (as repeat 1). In order,
            every row is shown exactly once, for evaluation.
        drop_last: whether shuffled ranks leave the remainder out instead.
        rank: 0 to world_size - 1.
        world_size: the number of ranks.
    """

    def __init__(
        self,
        length: int,
        *,
        seed: int,
        shuffle: bool,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.length, self.seed, self.shuffle = length, seed, shuffle
        self.rank, self.world_size = rank, world_size
        remainder = length % world_size
        if shuffle and remainder:
            self.total = length - remainder + (0 if drop_last else world_size)
        else:
            self.total = length
        self.epoch, self.position = 0, 0

    def __len__(self) -> int:
        """Keys of a whole epoch of this rank."""
        return len(range(self.rank, self.total, self.world_size))

    def start(self, epoch: int, position: int = 0) -> None:
        """Let the next iteration begin there; `position` counts samples of the global order."""
        self.epoch, self.position = epoch, position

    def set_epoch(self, epoch: int) -> None:
        """For training loops that announce the epoch to the sampler, as Lightning does."""
        if epoch != self.epoch:
            self.start(epoch)

    def __iter__(self) -> Iterator[Key]:
        # What is read here must be read now: the body of a generator runs later, in steps.
        return self._keys(self.epoch, self.position + self.rank)

    def _keys(self, epoch: int, begin: int) -> Iterator[Key]:
        stride = self.world_size
        for low in range(begin, self.total, _CHUNK * stride):
            positions = np.arange(low, min(low + _CHUNK * stride, self.total), stride)
            rows, repeats = self.rows_at(positions, epoch)
            yield from map(Key, [epoch] * len(rows), rows.tolist(), repeats.tolist())

    def rows_at(self, position: Indices, epoch: int) -> tuple[Indices, Indices]:
        """Row and repeat at positions of the global order."""
        repeat, place = np.divmod(position, self.length)
        row = permute(place, self.length, self.seed, epoch) if self.shuffle else place
        return row, repeat
