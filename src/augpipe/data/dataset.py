"""What every dataset is: rows that are opened by number, with pixels that are decoded later."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from augpipe.data.orientation import upright
from augpipe.data.sample import Row, Sample
from augpipe.errors import DataError
from augpipe.generators import Generator


class ImageDataset(Dataset[Sample], ABC):
    """Pictures with their targets, in an order that does not change.

    To write one, give `__len__`, `row`, `where` and `fingerprint`. Keep no Python object per row
    (see `columns`), so that workers share its memory.

    Attributes:
        classes: the names of the classes; a label is an index into them. Empty if not known.
        in_memory: whether rows lie in memory, so that worker processes would only copy them.
        draws: whether opening a row may draw from Python's, NumPy's or torch's global generators,
            or from `generators`.
    """

    classes: tuple[str, ...] = ()
    in_memory: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def row(self, index: int) -> Row:
        """Open row `index`, which is in range, without decoding its pixels.

        Raises:
            DataError: whose message, like those of `row.source.decode`, begins with
                `where(index)`; who catches it need not add it.
        """

    @abstractmethod
    def where(self, index: int) -> str:
        """How errors name the row: so that one finds it."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when rows or labels do, not when the data moves."""

    @property
    def generators(self) -> Sequence[Generator]:
        """Generators of its own that opening a row may draw from; loaders seed them for it."""
        return ()

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """(N,) the class of each row, if that is known without opening rows."""
        return None

    def column(self, name: str) -> NDArray[np.float64]:
        """(N,) numbers, one for each row, that the data holds under a name.

        Raises:
            DataError: there is no such column, or it does not hold a number for each row.
        """
        raise DataError(
            f"{type(self).__name__} has no column {name!r}: only tables have columns; "
            "give the numbers themselves"
        )

    def __getitem__(self, index: int) -> Sample:
        """Row `index` decoded, full size and upright; a negative one counts from the end."""
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"row {index} of {len(self)} rows")
        row = self.row(position)
        return Sample(upright(row.source.decode(), row.source.size), row.targets)
