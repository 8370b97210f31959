"""Datasets of which each picture is a file: read when its row is opened, known without it."""

from __future__ import annotations

import os
from abc import abstractmethod
from pathlib import Path
from typing import Any

from augpipe.data.dataset import ImageDataset
from augpipe.data.decode import open_image
from augpipe.data.paths import read_below
from augpipe.data.pixels import Color
from augpipe.data.sample import Row, Targets


class FileDataset(ImageDataset):
    """Pictures below a folder, one file each.

    To write one, set the attributes and give `where`, `targets` and `fingerprint`.

    Attributes:
        root: the folder that paths are relative to, resolved where links may not lead out of it.
        background: RGB behind transparent pixels.
    """

    root: Path
    background: Color
    _paths: Any  # a `columns.text_column`

    def __len__(self) -> int:
        return len(self._paths)

    def path(self, index: int) -> str:
        """The file of row `index`, which may not exist."""
        return os.path.join(self.root, self._paths[index].as_py())  # noqa: PTH118 (Path takes 5 µs)

    @abstractmethod
    def targets(self, index: int, size: tuple[int, int]) -> Targets:
        """What is known about row `index`, whose upright picture is (height, width) `size`.

        Reads no file, so that it can be asked of pictures whose pixels are at hand.

        Raises:
            DataError: which begins with `where(index)`.
        """

    def row(self, index: int) -> Row:
        """Read the file of row `index` and its header."""
        where = self.where(index)
        source = open_image(self._read(index, where), where, background=self.background)
        return Row(source, self.targets(index, source.size))

    def _read(self, index: int, where: str) -> bytes:
        """All bytes of the file; errors begin with `where`."""
        return read_below(self.root, self._paths[index].as_py(), where)
