"""Random numbers as a pure function of (seed, epoch, index, repeat, slot): policy, then code.

1. There is no generator object and no state. Whoever needs a random number names its key.
2. The cipher is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
   SC 2011): 64 key bits and 128 counter bits give 128 random bits.
3. The *slot* says what a number is for: an op's name and occurrence ("rotate#0"), never its
   position, so that inserting or removing an op leaves all other draws alone. Seed and slot
   together make the key: the slot is enciphered under the seed.
4. Epoch, index, repeat and the number of the block fill the counter without overlap, so within
   one slot two different keys never share a block. Nothing is ever added to a seed: seeds s and
   s + 1, epochs e and e + 1, share nothing.
5. Draws happen whether or not they are used. An op that misses its `p` draws all the same.
6. The scheme has a version. Changing what any key draws raises it, and the changelog heads the
   change "Changes your data".
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augpipe.errors import PlanError

RNG_VERSION = 1

MAX_SEED = 2**64 - 1
MAX_EPOCH = 2**32 - 1
MAX_INDEX = 2**40 - 1
MAX_REPEAT = 2**40 - 1
_MAX_BLOCKS = 2**16

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)


def philox(counter: NDArray[np.uint64], key: tuple[int, int]) -> NDArray[np.uint64]:
    """Encipher counters with Philox4x32-10.

    Args:
        counter: (4, ...) words of 32 bits, held in uint64.
        key: two words of 32 bits.

    Returns:
        (4, ...) random words of 32 bits, held in uint64.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1 = (p1 >> _WORD) ^ c1 ^ np.uint64(k0), p1 & _LOW
        c2, c3 = (p0 >> _WORD) ^ c3 ^ np.uint64(k1), p0 & _LOW
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3])


@lru_cache(maxsize=4096)
def slot_key(seed: int, slot: str) -> tuple[int, int]:
    """The Philox key of one slot under one seed: a hash of the slot, enciphered by the seed."""
    if not 0 <= seed <= MAX_SEED:
        raise PlanError(f"seed must be between 0 and 2**64 - 1, not {seed}")
    digest = hashlib.blake2b(slot.encode(), digest_size=12, person=b"augpipe").digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in (0, 4, 8)]
    counter = np.array([*words, RNG_VERSION], np.uint64)
    out = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return int(out[0]), int(out[1])


def uniforms(
    seed: int, epoch: ArrayLike, index: ArrayLike, repeat: ArrayLike, slot: str, k: int
) -> NDArray[np.float64]:
    """Draw k uniform numbers for each of B keys.

    Args:
        seed: 0 to 2**64 - 1.
        epoch: scalar or (B,), 0 to 2**32 - 1.
        index: scalar or (B,), 0 to 2**40 - 1: the row of the dataset.
        repeat: scalar or (B,), 0 to 2**40 - 1: how often a sampler showed the row before.
        slot: what the numbers are for, such as "rotate#0".
        k: how many; a prefix of a longer draw equals the shorter draw.

    Returns:
        (B, k) float64 in [0, 1), each with 53 random bits.

    Raises:
        PlanError: a part of the key is out of its range.
    """
    parts = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x)) for x in (epoch, index, repeat)))
    e, i, r = (
        _checked(name, part, limit)
        for name, part, limit in zip(
            ("epoch", "index", "repeat"), parts, (MAX_EPOCH, MAX_INDEX, MAX_REPEAT), strict=True
        )
    )
    blocks = (k + 1) // 2
    if blocks > _MAX_BLOCKS:
        raise PlanError(f"a slot holds {2 * _MAX_BLOCKS} numbers for each key, not {k}")
    counter = np.empty((4, len(i), blocks), np.uint64)
    counter[0] = (i & _LOW)[:, None]
    counter[1] = e[:, None]
    counter[2] = (r & _LOW)[:, None]
    counter[3] = ((i >> _WORD) << np.uint64(24) | (r >> _WORD) << np.uint64(16))[:, None]
    counter[3] |= np.arange(blocks, dtype=np.uint64)
    words = philox(counter, slot_key(seed, slot))
    doubles = _to_unit(words[0::2], words[1::2])  # (2, B, blocks)
    return np.moveaxis(doubles, 0, 2).reshape(len(i), 2 * blocks)[:, :k]


def _checked(name: str, value: NDArray[np.generic], limit: int) -> NDArray[np.uint64]:
    if value.dtype.kind not in "iu":
        raise PlanError(f"{name} must be whole numbers, not {value.dtype}")
    if value.size and not 0 <= int(value.min()) <= int(value.max()) <= limit:
        raise PlanError(f"{name} must lie between 0 and {limit}")
    return value.astype(np.uint64)


def _to_unit(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Two words of 32 bits to one float64 in [0, 1) with 53 random bits."""
    bits = (high << np.uint64(21)) ^ (low >> np.uint64(11))
    return bits.astype(np.float64) * 2.0**-53
