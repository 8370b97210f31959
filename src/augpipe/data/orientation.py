"""The EXIF orientation as a matrix: pictures are never turned after decoding, only mapped."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from augpipe.data.sample import Decoded
from augpipe.region import Region

UPRIGHT = 1
_TAG_ORIENTATION = 0x0112
_TYPE_SHORT = 3

# How (x, y) of the upright picture becomes (x, y) of the stored one: rows of a signed permutation.
# Where a row is negative, the stored width or height is added.
_TURNS: dict[int, tuple[tuple[int, int], tuple[int, int]]] = {
    1: ((1, 0), (0, 1)),
    2: ((-1, 0), (0, 1)),
    3: ((-1, 0), (0, -1)),
    4: ((1, 0), (0, -1)),
    5: ((0, 1), (1, 0)),
    6: ((0, 1), (-1, 0)),
    7: ((0, -1), (-1, 0)),
    8: ((0, -1), (1, 0)),
}


def exif_orientation(exif: bytes) -> int:
    r"""The orientation, 1 to 8, that a block of EXIF states.

    A block that is damaged, silent or out of range says nothing, so the picture counts as upright,
    as it does in browsers and image viewers.

    Args:
        exif: a TIFF header and its directories, with or without the leading "Exif\0\0".

    Source: CIPA DC-008 (Exif 3.0), 4.6.5.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return UPRIGHT
    try:
        return _find_orientation(exif, order)
    except struct.error:
        return UPRIGHT


def _find_orientation(exif: bytes, order: str) -> int:
    (directory,) = struct.unpack_from(f"{order}I", exif, 4)
    (entries,) = struct.unpack_from(f"{order}H", exif, directory)
    for entry in range(entries):
        at = directory + 2 + 12 * entry
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, at)
        if (tag, kind) == (_TAG_ORIENTATION, _TYPE_SHORT):
            return value if value in _TURNS else UPRIGHT
    return UPRIGHT


def turned_size(orientation: int, stored: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the upright picture, given those of the stored one."""
    height, width = stored
    return (width, height) if orientation >= 5 else (height, width)


def stored_region(orientation: int, stored: tuple[int, int], region: Region) -> Region:
    """A region of the upright picture as a rectangle of the stored one.

    Args:
        orientation: 1 to 8 as EXIF counts them.
        stored: (height, width) of the stored picture.
        region: of the upright one.
    """
    along_x, along_y = _TURNS[orientation]
    top, bottom = _interval(along_y, region, stored[0])
    left, right = _interval(along_x, region, stored[1])
    return Region(top, left, bottom, right)


def _interval(turn: tuple[int, int], region: Region, extent: int) -> tuple[int, int]:
    """Where a region begins and ends along an axis of the stored picture."""
    low, high = (region.left, region.right) if turn[0] else (region.top, region.bottom)
    return (low, high) if sum(turn) > 0 else (extent - high, extent - low)


_AS_STORED = np.eye(3)


def orientation_matrix(
    orientation: int, stored: tuple[int, int], scale: int = 1, corner: tuple[int, int] = (0, 0)
) -> NDArray[np.float64]:
    """The map from coordinates of the upright picture to those of the stored one.

    Args:
        orientation: 1 to 8 as EXIF counts them.
        stored: (height, width) of the stored picture at full size.
        scale: 1, 2, 4 or 8: it was decoded at 1/scale of it.
        corner: from which row and column on, if only a part was decoded.

    Returns:
        (3, 3) float64.
    """
    if orientation == UPRIGHT and scale == 1:  # as most are; to make it from lists takes long
        matrix = _AS_STORED.copy()
        matrix[0, 2], matrix[1, 2] = -corner[1], -corner[0]
        return matrix
    (xx, xy), (yx, yy) = _TURNS[orientation]
    x = stored[1] / scale if xx + xy < 0 else 0
    y = stored[0] / scale if yx + yy < 0 else 0
    return np.array(
        [
            [xx / scale, xy / scale, x - corner[1]],
            [yx / scale, yy / scale, y - corner[0]],
            [0, 0, 1],
        ]
    )


def upright(decoded: Decoded, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The pixels of a full-size decode, turned upright by flips and a transpose, exactly.

    Args:
        decoded: what `Source.decode()` returned.
        size: the source's size, (height, width).

    Returns:
        (height, width, 3) uint8, contiguous and writable.

    Raises:
        ValueError: the picture was decoded at a smaller scale.
    """
    turn = decoded.matrix[:2, :2]
    flip_x, flip_y = turn.sum(axis=1) < 0
    image = decoded.image[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    if turn[0, 0] == 0:
        image = image.transpose(1, 0, 2)
    if image.shape[:2] != size:
        raise ValueError(f"decoded to {image.shape[:2]}, not to the full size {size}")
    return np.require(image, requirements=["C", "W"])  # a cache's pictures are read-only
