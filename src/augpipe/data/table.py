"""A table that names a picture and, mostly, its class in each row: CSV, TSV or Parquet."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augpipe.data.columns import digest, release_unused, text_column
from augpipe.data.files import FileDataset
from augpipe.data.labels import LabelTransform, Lines, encode_labels
from augpipe.data.paths import existing_file, existing_folder
from augpipe.data.pixels import WHITE, Color
from augpipe.data.sample import Targets
from augpipe.data.tabular import Column, as_numbers, open_table
from augpipe.errors import DataError, within

PATH_NAMES = ("path", "file", "filename", "image", "image_path", "img")
LABEL_NAMES = ("label", "class", "target", "category", "y")


class TableDataset(FileDataset):
    """The rows of a table, in its order.

    Files are looked for when their row is read, not before: a missing one is an error then, and it
    names the row as an editor numbers the table's lines (the header is line 1; in Parquet, the
    first row is row 1).

    Args:
        table: a .csv (commas, UTF-8), .tsv (tabs) or .parquet file.
        path: the column of paths, by name or number; by default the first there is of
            `PATH_NAMES`, or else column 0.
        label: the column of labels, by name or number; by default the first there is of
            `LABEL_NAMES`, or else column 1, or else there are no labels. See `labels` for what
            they may be.
        root: the folder that paths are relative to and may not leave; by default the table's.
        subset: a text file with a path on each line, spelled as in the table: the rows to keep.
            Classes are those of the whole table, so all its subsets agree about them.
        label_transform: turns a raw label into a class index (int) or name (str); called once for
            each distinct label.
        classes: the names of all classes, in order; by default those that occur, sorted.
        background: RGB behind transparent pixels.

    Raises:
        DataError: the table, a column, a path or a label is wrong.
    """

    def __init__(
        self,
        table: str | Path,
        *,
        path: Column | None = None,
        label: Column | None = None,
        root: str | Path | None = None,
        subset: str | Path | None = None,
        label_transform: LabelTransform | None = None,
        classes: Sequence[str] | None = None,
        background: Color = WHITE,
    ) -> None:
        self.table = existing_file(table)
        folder = existing_folder(self.table.parent if root is None else root)
        self.root = folder.resolve()
        self.background = background
        with within(str(self.table)):
            reader = open_table(self.table)
            path_name = reader.find(path, PATH_NAMES, 0, "path")
            label_name = reader.find(label, LABEL_NAMES, 1, "label", taken=path_name)
            if path_name is None:
                raise DataError("has no columns")
            columns, self._lines = reader.read([path_name, *([label_name] if label_name else [])])
            self._paths = _checked_paths(columns[0], self._lines, folder)
            self._labels: NDArray[np.int64] | None = None
            if label_name:
                self._labels, self.classes = encode_labels(
                    columns[1], self._lines, label_transform, classes
                )
            elif label_transform is not None or classes is not None:
                raise DataError("has no column of labels for label_transform or classes")
        if subset is not None:
            self._keep(_subset_mask(existing_file(subset), columns[0]))
        del columns
        release_unused()

    def _keep(self, mask: Any) -> None:
        self._paths = self._paths.filter(mask)
        kept = mask.to_numpy(zero_copy_only=False)
        self._lines = self._lines[kept]
        self._labels = None if self._labels is None else self._labels[kept]

    def targets(self, index: int, size: tuple[int, int]) -> Targets:
        """The class, if the table has any, whatever the size."""
        return Targets(label=None if self._labels is None else int(self._labels[index]))

    def where(self, index: int) -> str:
        """The row's number in the table, and the path it holds."""
        return f"row {self._lines[index]} of {self.table} ({self._paths[index].as_py()})"

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """(N,) the class of each row, if the table has labels."""
        return self._labels

    def column(self, name: str) -> NDArray[np.float64]:
        """(N,) the numbers of another column, read from the table anew; an empty one is NaN.

        Raises:
            DataError: there is no such column, it holds something else, or the table has changed.
        """
        with within(str(self.table)):
            reader = open_table(self.table)
            (values,), lines = reader.read([str(reader.find(name, (), 0, "numbers"))])
            at = np.searchsorted(lines, self._lines).clip(max=len(lines) - 1)
            if not np.array_equal(lines[at], self._lines):
                raise DataError("has other rows than when it was opened; open it again")
            numbers: NDArray[np.float64] = as_numbers(values, lines)[at]
            return numbers

    @cached_property
    def fingerprint(self) -> str:
        """Of the paths below the root, the labels and the classes."""
        return digest(self._paths, self._labels, self.classes)


def _checked_paths(paths: Any, lines: Lines, root: Path) -> Any:
    """The paths relative to `root`.

    Raises:
        DataError: one is missing or leaves the root. (Symbolic links are followed when a row is
            read.)
    """
    if not pa.types.is_large_string(paths.type):
        raise DataError(f"the column of paths holds {paths.type}, not text")
    missing = pc.index(pc.fill_null(pc.equal(paths, ""), True), True).as_py()
    if missing >= 0:
        raise DataError(f"row {lines[missing]} has no path; fill it in or remove the row")
    for prefix in {f"{form.as_posix().rstrip('/')}/" for form in (root.absolute(), root.resolve())}:
        inside = pc.starts_with(paths, prefix)
        paths = pc.if_else(inside, pc.utf8_slice_codeunits(paths, len(prefix)), paths)
    suspects = pc.match_substring_regex(paths, r"^/|(^|/)\.\.(/|$)")
    for at in np.flatnonzero(suspects.to_numpy(zero_copy_only=False)):
        path = paths[int(at)].as_py()
        if f"{posixpath.normpath(path)}/".startswith(("/", "../")):
            raise DataError(
                f"row {lines[at]}: {path} lies outside the image root {root}; "
                "give a root that holds all pictures"
            )
    return text_column(paths)


def _subset_mask(subset: Path, paths: Any) -> Any:
    """Which of `paths` the file `subset` names."""
    try:
        lines = subset.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{subset} is not UTF-8 text: {error}") from error
    names = pa.array([line.strip() for line in lines if line.strip()], paths.type)
    if not len(names):
        raise DataError(f"{subset} is empty; give one path on each line, spelled as in the table")
    unknown = pc.index(pc.is_in(names, paths), False).as_py()
    if unknown >= 0:
        name = names[unknown].as_py()
        raise DataError(f"{subset}: the table has no {name!r}{_nearest_path(name, paths)}")
    return pc.is_in(paths, names)


def _nearest_path(name: str, paths: Any) -> str:
    """The nearest of the first 10,000 paths of about the same length: nearness costs time."""
    length = pc.utf8_length(paths)
    alike = pc.and_(pc.greater(length, len(name) - 5), pc.less(length, len(name) + 5))
    near = difflib.get_close_matches(name, paths.filter(alike)[:10_000].to_pylist(), n=1)
    return f"; did you mean {near[0]!r}?" if near else "; it wants paths as the table spells them"
