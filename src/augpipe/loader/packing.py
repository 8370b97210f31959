"""Objects into shared memory and out of it: arrays as they are, all else pickled behind them.

What is pickled goes from process to process of one run and never comes from a disk.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from augpipe.loader.arena import Bytes, Extent
from augpipe.nameless import NamelessFile

# Where arrays begin, so that vector instructions and torch like them.
_ALIGNMENT = 64

# Smaller ones travel among what is pickled: they keep no memory that is lent.
_SMALL = 4096


class Stored(NamedTuple):
    """Where in an extent an object lies.

    Attributes:
        used: how many bytes of the extent hold it.
        start: where in them what is pickled begins; it ends with them.
        spans: start and length of the arrays.
    """

    used: int
    start: int
    spans: tuple[tuple[int, int], ...] = ()


class Writer:
    """Fills an extent from its beginning."""

    def __init__(self, extent: Extent) -> None:
        self._extent, self._used = extent, 0
        self._places: dict[int, int] = {}

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """An array in the extent, of any content, which `store` need not copy."""
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        array = self._take(count).view(dtype).reshape(shape)
        self._places[array.ctypes.data] = self._used - count
        return array

    def store(self, value: Any, files: list[NamelessFile] | None = None) -> Stored:
        """Put an object there.

        Args:
            value: what can be pickled; its large arrays are copied once, or not at all.
            files: to which the nameless files in it are added; `load` wants them.
        """
        spans: list[tuple[int, int]] = []
        body = io.BytesIO()
        _Pickler(body, lambda buffer: self._keep(buffer, spans), files).dump(value)
        pickled = np.frombuffer(body.getbuffer(), np.uint8)
        start = self._used
        self._take(len(pickled), 1)[:] = pickled
        return Stored(self._used, start, tuple(spans))

    def _keep(self, buffer: pickle.PickleBuffer, spans: list[tuple[int, int]]) -> bool:
        """Put an array there, unless it is; True leaves it to the pickler."""
        raw = np.frombuffer(buffer.raw(), np.uint8)
        if len(raw) < _SMALL:
            return True
        place = self._places.get(raw.ctypes.data)
        if place is None:
            self._take(len(raw))[:] = raw
            place = self._used - len(raw)
        spans.append((place, len(raw)))
        return False

    def _take(self, count: int, alignment: int = _ALIGNMENT) -> Bytes:
        begin = -(-self._used // alignment) * alignment
        self._used = begin + count
        return self._extent.reach(self._used)[begin:]


def load(memory: Bytes, stored: Stored, files: Sequence[NamelessFile] = ()) -> Any:
    """The object; its large arrays are views of `memory`, and keep that array alive."""
    view = memory.data
    buffers = [view[start : start + length] for start, length in stored.spans]
    body = io.BytesIO(view[stored.start : stored.used])
    return _Unpickler(body, buffers, files).load()


class _Pickler(pickle.Pickler):
    def __init__(self, body: io.BytesIO, keep: Any, files: list[NamelessFile] | None) -> None:
        super().__init__(body, protocol=5, buffer_callback=keep)
        self._files = files

    def persistent_id(self, obj: Any) -> int | None:
        if self._files is None or not isinstance(obj, NamelessFile):
            return None
        self._files.append(obj)
        return len(self._files) - 1

    def reducer_override(self, obj: Any) -> Any:
        """Tensors as arrays: torch would open a file for each."""
        if type(obj) is torch.Tensor:
            return torch.from_numpy, (obj.numpy(),)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(
        self, body: io.BytesIO, buffers: Sequence[memoryview], files: Sequence[NamelessFile]
    ) -> None:
        super().__init__(body, buffers=buffers)
        self._files = files

    def persistent_load(self, pid: Any) -> NamelessFile:
        return self._files[int(pid)]


class Parcel:
    """An object for processes that start afresh: pickled once, its arrays shared by all of them."""

    def __init__(self, value: Any, extent: Extent) -> None:
        self._files: list[NamelessFile] = []
        self._stored = Writer(extent).store(value, self._files)

    def open(self, extent: Extent) -> Any:
        """The object; its large arrays lie in the extent."""
        return load(extent.reach(self._stored.used), self._stored, self._files)
