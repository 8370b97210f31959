"""Paths that somebody else wrote down: found, or refused with the nearest name; and read."""

from __future__ import annotations

import difflib
import os
import posixpath
import stat
from pathlib import Path

from augpipe.errors import DataError, within

# Bytes as they are, and no waiting for whoever writes to a pipe; not every system knows the words.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def existing_folder(path: str | Path) -> Path:
    """The folder at `path`.

    Raises:
        DataError: nothing is there (with the nearest sibling), or a file is.
    """
    folder = existing(path)
    if not folder.is_dir():
        raise DataError(f"{folder} is a file, not a folder")
    return folder


def existing_file(path: str | Path) -> Path:
    """The file at `path`.

    Raises:
        DataError: nothing is there (with the nearest sibling), or a folder is.
    """
    file = existing(path)
    if file.is_dir():
        raise DataError(f"{file} is a folder, not a file")
    return file


def existing(path: str | Path) -> Path:
    """The path itself, if anything is there.

    Raises:
        DataError: nothing is there; the message offers the nearest sibling.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(f"{path} does not exist{_nearest_sibling(path)}")
    return path


def _nearest_sibling(path: Path) -> str:
    if not path.parent.is_dir():
        return f", nor does the folder {path.parent}"
    siblings = [entry.name for entry in path.parent.iterdir()]
    near = difflib.get_close_matches(path.name, siblings, n=1)
    return f"; did you mean {str(path.parent / near[0])!r}?" if near else ""


def read_file(path: str | Path) -> bytes:
    """All bytes of a file.

    Raises:
        DataError: it is missing, cannot be read, or is no regular file (a pipe would block for
            ever). Who calls knows which row it belongs to.
    """
    try:
        # Neither `Path` nor `open`, which take longer than reading.
        fd = os.open(path, _READ)
        try:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode):
                raise DataError(f"not a regular file: {path}")
            return _all_of(fd, about.st_size)
        finally:
            os.close(fd)
    except FileNotFoundError as error:
        raise DataError(f"no such file: {path}") from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}: {path}") from error


def _all_of(fd: int, size: int) -> bytes:
    """What a file holds that says it is so large; it may be another size by now."""
    data = os.read(fd, size + 1)
    if len(data) == size:
        return data
    parts = [data]
    while parts[-1]:
        parts.append(os.read(fd, 1 << 20))
    return b"".join(parts)


def read_below(root: Path, name: str, where: str) -> bytes:
    """All bytes of the file `name` below `root`, links included; errors begin with `where`.

    Raises:
        DataError: it lies elsewhere, or there is no such file, or it cannot be read.
    """
    with within(where):
        refuse_escape(root / name, root)
        return read_file(root / name)


def read_text(path: Path) -> str:
    """All text of a UTF-8 file.

    Raises:
        DataError: as `read_file`, or it is not UTF-8.
    """
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}") from error


def refuse_outside(path: str, root: Path) -> str:
    """A path below `root` relative to it, in its simplest spelling.

    Args:
        path: as somebody wrote it, relative to `root` or absolute.
        root: the folder that it may not leave. (Symbolic links: `refuse_escape`.)

    Raises:
        DataError: it leaves the root.
    """
    below = f"{path}/"
    for base in (root.absolute(), root.resolve()):
        below = below.removeprefix(f"{base.as_posix().rstrip('/')}/")
    simple = posixpath.normpath(below)
    if f"{simple}/".startswith(("/", "../")):
        raise DataError(
            f"{path} lies outside the image root {root}; give a root that holds all pictures, "
            "and paths relative to it"
        )
    return simple


def refuse_escape(path: Path, root: Path) -> None:
    """Refuse a path that a symbolic link leads out of `root`, which has been resolved before.

    Raises:
        DataError: the file lies elsewhere.
    """
    target = path.resolve()
    if not target.is_relative_to(root):
        raise DataError(
            f"a symbolic link leads out of the image root {root}, to {target}; "
            "give a root that holds both"
        )
