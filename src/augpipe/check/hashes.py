"""Fingerprints of what pictures show, and which of them are nearly the same.

A picture's hash says of each of 63 slow waves whether it is stronger than half of them (Zauner,
"Implementation and benchmarking of perceptual image hash functions", 2010: pHash). Another size,
another quality and a little more light change few of its bits. As flat pictures of different things
have like waves, an 8 x 8 thumbnail has to agree as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix  # type: ignore[import-untyped]  # has none
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

Hashes = NDArray[np.uint64]
Thumbnails = NDArray[np.uint8]

BITS = 64
THUMBNAIL = 8
_SIDE, _WAVES = 32, 8
# The largest mean difference, in levels of 255, of two thumbnails that show the same.
_ALIKE = 8.0


def thumbnail(image: NDArray[np.uint8]) -> Thumbnails:
    """(8, 8, 3) uint8: the colours of an (H, W, 3) uint8 picture, each the mean of a 64th."""
    small = cv2.resize(image, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def perceptual_hash(image: NDArray[np.uint8]) -> int:
    """64 bits of what an (H, W, 3) uint8 RGB picture shows; the first, of the mean, is 0."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(small.astype(np.float32))[:_WAVES, :_WAVES].ravel()
    waves[0] = median = np.median(waves[1:])
    return int.from_bytes(np.packbits(waves > median).tobytes(), "big")


def groups_of_alike(hashes: Hashes, thumbnails: Thumbnails, distance: int) -> list[list[int]]:
    """Pictures that are nearly the same, directly or through others, in groups of two or more.

    Args:
        hashes: (N,) uint64.
        thumbnails: (N, 8, 8, 3) uint8.
        distance: how many bits of their hashes may differ.

    Returns:
        ascending numbers of the pictures, by the first of each group.
    """
    pairs = [found for found in _pairs(hashes, distance) if len(found[0])]
    if not pairs:
        return []
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    same = [_alike(thumbnails, a[at : at + 2**16], b[at : at + 2**16]) for at in _steps(len(a))]
    return connected(a[np.concatenate(same)], b[np.concatenate(same)], len(hashes))


def connected(a: NDArray[np.int64], b: NDArray[np.int64], count: int) -> list[list[int]]:
    """The groups that pairs make of `count` things, of two or more; ascending."""
    graph = coo_matrix((np.ones(len(a), bool), (a, b)), (count, count))
    _, names = connected_components(graph, directed=False)
    groups: dict[int, list[int]] = {}
    for at in np.unique(np.concatenate([a, b])).tolist():
        groups.setdefault(int(names[at]), []).append(at)
    return list(groups.values())


def _steps(length: int) -> range:
    return range(0, length, 2**16)


def _alike(thumbnails: Thumbnails, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
    difference = thumbnails[a].astype(np.int16) - thumbnails[b]
    return np.asarray(np.abs(difference).mean(axis=(1, 2, 3)) <= _ALIKE)


def _pairs(hashes: Hashes, distance: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of pictures whose hashes differ by at most `distance` bits; some come twice.

    Hashes are cut into one band more than bits may differ, so a pair has at least one band in
    common. Only within those is anything compared: not each picture with each.
    """
    edges = np.linspace(0, BITS, distance + 2).astype(int).tolist()
    for low, high in pairwise(edges):
        band = (hashes >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)
        # Equal hashes lie side by side, so a chain of them is made of neighbours alone.
        order = np.lexsort((hashes, band))
        yield from _pairs_in_runs(band[order], hashes[order], order, distance)


def _pairs_in_runs(
    band: Hashes, hashes: Hashes, order: NDArray[np.int64], distance: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Within runs of an equal band: each hash with the next one, the one after it, and so on."""
    twin = np.flatnonzero(hashes[1:] == hashes[:-1])
    yield order[twin], order[twin + 1]
    first = np.ones(len(hashes), bool)
    first[twin + 1] = False
    band, hashes, order = band[first], hashes[first], order[first]
    at = np.arange(len(hashes))
    for step in range(1, len(hashes)):
        at = at[: np.searchsorted(at, len(hashes) - step)]
        at = at[band[at] == band[at + step]]
        if not len(at):
            return
        near = at[np.bitwise_count(hashes[at] ^ hashes[at + step]) <= distance]
        yield order[near], order[near + step]
