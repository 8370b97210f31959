"""Columns out of CSV, TSV and Parquet files by Arrow, with the number of each row's line."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from augpipe.data.columns import text_column
from augpipe.data.labels import Lines
from augpipe.errors import DataError, suggest

Column = str | int


def open_table(path: Path) -> TableFile:
    """The file, with its columns' names read.

    Raises:
        DataError: its suffix is not known, or it is empty or damaged.
    """
    kinds: dict[str, Callable[[Path], TableFile]] = {
        ".csv": CsvFile,
        ".tsv": CsvFile,
        ".parquet": ParquetFile,
        ".pq": ParquetFile,
    }
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"is not a table by its suffix {path.suffix!r}; known: {' '.join(kinds)}")
    try:
        return kind(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot be read: {error}") from error


class TableFile(ABC):
    """A table whose columns can be picked. `names` are theirs, in order."""

    names: list[str]

    @abstractmethod
    def read(self, names: list[str]) -> tuple[list[Any], Lines]:
        """Some columns as Arrow arrays of N values (text as large_string), and N line numbers.

        Raises:
            DataError: the table is ragged, not UTF-8, or has no rows.
        """

    def find(
        self,
        wanted: Column | None,
        usual: tuple[str, ...],
        fallback: int,
        role: str,
        taken: str | None = None,
    ) -> str | None:
        """The name of the column `wanted`, or else of the one that `role` mostly stands in.

        Args:
            wanted: its name or number. None looks for the first of `usual`, then at `fallback`.
            usual: names that columns of this role mostly have.
            fallback: the number of the column where none has such a name.
            role: what errors call it.
            taken: a column that cannot be meant unless it is asked for.

        Raises:
            DataError: `wanted` is not there, or more than once.
        """
        if isinstance(wanted, int):
            return self._name_at(wanted, role)
        if wanted is not None:
            return self._only(wanted, role)
        for name in usual:
            if name in self.names and name != taken:
                return self._only(name, role)
        free = self.names[fallback : fallback + 1]
        return self._only(free[0], role) if free and free[0] != taken else None

    def _name_at(self, number: int, role: str) -> str:
        if not 0 <= number < len(self.names):
            raise DataError(
                f"has no column {number} for {role}; columns are 0 to {len(self.names) - 1}: "
                f"{', '.join(self.names)}"
            )
        return self._only(self.names[number], role)

    def _only(self, name: str, role: str) -> str:
        count = self.names.count(name)
        if count > 1:
            raise DataError(f"has {count} columns {name!r}; rename all but the one of {role}")
        if not count:
            raise DataError(
                f"has no column {name!r} for {role}; {suggest(name, self.names)} "
                f"(columns: {', '.join(self.names)})"
            )
        return name


class CsvFile(TableFile):
    """Values separated by commas, or by tabs where the suffix is .tsv."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        if not self._data.strip():
            raise DataError("is empty; a table begins with a line of column names")
        self._delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        self.names = next(self._records())[1]

    def read(self, names: list[str]) -> tuple[list[Any], Lines]:
        """All values as text: what looks like a number may be a file's name."""
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(self._data),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values=True
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.large_string()), include_columns=names
                ),
            )
        except pa.ArrowException as error:
            self._refuse_ragged()
            raise DataError(f"cannot be read as UTF-8 text: {error}") from error
        if not table.num_rows:
            raise DataError("has column names but no rows")
        return [text_column(table[name]) for name in names], self._lines(table.num_rows)

    def _lines(self, rows: int) -> Lines:
        newlines = self._data.count(b"\n") + (not self._data.endswith(b"\n"))
        if newlines == rows + 1:
            return np.arange(2, rows + 2)
        # Some lines are blank or some values have several: only the slow reader can tell.
        lines = np.array([line for line, _ in self._records()][1:], np.int64)
        if len(lines) != rows:
            raise DataError(f"has {len(lines)} or {rows} rows: its quotation marks do not match")
        return lines

    def _refuse_ragged(self) -> None:
        for line, values in self._records():
            if len(values) != len(self.names):
                raise DataError(
                    f"line {line} has {len(values)} values, the header {len(self.names)}; "
                    'put "quotation marks" around values that hold the separator'
                )

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Each record with the number of the line it begins on."""
        text = io.TextIOWrapper(io.BytesIO(self._data), encoding="utf-8-sig", newline="")
        reader = csv.reader(text, delimiter=self._delimiter, strict=True)
        line = 1
        try:
            for values in reader:
                if values:
                    yield line, values
                line = reader.line_num + 1
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"line {line} or later is not UTF-8 text or CSV: {error}") from error


class ParquetFile(TableFile):
    """Typed columns; the first row is row 1."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.names = parquet.read_schema(path).names

    def read(self, names: list[str]) -> tuple[list[Any], Lines]:
        """Text as text; everything else as it is."""
        try:
            table = parquet.ParquetFile(self._path).read(columns=names)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"cannot be read: {error}") from error
        if not table.num_rows:
            raise DataError("has columns but no rows")
        return [_plain(table[name]) for name in names], np.arange(1, table.num_rows + 1)


def _plain(column: Any) -> Any:
    column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_string_view(column.type):
        column = text_column(column)
    return column


def as_numbers(column: Any, lines: Lines) -> NDArray[np.float64]:
    """(N,) a column's numbers, also those a CSV spells out; NaN where one is missing.

    Raises:
        DataError: a value is no number.
    """
    if pa.types.is_large_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.equal(column, ""), None, column)
    try:
        numbers = pc.cast(column, pa.float64()).fill_null(np.nan)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(_not_a_number(column, lines)) from error
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)


def _not_a_number(column: Any, lines: Lines) -> str:
    """Which value Arrow could not read as a number: the first one, sought by halves."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            pc.cast(column[low:middle], pa.float64())
            low = middle
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            high = middle
    return f"row {lines[low]} holds {column[low].as_py()!r} where a number is expected"
