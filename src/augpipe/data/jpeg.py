"""Rectangles of JPEG files, by an extension in C that may not be there.

It is used where it was built and, put to the test once in each process, gives the very pixels that
simplejpeg gives, whose libjpeg is another. Where it is not, the whole file is decoded, the result
is the same, and training takes longer.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from augpipe.region import Region

# So far beside a rectangle blocks may begin or end that are decoded along with it. Where rows have
# room for them, nothing is copied; in the few files whose blocks are wider, they are cut off.
_BESIDE = 32


def decode_region(
    data: bytes, size: tuple[int, int], scale: int, region: Region
) -> NDArray[np.uint8] | None:
    """A rectangle of a JPEG file, as stored, its pixels equal to those of a full decode.

    What lies below the rectangle is not decoded, so damage there is not noticed, except that the
    file must go on to the end of its picture.

    Args:
        data: the whole file.
        size: (height, width) that its header states.
        scale: 1, 2, 4 or 8; the file is decoded at 1/scale of full size.
        region: of the stored picture at that scale.

    Returns:
        (h, w, 3) uint8 RGB, its rows a little apart; None if the file is damaged, truncated or in
        any way unusual, and has to be decoded whole; or if there is no extension.
    """
    extension = _trusted()
    return _decode(extension, data, size, scale, region) if extension else None


def decodes_regions() -> bool:
    """Whether `decode_region` ever gives anything."""
    return _trusted() is not None


def region_decoder() -> str | None:
    """The name and version of the library that decodes rectangles; None where none does."""
    extension = _trusted()
    return None if extension is None else str(extension.LIBRARY)


@cache
def _trusted() -> Any:
    """The extension, or None where it was not built, cannot be loaded, or decodes otherwise."""
    try:
        extension = importlib.import_module("augpipe.data._jpeg")
        return extension if _agrees(extension) else None
    except (ImportError, TypeError):  # or built of an older version, which takes other arguments
        return None


def _agrees(extension: Any) -> bool:
    """Whether it gives the pixels of simplejpeg, for each way in which chroma is stored."""
    size, region = (45, 61), Region(2, 3, 5, 6)
    for data in _probes(size):
        for scale in (1, 2, 4, 8):
            height, width = (-(-extent // scale) for extent in size)
            whole = simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width)
            larger = Region(region.top, region.left, height - 1, width - 1)
            for part in (region, larger):
                found = _decode(extension, data, size, scale, part)
                top, left, bottom, right = part
                if found is None or not np.array_equal(found, whole[top:bottom, left:right]):
                    return False
    return True


def _probes(size: tuple[int, int]) -> Iterator[bytes]:
    """Files full of detail, which no rounding escapes."""
    y, x, channel = np.indices((*size, 3))
    detail = ((y * 71 + x * 113 + channel * 37 + x * y * 29) % 256).astype(np.uint8)
    for subsampling in ("444", "422", "420", "440"):
        yield simplejpeg.encode_jpeg(detail, 90, "RGB", subsampling)
    yield simplejpeg.encode_jpeg(np.ascontiguousarray(detail[:, :, :1]), 90, "GRAY")


def _decode(
    extension: Any, data: bytes, size: tuple[int, int], scale: int, region: Region
) -> NDArray[np.uint8] | None:
    top, left, bottom, right = region
    rows = np.empty((bottom - top, right - left + 2 * _BESIDE, 3), np.uint8)
    done = extension.decode_into(data, rows, *size, scale, *region, _BESIDE)
    return rows[:, _BESIDE:-_BESIDE] if done else None
