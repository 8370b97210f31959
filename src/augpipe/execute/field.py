"""Random fields: a number for each pixel and channel, as a pure function of a seed and the place.

One piece of arithmetic for NumPy and torch: both wrap products of int32 alike, so that the fields
of the two executors are equal to the bit, on any device.
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

# An int32 array, or an int32 tensor on any device.
Words = Any

_NORMAL_BITS = 16

# Shifts and factors; the last round has no factor.
_ROUNDS = ((16, 0x7FEB352D), (15, 0x846CA68B), (16, None))


def hashed(place: Words, first: Words, second: Words) -> Words:
    """Random words of 32 bits.

    Args:
        place: int32 numbers of pixels; overwritten.
        first: int32, half of the seed, to be broadcast.
        second: int32, the other half. With one half alone, two seeds that lie close together
            would draw the same field, shifted.
    """
    place += first
    _mix(place)
    place += second
    _mix(place)
    return place


def _mix(words: Words) -> None:
    """Permute the 32-bit words in place: Wellons' lowbias32 ("Prospecting for hash functions").

    torch shifts no unsigned words, so there the sign is masked; NumPy is a third faster without.
    """
    unsigned = isinstance(words, np.ndarray)
    words = words.view(np.uint32) if unsigned else words
    for shift, factor in _ROUNDS:
        words ^= words >> shift if unsigned else words >> shift & (2 ** (32 - shift) - 1)
        if factor:
            words *= factor if unsigned or factor < 2**31 else factor - 2**32


def seed_words(seed: NDArray[Any]) -> NDArray[np.int32]:
    """Whole numbers from 0 to 2**32 - 1 as int32 of the same bits."""
    return seed.astype(np.uint32).view(np.int32)


def to_uniform(words: Words) -> Any:
    """Random words to numbers in [0, 1), by their upper 24 bits, which any float holds exactly."""
    return (words >> 8 & 0xFFFFFF) * 2.0**-24


def to_level(words: Words) -> Words:
    """Random words to levels, 0 to 255."""
    return words >> 24 & 0xFF


def to_index(words: Words) -> Words:
    """Random words to places in the table of `normal_quantiles`."""
    return words >> 16 & (2**_NORMAL_BITS - 1)


@cache
def normal_quantiles() -> NDArray[np.float32]:
    """(65536,) equally likely numbers of the standard normal distribution, mean 0, deviation 1.

    A table, because the logarithms and cosines of two libraries differ in their last bits.
    """
    count = 2**_NORMAL_BITS
    inverse = NormalDist().inv_cdf
    quantiles = np.array([inverse((i + 0.5) / count) for i in range(count)])
    return np.asarray(quantiles / quantiles.std(), np.float32)
