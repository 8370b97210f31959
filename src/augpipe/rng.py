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
import sys
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augpipe.errors import PlanError

RNG_VERSION = 1

MAX_SEED = 2**64 - 1
MAX_EPOCH = 2**32 - 1
MAX_INDEX = 2**40 - 1
MAX_REPEAT = 2**40 - 1
_MAX_BLOCKS = 2**16

_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)
_ROUNDS = 10
_HIGH_HALF = 1 if sys.byteorder == "little" else 0
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
    words = np.asarray(key, np.uint64)
    keys = _round_keys(words.reshape(2, *[1] * (counter.ndim - 1)))
    return _encipher(counter.astype(np.uint32), keys).astype(np.uint64)


def _round_keys(key: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """(rounds, 2, ...): the key (2, ...) of each round."""
    number = np.arange(_ROUNDS, dtype=np.uint64)
    keys = key + np.multiply.outer(number, _like(_WEYL, key)) & _LOW
    return np.asarray(keys, np.uint32)


def _encipher(counter: NDArray[np.uint32], keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Words of 32 bits, (4, ...), under the keys of all rounds."""
    multipliers = _like(_MULTIPLIERS, counter)
    even, odd = counter[0::2], counter[1::2]
    for key in keys:
        product = even * multipliers
        # Its two halves where they lie: nothing is shifted, masked or copied.
        halves = product.view(np.uint32).reshape(*product.shape, 2)[::-1]
        even = halves[..., _HIGH_HALF] ^ odd
        even ^= key
        odd = halves[..., 1 - _HIGH_HALF]
    return np.stack([even[0], odd[0], even[1], odd[1]])


def _like(pair: NDArray[np.uint64], words: NDArray[Any]) -> NDArray[np.uint64]:
    """(2, 1, ...), with as many axes as `words`."""
    return pair.reshape(2, *[1] * (words.ndim - 1))


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
    return uniforms_of_slots(seed, epoch, index, repeat, {slot: k})[0]


def uniforms_of_slots(
    seed: int, epoch: ArrayLike, index: ArrayLike, repeat: ArrayLike, counts: Mapping[str, int]
) -> list[NDArray[np.float64]]:
    """What `uniforms` draws for each of several slots, enciphered together.

    For few keys, a cipher costs as much for ten slots as for one.

    Args:
        seed: as in `uniforms`, and so are epoch, index and repeat.
        epoch: scalar or (B,).
        index: scalar or (B,).
        repeat: scalar or (B,).
        counts: for each slot, how many numbers.

    Returns:
        (B, count) float64 in [0, 1) for each slot.

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
    keys, blocks = _keys_and_blocks(seed, tuple(counts.items()))
    counter = np.empty((4, len(i), len(blocks)), np.uint32)
    counter[0] = (i & _LOW)[:, None]
    counter[1] = e[:, None]
    counter[2] = (r & _LOW)[:, None]
    counter[3] = ((i >> _WORD) << np.uint64(24) | (r >> _WORD) << np.uint64(16))[:, None]
    counter[3] |= blocks
    words = _encipher(counter, keys)
    doubles = _to_unit(words[0::2], words[1::2])  # (2, B, blocks)
    flat = np.moveaxis(doubles, 0, 2).reshape(len(i), 2 * len(blocks))
    starts = accumulate((2 * _blocks(k) for k in counts.values()), initial=0)
    return [flat[:, start : start + k] for start, k in zip(starts, counts.values(), strict=False)]


def _blocks(count: int) -> int:
    """How many blocks hold so many numbers."""
    return (count + 1) // 2


@lru_cache(maxsize=256)
def _keys_and_blocks(
    seed: int, counts: tuple[tuple[str, int], ...]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The round keys (rounds, 2, 1, blocks) of the slots, and each block's number in its slot."""
    most = max((k for _, k in counts), default=0)
    if _blocks(most) > _MAX_BLOCKS:
        raise PlanError(f"a slot holds {2 * _MAX_BLOCKS} numbers for each key, not {most}")
    each = [_blocks(k) for _, k in counts]
    keys = np.array([slot_key(seed, slot) for slot, _ in counts], np.uint64).reshape(-1, 2)
    blocks = [np.arange(count, dtype=np.uint32) for count in each]
    none = np.empty(0, np.uint32)
    return _round_keys(keys.repeat(each, axis=0).T[:, None]), np.concatenate([none, *blocks])


def _checked(name: str, value: NDArray[np.generic], limit: int) -> NDArray[np.uint64]:
    if value.dtype.kind not in "iu":
        raise PlanError(f"{name} must be whole numbers, not {value.dtype}")
    if value.size and not 0 <= int(value.min()) <= int(value.max()) <= limit:
        raise PlanError(f"{name} must lie between 0 and {limit}")
    return value.astype(np.uint64)


def _to_unit(high: NDArray[np.uint32], low: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Two words of 32 bits to one float64 in [0, 1) with 53 random bits."""
    bits = high.astype(np.uint64) << np.uint64(21)
    bits |= low >> np.uint32(11)
    # Signed, of which a processor converts several at a time.
    return np.asarray(bits.view(np.int64) * 2.0**-53, np.float64)
