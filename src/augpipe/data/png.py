"""The chunks of a PNG file, walked before any decoder sees them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SIGNATURE = 8
_FRAME = 12  # length and type before a chunk's data, a checksum after it


def png_exif(data: bytes) -> bytes:
    """The EXIF block, which may come before or after the pixels; empty if there is none.

    The walk goes to the end in any case: a chunk that claims more bytes than there are is refused
    here, since OpenCV would first allocate them, up to 2 GB.

    Raises:
        ValueError: the file ends inside a chunk or without an IEND chunk.
    """
    exif = b""
    for name, start, end in _chunks(data):
        if name == b"eXIf":
            exif = data[start:end]
    return exif


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The type of each chunk and where its data begins and ends, up to the last one."""
    at, name = _SIGNATURE, b""
    while name != b"IEND":
        if at + _FRAME > len(data):
            raise ValueError("it ends without an IEND chunk")
        length, name = struct.unpack_from(">I4s", data, at)
        if at + _FRAME + length > len(data):
            raise ValueError(f"a chunk claims {length:,} bytes, beyond the end")
        yield name, at + 8, at + 8 + length
        at += _FRAME + length
