"""Columns that hold millions of rows without a Python object for each.

A list of a million strings is a million reference counts, and every worker process that reads one
copies the memory page it lies on. These columns are a few flat buffers: forked workers share them,
spawned ones unpickle them in one piece.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def text_column(strings: Any) -> Any:
    """An Arrow array of strings with 64-bit offsets in one piece, without unused buffers.

    Args:
        strings: an iterable of str, or an Arrow array or chunked array of a string type.
    """
    if not isinstance(strings, pa.Array | pa.ChunkedArray):
        strings = pa.array(strings, pa.large_string())
    strings = strings.cast(pa.large_string())
    return strings.combine_chunks() if isinstance(strings, pa.ChunkedArray) else strings


def release_unused() -> None:
    """Give the system back what Arrow took for reading, which is several times what remains.

    Arrow would keep it for later columns, of which there are none.
    """
    pa.default_memory_pool().release_unused()


def digest(texts: Any, labels: NDArray[np.int64] | None, names: Iterable[str]) -> str:
    """16 hexadecimal digits of a SHA-256 over a text column, the rows' labels and class names."""
    state = hashlib.sha256()
    _, offsets, blob = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    state.update((ends - ends[0]).tobytes())
    state.update(memoryview(blob)[ends[0] : ends[-1]] if blob is not None else b"")
    if labels is not None:
        state.update(labels.tobytes())
    state.update("\0".join(names).encode())
    return state.hexdigest()[:16]
