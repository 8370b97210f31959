"""Where a store of pictures lies: in memory without a name, or in a folder that outlives runs."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path
from typing import Any
from weakref import finalize

from augpipe.data import lock
from augpipe.data.room import free_memory
from augpipe.data.store import Store, begin, fault, logger
from augpipe.errors import DataError
from augpipe.nameless import NamelessFile

# Of the room there is, half is left for others.
_SHARE = 2

# Another process may be making the file, which takes a second for each 10 million rows or so.
_PATIENCE = 30.0

_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class RamStore(Store):
    """Pictures in memory, which goes with the last process that has the store.

    A process that is started with a pickle of it gets the same memory.

    Args:
        rows: how many rows there are.
        max_bytes: by default half of the memory that is free.
    """

    place = "RAM"

    def __init__(self, rows: int, max_bytes: int | None = None) -> None:
        _refuse_windows()
        file = NamelessFile()
        begin(file.fd, bytes(16), rows, allocate=False)
        limit = free_memory() // _SHARE if max_bytes is None else max_bytes
        self._map(file, NamelessFile(), rows, limit)

    def _map(self, file: NamelessFile, lock: NamelessFile, rows: int, max_bytes: int) -> None:
        self._own = file, lock, rows, max_bytes
        super().__init__(file.fd, lock.fd, rows, max_bytes, "the cache in RAM", check=False)

    @classmethod
    def _received(cls, *own: Any) -> RamStore:
        store = cls.__new__(cls)
        store._map(*own)
        return store

    def __reduce__(self) -> tuple[Any, ...]:
        return self._received, self._own


class DiskStore(Store):
    """Pictures in a file that later runs find again, and others that run at the same time.

    Args:
        folder: where; made if need be.
        key: 32 hexadecimal digits of all that the pictures depend on besides their files.
        rows: how many rows there are.
        max_bytes: by default what it has and half of what is free on the disk.

    Raises:
        DataError: the folder cannot be written to, or something else has the file's name.
    """

    def __init__(self, folder: Path, key: str, rows: int, max_bytes: int | None = None) -> None:
        _refuse_windows()
        self.place = f"{folder / key}.pictures"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            guard = _opened(folder / f"{key}.lock", os.O_CREAT)
            finalize(self, os.close, guard)
            file = _found_or_made(Path(self.place), bytes.fromhex(key), rows, guard)
            finalize(self, os.close, file)
        except OSError as error:
            raise DataError(
                f"no cache can be kept in {folder}: {error.strerror}; give another folder"
                + (", or make room" if error.errno == errno.ENOSPC else "")
            ) from error
        if max_bytes is None:
            max_bytes = os.fstat(file).st_size + shutil.disk_usage(folder).free // _SHARE
        self._own = folder, key, rows, max_bytes
        super().__init__(file, guard, rows, max_bytes, f"the cache {self.place}", check=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._own


def _refuse_windows() -> None:
    if not lock.available:
        raise DataError("this system has no locks that a cache could use; leave cache out")


def _opened(path: Path, flags: int = 0) -> int:
    """The descriptor of a regular file, no link."""
    fd = os.open(path, _FLAGS | flags, 0o666)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise DataError(f"{path} is not a regular file; give the cache another folder")
    return fd


def _found_or_made(path: Path, key: bytes, rows: int, guard: int) -> int:
    with lock.alone(guard, _PATIENCE) as locked:
        if not locked:
            raise DataError(f"another process keeps {path} locked; end it, or give another folder")
        try:
            fd = _opened(path)
        except FileNotFoundError:
            return _made(path, key, rows)
        wrong = fault(fd, key, rows)
        if wrong is None:
            return fd
        os.close(fd)
        logger.warning("the cache %s is damaged: %s. It is made anew", path, wrong)
        return _made(path, key, rows)


def _made(path: Path, key: bytes, rows: int) -> int:
    """A new file in place of what is there, which others may go on with."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)  # of somebody who was killed
    fd = _opened(part, os.O_CREAT | os.O_EXCL)
    try:
        begin(fd, key, rows, allocate=True)
        os.fsync(fd)
        part.replace(path)
    except BaseException:
        os.close(fd)
        part.unlink(missing_ok=True)
        raise
    return fd
