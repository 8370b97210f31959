"""Files that are either the old one or the new one, whenever the power fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside `path`, and put it in its place once it is safely on the disk.

    The temporary file lies in the same folder, because only within one file system is a rename
    atomic, and always has the same name, so that killed writers leave at most one behind.

    Args:
        path: the file to replace; need not exist yet.

    Yields:
        A binary file to write to. If the block raises, `path` stays as it was.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows has no handle of a folder to do that with."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
