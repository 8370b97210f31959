"""Keyed permutations with random access, there and back.

There is no array of N integers: positions are enciphered by a Feistel network over the smallest
a x b grid that holds them, keyed by seed and epoch. What falls outside of N is enciphered again
until it falls inside (cycle walking: Black and Rogaway, "Ciphers with arbitrary finite domains",
CT-RSA 2002). So position 900,000,000 of an epoch costs what position 0 costs. With a and b next to
the root of N, less than one in the root of N falls outside, and at most one in four.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augpipe.rng import uniforms

_ROUNDS = 12

Indices = NDArray[np.int64]
_Words = NDArray[np.uint64]
_Cipher = Callable[[_Words, _Words, _Words, _Words], _Words]


def permute(
    position: ArrayLike,
    length: ArrayLike,
    seed: int,
    epoch: int,
    *,
    walk: ArrayLike = 0,
    family: ArrayLike = 0,
) -> Indices:
    """The row at each position: for every key a permutation of 0 .. length - 1 of its own.

    Args:
        position: scalar or (B,), 0 to length - 1.
        length: scalar or (B,), the number of rows, 1 to 2**40.
        seed: 0 to 2**64 - 1.
        epoch: 0 to 2**32 - 1.
        walk: scalar or (B,), 0 to 2**40 - 1: how often the rows have been gone through before.
        family: scalar or (B,), 0 to 2**40 - 1: tells the rows of different sets apart.

    Returns:
        (B,) int64.
    """
    return _walk_cycles(_encipher, position, length, _round_keys(seed, epoch, walk, family))


def position_of(
    row: ArrayLike,
    length: ArrayLike,
    seed: int,
    epoch: int,
    *,
    walk: ArrayLike = 0,
    family: ArrayLike = 0,
) -> Indices:
    """The position of each row: the inverse of `permute`, whose arguments these are.

    Returns:
        (B,) int64.
    """
    return _walk_cycles(_decipher, row, length, _round_keys(seed, epoch, walk, family))


def _round_keys(seed: int, epoch: int, walk: ArrayLike, family: ArrayLike) -> _Words:
    """(rounds, B) or (rounds, 1); each distinct key is drawn once."""
    pairs = np.stack(np.broadcast_arrays(*np.atleast_1d(family, walk)))
    distinct, which = np.unique(pairs, axis=1, return_inverse=True)
    draws = uniforms(seed, epoch, distinct[0], distinct[1], "order", _ROUNDS)
    return (draws * 2.0**53).astype(np.uint64).T[:, which.ravel()]


def _walk_cycles(cipher: _Cipher, start: ArrayLike, length: ArrayLike, keys: _Words) -> Indices:
    """Each of `start` enciphered until it is less than its length."""
    at, length, _ = np.broadcast_arrays(np.asarray(start), np.asarray(length), keys[0])
    rows = np.ceil(np.sqrt(length)).astype(np.uint64)
    columns = -(-length // rows.astype(np.int64)).astype(np.uint64)
    keys = np.broadcast_to(keys, (_ROUNDS, len(at)))
    out, outside = at.astype(np.uint64), np.ones(len(at), bool)
    while outside.any():
        out[outside] = cipher(out[outside], rows[outside], columns[outside], keys[:, outside])
        outside &= out >= length.astype(np.uint64)
    return out.astype(np.int64)


def _encipher(at: _Words, rows: _Words, columns: _Words, keys: _Words) -> _Words:
    """One pass of the Feistel network over a grid of rows x columns."""
    sides, extents = [at // columns, at % columns], (rows, columns)
    for number, key in enumerate(keys):
        own, other = number % 2, 1 - number % 2
        sides[own] = (sides[own] + _mix(sides[other] ^ key) % extents[own]) % extents[own]
    return sides[0] * columns + sides[1]


def _decipher(at: _Words, rows: _Words, columns: _Words, keys: _Words) -> _Words:
    """The same pass backwards."""
    sides, extents = [at // columns, at % columns], (rows, columns)
    for number in reversed(range(_ROUNDS)):
        own, other = number % 2, 1 - number % 2
        back = extents[own] - _mix(sides[other] ^ keys[number]) % extents[own]
        sides[own] = (sides[own] + back) % extents[own]
    return sides[0] * columns + sides[1]


def _mix(z: _Words) -> _Words:
    """A 64-bit finaliser (Stafford's variant 13 of MurmurHash3's); wraps around on purpose."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
