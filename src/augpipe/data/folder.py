"""A folder with a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augpipe.data.columns import digest, release_unused, text_column
from augpipe.data.files import FileDataset
from augpipe.data.header import IMAGE_SUFFIXES
from augpipe.data.paths import existing_folder, read_file
from augpipe.data.pixels import WHITE, Color
from augpipe.data.sample import Targets
from augpipe.errors import DataError, within


class FolderDataset(FileDataset):
    """The pictures in `root/<class>/`, at any depth.

    The classes are the names of the folders, sorted; so are the pictures within a class. Files
    count by their suffix (`header.IMAGE_SUFFIXES`, in any case); others are not looked at, nor is
    anything whose name begins with a dot, nor `__MACOSX`. Symbolic links are followed, also out of
    the folder, since class folders are often made of links into a common store; a link to a folder
    that it lies in is passed over.

    Args:
        root: the folder that holds the class folders.
        background: RGB behind transparent pixels.
        allow_empty: accept class folders without pictures. They stay among the classes.

    Raises:
        DataError: there is no such folder, or no class folder, or one without a picture.
    """

    def __init__(
        self, root: str | Path, *, background: Color = WHITE, allow_empty: bool = False
    ) -> None:
        self.root = existing_folder(root)
        self.background = background
        self.classes = _classes(self.root)
        files = [_class_files(self.root, name) for name in self.classes]
        self._refuse_empty([len(column) for column in files], allow_empty)
        self._paths = text_column(pa.chunked_array(files, pa.large_string()))
        self._labels = np.repeat(np.arange(len(files)), [len(column) for column in files])
        del files
        release_unused()

    def _refuse_empty(self, counts: list[int], allow_empty: bool) -> None:
        empty = [name for name, count in zip(self.classes, counts, strict=True) if not count]
        if not any(counts) or (empty and not allow_empty):
            raise DataError(
                f"{self.root}: no picture in the class folder(s) {', '.join(empty)}; "
                "remove them, or allow_empty=True (expected suffixes: "
                f"{' '.join(sorted(IMAGE_SUFFIXES))})"
            )

    def targets(self, index: int, size: tuple[int, int]) -> Targets:
        """The class, whatever the size."""
        return Targets(label=int(self._labels[index]))

    def _read(self, index: int, where: str) -> bytes:
        with within(where):
            return read_file(where)

    def where(self, index: int) -> str:
        """The path of the file."""
        return self.path(index)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) the class of each row."""
        return self._labels

    @cached_property
    def fingerprint(self) -> str:
        """Of the paths below the root, the labels and the classes."""
        return digest(self._paths, self._labels, self.classes)


def _classes(root: Path) -> tuple[str, ...]:
    entries = list(_visible(root))
    folders = sorted(entry.name for entry in entries if entry.is_dir())
    if not folders:
        count = sum(_is_image(entry.name) for entry in entries)
        found = (
            f"found {count} pictures but no class folders" if count else "holds no class folders"
        )
        raise DataError(f"{root}: {found}; expected {root.name}/<class>/<picture>")
    return tuple(folders)


def pictures_below(folder: Path) -> list[str]:
    """The paths of all pictures below a folder, relative to it, sorted; see `FolderDataset`."""
    return sorted(_walk(folder, "", ()))


def _class_files(root: Path, name: str) -> Any:
    """The paths of a class's pictures relative to `root`, sorted, as a column."""
    try:
        return text_column(sorted(_walk(root / name, f"{name}/", ())))
    except UnicodeEncodeError as error:
        raise DataError(f"{root / name}: a file name is not UTF-8: {error.object!r}") from error


def _walk(folder: Path, prefix: str, above: tuple[Path, ...]) -> Iterator[str]:
    """`prefix` and the path of each picture below `folder`, reached through the folders `above`."""
    real = folder.resolve()
    if real in above:
        return
    for entry in _visible(folder):
        if entry.is_dir():
            yield from _walk(folder / entry.name, f"{prefix}{entry.name}/", (*above, real))
        elif _is_image(entry.name):
            yield prefix + entry.name


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name != "__MACOSX":
                yield entry


def _is_image(name: str) -> bool:
    return PurePath(name).suffix.lower() in IMAGE_SUFFIXES
