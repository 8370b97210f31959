"""Decoded pictures in one file that processes share: anybody appends, everybody finds.

    header     4096 bytes: what the file is for, and a few words that change
    index      for each row four words, one for each scale: where its picture begins, or 0
    pictures   a header of 128 bytes and the pixels, one after the other

A picture is appended, and only when it is complete, its word in the index is set, which is one
store of eight bytes. So readers need no lock and never see half a picture, and whoever is killed
while writing leaves a gap. Writers share one lock, for as long as the file is made longer.
"""

from __future__ import annotations

import errno
import logging
import mmap
import os
import struct
from typing import NamedTuple

import numpy as np
import stringzilla
from numpy.typing import NDArray

from augpipe.data.lock import alone
from augpipe.data.sample import Decoded
from augpipe.errors import DataError

logger = logging.getLogger("augpipe.cache")

SCALES = (1, 2, 4, 8)
MAGIC = b"augpipe cache 1\n"

_PAGE = 4096
_FULL, _DAMAGED = 16, 17  # which words of the header
_FILE = struct.Struct("<16s16sq")
# What the picture's hash is of, behind the hash: row, mtime, bytes, size, shape, matrix.
_HEADER = struct.Struct("<qqqIIII")
_ENTRY = struct.Struct(f"{_HEADER.format}9d")
_HASH = struct.Struct("<Q")
_AT_MATRIX = _HASH.size + _HEADER.size
_AT_PIXELS = 128
_ALIGNED = 64

# A writer that waits longer than this leaves its picture out.
_PATIENCE = 0.1

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EFBIG}


Stamp = tuple[int, int]
"""When a file was written, in ns, and how many bytes it has: what a change changes."""


class Found(NamedTuple):
    """A picture in a store.

    Attributes:
        offset: where its header begins.
        scale: that it was asked for at, and found.
        stamp: of the file it was decoded from.
        size: (height, width) of the upright, full-size picture.
        shape: (h, w) of the pixels.
    """

    offset: int
    scale: int
    stamp: Stamp
    size: tuple[int, int]
    shape: tuple[int, int]


def begin(fd: int, key: bytes, rows: int, *, allocate: bool) -> None:
    """Make an empty file a store without pictures.

    Args:
        fd: the file.
        key: 16 bytes that say what it is for.
        rows: how many rows may have pictures.
        allocate: whether the index shall have its room at once, because there may be none when it
            is needed, and a process that writes to memory without room behind it is killed.
    """
    end = _PAGE + 8 * len(SCALES) * rows
    os.ftruncate(fd, end)
    zeros = bytes(2**20)
    for at in range(0, end if allocate else 0, len(zeros)):
        _write(fd, zeros[: end - at], at)
    _write(fd, _FILE.pack(MAGIC, key, rows), 0)


def fault(fd: int, key: bytes, rows: int) -> str | None:
    """What is wrong with a store that was found, if anything is."""
    size = os.fstat(fd).st_size
    expected = _PAGE + 8 * len(SCALES) * rows
    if size < expected:
        return f"it has {size:,} bytes of at least {expected:,}"
    if os.pread(fd, _FILE.size, 0) != _FILE.pack(MAGIC, key, rows):
        return "it does not begin as it should"
    return None


class Store:
    """One process's view of such a file.

    Args:
        fd: the file, which `begin` has begun. Who gives it closes it.
        lock: a file that serves as lock, and nothing else.
        rows: how many rows there are.
        max_bytes: how long the file may become.
        name: how messages call it.
        check: whether pictures may have been damaged since they were written. Then each is
            compared with its hash before this process believes it.
    """

    def __init__(
        self, fd: int, lock: int, rows: int, max_bytes: int, name: str, *, check: bool
    ) -> None:
        self._fd, self._lock, self._max_bytes, self._name = fd, lock, max_bytes, name
        self._start = _PAGE + 8 * len(SCALES) * rows
        if max_bytes <= self._start:
            raise DataError(
                f"max_bytes is {max_bytes:,}, and {name} takes {self._start:,} before the first "
                "picture; allow more, or leave cache out"
            )
        self._words = memoryview(mmap.mmap(fd, self._start)).cast("q")
        self._bytes = mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
        self._believed = np.zeros(len(SCALES) * rows, bool) if check else None

    @property
    def full(self) -> bool:
        """Whether no picture will be added any more."""
        return self._words[_FULL] != 0

    def reset(self) -> None:
        """Begin a run: with room that there was not, or complaints to be heard anew."""
        self._words[_FULL] = self._words[_DAMAGED] = 0

    @property
    def nbytes(self) -> int:
        """How many bytes the pictures take."""
        return os.fstat(self._fd).st_size - self._start

    def __len__(self) -> int:
        """How many rows have a picture, of whatever scale and age."""
        index = np.frombuffer(self._words, np.int64)[_PAGE // 8 :].reshape(-1, len(SCALES))
        return int(np.count_nonzero(index.any(axis=1)))

    def find(self, row: int, scale: int, stamp: Stamp) -> Found | None:
        """The picture of a row at a scale, as long as its file has that stamp."""
        slot = len(SCALES) * row + SCALES.index(scale)
        offset = self._words[_PAGE // 8 + slot]
        return self._found(slot, offset, row, stamp) if offset else None

    def find_any(self, row: int, stamp: Stamp) -> Found | None:
        """The picture of a row at any scale."""
        slot = len(SCALES) * row
        offsets = self._words[_PAGE // 8 + slot : _PAGE // 8 + slot + len(SCALES)].tolist()
        for number, offset in enumerate(offsets):
            if offset and (found := self._found(slot + number, offset, row, stamp)):
                return found
        return None

    def pixels(self, found: Found) -> Decoded:
        """The picture itself: read-only views of the shared memory."""
        at, (height, width) = found.offset + _AT_PIXELS, found.shape
        image = np.frombuffer(self._bytes, np.uint8, 3 * height * width, at)
        matrix = np.frombuffer(self._bytes, np.float64, 9, found.offset + _AT_MATRIX)
        return Decoded(image.reshape(height, width, 3), matrix.reshape(3, 3))

    def add(
        self, row: int, scale: int, stamp: Stamp, size: tuple[int, int], decoded: Decoded
    ) -> bool:
        """Append the picture of a row at a scale, if there is room for it.

        Whoever asks for `scale` and is given all there is, has asked for scale 1 as well: such a
        picture is kept once.

        Returns:
            Whether it can be found now.
        """
        places = [SCALES.index(scale)]
        if scale > 1 and abs(decoded.matrix[:2, :2]).max() == 1:
            known = self.find(row, 1, stamp)
            if known:
                return self._publish(row, places, known.offset)
            places.append(0)
        offset = self._append(row, stamp, size, decoded)
        return offset is not None and self._publish(row, places, offset)

    def _found(self, slot: int, offset: int, row: int, stamp: Stamp) -> Found | None:
        found = self._entry(offset, SCALES[slot % len(SCALES)], row)
        if found is None or not self._believes(slot, found):
            self._forget(slot, offset)
            return None
        return found if found.stamp == stamp else None

    def _entry(self, offset: int, scale: int, row: int) -> Found | None:
        """What the file says is there, if that can be."""
        if offset < self._start or offset % 8 or not self._reaches(offset + _AT_PIXELS):
            return None
        own, mtime, size, tall, wide, height, width = _HEADER.unpack_from(self._bytes, offset + 8)
        pixels = height * width
        if own != row or not pixels or not self._reaches(offset + _AT_PIXELS + 3 * pixels):
            return None
        return Found(offset, scale, (mtime, size), (tall, wide), (height, width))

    def _believes(self, slot: int, found: Found) -> bool:
        if self._believed is None or self._believed[slot]:
            return True
        (expected,) = _HASH.unpack_from(self._bytes, found.offset)
        entry = self._bytes[found.offset + _HASH.size : found.offset + _HASH.size + _ENTRY.size]
        self._believed[slot] = expected == _hash(entry, self.pixels(found).image)
        return bool(self._believed[slot])

    def _reaches(self, end: int) -> bool:
        """Whether the mapped file has `end` bytes; it may have grown since it was mapped."""
        if end > len(self._bytes):
            if end > os.fstat(self._fd).st_size:
                return False
            self._bytes = mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ)
        return True

    def _forget(self, slot: int, offset: int) -> None:
        """A damaged picture is as good as none."""
        if self._words[_PAGE // 8 + slot] == offset:
            self._words[_PAGE // 8 + slot] = 0
        self._once(_DAMAGED, "holds damaged pictures; they are decoded again")

    def _append(
        self, row: int, stamp: Stamp, size: tuple[int, int], decoded: Decoded
    ) -> int | None:
        height, width = decoded.image.shape[:2]
        pixels = np.ascontiguousarray(decoded.image)
        entry = _ENTRY.pack(row, *stamp, *size, height, width, *decoded.matrix.ravel().tolist())
        head = (_HASH.pack(_hash(entry, pixels)) + entry).ljust(_AT_PIXELS, b"\0")
        try:
            offset = self._reserve(_AT_PIXELS + pixels.nbytes)
            if offset is not None:
                _write(self._fd, pixels.data.cast("B"), offset + _AT_PIXELS)
                _write(self._fd, head, offset)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise DataError(f"{self._name} cannot be written: {error.strerror}") from error
            self._once(_FULL, f"is full: {error.strerror}. Other pictures are decoded each time")
            return None
        return offset

    def _reserve(self, length: int) -> int | None:
        """Make the file longer by `length`; None where there is no room, or too much of a crowd."""
        with alone(self._lock, _PATIENCE) as locked:
            offset = -(-os.fstat(self._fd).st_size // _ALIGNED) * _ALIGNED
            fits = offset + length <= self._max_bytes
            if locked and fits:
                os.ftruncate(self._fd, offset + length)
                return offset
        if not fits:
            self._once(
                _FULL,
                f"is full: {self.nbytes:,} bytes, max_bytes is {self._max_bytes:,}. "
                "Other pictures are decoded each time",
            )
        return None

    def _publish(self, row: int, places: list[int], offset: int) -> bool:
        # Between this store and those of the picture lie system calls, which no processor reorders.
        for place in places:
            self._words[_PAGE // 8 + len(SCALES) * row + place] = offset
        return True

    def _once(self, word: int, message: str) -> None:
        """Say what happened, if no other process has said it before."""
        with alone(self._lock, _PATIENCE):
            said, self._words[word] = self._words[word], 1
        if not said:
            logger.warning("%s %s", self._name, message)


def _hash(entry: bytes, pixels: NDArray[np.uint8]) -> int:
    own: int = stringzilla.hash(entry + _HASH.pack(stringzilla.hash(pixels.data.cast("B"))))
    return own


def _write(fd: int, data: bytes | memoryview, offset: int) -> None:
    """All of `data`; where only a part of it finds room, nothing can be done with that."""
    if os.pwrite(fd, data, offset) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
