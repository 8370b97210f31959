"""What executors need of reference pictures, measured once in each process.

Plans name references by their paths, so nothing large travels to workers or in a plan. An empty
path is no reference, where an op does not act.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from augpipe.data.decode import open_image, upright
from augpipe.data.paths import read_file
from augpipe.errors import DataError, PlanError, within

# An int64 array, or an int64 tensor on any device.
Whole = Any

# Shares of a picture count in units of 2**-34, finer than one pixel of the largest; levels in
# units of 2**-16, as do blend ratios. Every product stays below 2**63.
_SHARE_BITS = 34
_LEVEL_BITS = 16

# A contribution to a pixel, in levels, below which an amplitude is a transform's rounding error and
# its phase means nothing; it counts as zero, as that of an amplitude of zero does.
SILENCE = 1e-5


class Quantiles(NamedTuple):
    """The distribution of a picture's levels, for each channel.

    Attributes:
        share: (3, 256) int64, how much of the picture is not above each level; see `to_share`.
        previous: (3, 256) int64, the next lower level that occurs; the level itself if none does.
    """

    share: NDArray[np.int64]
    previous: NDArray[np.int64]


def to_share(counts: Whole) -> Whole:
    """(..., 256) counts of the pixels that are not above each level, as shares of all."""
    return (counts << _SHARE_BITS) // counts[..., -1:]


def level_at(share: Whole, low: Whole, low_share: Whole, high: Whole, high_share: Whole) -> Whole:
    """The level at a share that lies between those of two levels, in units of 2**-16."""
    rise = ((high - low) << _LEVEL_BITS) * (share - low_share)
    return (low << _LEVEL_BITS) + rise // (high_share - low_share).clip(1)


def blend(level: Whole, matched: Whole, ratio: Whole) -> Whole:
    """Between a level and what it was matched to, rounded; `ratio` is in units of 2**-16."""
    rest = (1 << _LEVEL_BITS) - ratio
    half = 1 << 2 * _LEVEL_BITS - 1
    return (ratio * matched + rest * (level << _LEVEL_BITS) + half) >> 2 * _LEVEL_BITS


def to_ratio(share: NDArray[Any]) -> NDArray[np.int64]:
    """Shares from 0 to 1 as whole numbers."""
    return np.asarray(np.rint(share * (1 << _LEVEL_BITS)), np.int64)


@lru_cache(maxsize=4096)
def quantiles(path: str) -> Quantiles:
    """The distribution of the levels of the picture at `path`; of all levels alike, for none.

    Raises:
        PlanError: it cannot be read.
    """
    image = _read(path) if path else np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(-1, 1, 3)
    counts = np.array([np.bincount(image[..., c].ravel(), minlength=256) for c in range(3)])
    occurring = np.where(counts > 0, np.arange(256), -1)
    before = np.maximum.accumulate(occurring, axis=1)[:, :-1]
    previous = np.concatenate([np.full((3, 1), -1), before], axis=1)
    share = to_share(counts.cumsum(axis=1).astype(np.int64))
    return Quantiles(share, np.where(previous < 0, np.arange(256), previous))


@lru_cache(maxsize=512)
def amplitudes(path: str, height: int, width: int, reach: int) -> NDArray[np.float64]:
    """The low frequencies of the picture at `path`, resized to a size.

    Returns:
        (3, 2 * reach + 1, reach + 1) amplitudes of the frequencies y = -reach to reach and
        x = 0 to reach; the others mirror them. Zeros, for no picture.

    Raises:
        PlanError: it cannot be read.
    """
    if not path:
        return np.zeros((3, 2 * reach + 1, reach + 1))
    image = _read(path)
    smaller = height * width < image[..., 0].size
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    resized = cv2.resize(image.astype(np.float32), (width, height), interpolation=how)
    spectrum = np.fft.rfft2(resized.transpose(2, 0, 1).astype(np.float64))
    return np.abs(spectrum[:, np.arange(-reach, reach + 1), : reach + 1])


def _read(path: str) -> NDArray[np.uint8]:
    """The upright picture; what is wrong with it is no fault of the row at hand."""
    try:
        with within("reference"):
            data = read_file(Path(path))
            source = open_image(data, path)
            return upright(source.decode(), source.size)
    except DataError as error:
        raise PlanError(str(error)) from error
