"""Datasets opened so that what is wrong with them can be listed instead of being refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from augpipe.check.findings import Finding, Place
from augpipe.data.columns import digest, text_column
from augpipe.data.dataset import ImageDataset
from augpipe.data.files import FileDataset
from augpipe.data.folder import pictures_below
from augpipe.data.header import IMAGE_SUFFIXES
from augpipe.data.open import open_dataset
from augpipe.data.paths import existing_folder
from augpipe.data.pixels import WHITE, Color
from augpipe.data.sample import Targets
from augpipe.data.table import LABEL_NAMES, PATH_NAMES
from augpipe.data.tabular import open_table
from augpipe.data.voc import VocDataset
from augpipe.errors import DataError

_TABLES = (".csv", ".tsv", ".parquet", ".pq")
_LENIENT: tuple[Mapping[str, Any], ...] = ({"on_invalid": "drop"}, {"allow_empty": True})


@dataclass(frozen=True, slots=True)
class Opened:
    """A dataset, and what opening it found.

    Attributes:
        dataset: without the boxes that no picture can have.
        findings: labels that are missing.
    """

    dataset: ImageDataset
    findings: tuple[Finding, ...] = ()


def open_tolerantly(data: Any, part: str) -> Opened:
    """Open what `open_dataset` takes, with invalid boxes, missing labels and empty class folders.

    And folders of pictures without any classes, which no loader could learn from.

    Raises:
        DataError: it cannot be opened all the same.
    """
    if isinstance(data, str | Path):
        data = {"path": str(data)}
    if not isinstance(data, Mapping):
        return Opened(open_dataset(data))
    place = Path(str(data.get("table", data.get("path"))))
    if place.suffix.lower() in _TABLES:
        return _table(data, part)
    if _is_flat(place):
        paths = text_column(pictures_below(place))
        return Opened(_Unlabelled(place, paths, lambda row: str(place / paths[row].as_py())))
    dataset = _leniently(data)
    return Opened(dataset, tuple(_pictures_without_page(dataset, data, part)))


def _leniently(data: Mapping[str, Any]) -> ImageDataset:
    """With whatever option this kind of dataset has to accept what is wrong."""
    for option in _LENIENT:
        try:
            return open_dataset({**data, **option})
        except DataError as error:
            if not any(f"unknown option {name!r}" in str(error) for name in option):
                raise
    return open_dataset(data)


def _is_flat(folder: Path) -> bool:
    """Whether it holds pictures and no folders: nothing that could be a class."""
    if not folder.is_dir():
        return False
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    pictures = any(entry.suffix.lower() in IMAGE_SUFFIXES for entry in entries)
    return pictures and not any(entry.is_dir() for entry in entries)


class _Unlabelled(FileDataset):
    """Pictures of which no label is known, or only some are.

    Args:
        root: the folder that paths are relative to.
        paths: a column of text.
        where: names a row.
        background: RGB behind transparent pixels.
    """

    def __init__(
        self, root: Path, paths: Any, where: Callable[[int], str], background: Color = WHITE
    ) -> None:
        self.root, self.background = existing_folder(root).resolve(), background
        self._paths, self._where = paths, where

    def targets(self, index: int, size: tuple[int, int]) -> Targets:
        """None."""
        return Targets()

    def where(self, index: int) -> str:
        """As the dataset with labels would."""
        return self._where(index)

    @property
    def fingerprint(self) -> str:
        """Of the paths."""
        return digest(self._paths, None, ())


def _table(data: Mapping[str, Any], part: str) -> Opened:
    table = Path(data["table"] if "table" in data else data["path"])
    if not table.is_file():
        return Opened(open_dataset(data))
    path, label = _columns(table, data)
    if path is None or label is None:
        return Opened(open_dataset(data))
    (paths, labels), lines = open_table(table).read([path, label])
    missing = [at for at, value in enumerate(labels) if value.as_py() in (None, "")]
    if not missing:
        return Opened(open_dataset(data))
    root, background = Path(data.get("root") or table.parent), data.get("background", WHITE)
    dataset = _Unlabelled(
        root, paths, lambda row: f"row {lines[row]} of {table} ({paths[row].as_py()})", background
    )
    found = (Place(part, dataset.where(at), at) for at in missing)
    return Opened(dataset, tuple(Finding("unlabelled", "has no label", (one,)) for one in found))


def _columns(table: Path, data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The columns of paths and of labels, as `TableDataset` finds them."""
    reader = open_table(table)
    # Where `path` is the table itself, it names no column.
    wanted = data.get("path") if "table" in data else None
    path = reader.find(wanted, PATH_NAMES, 0, "path")
    return path, reader.find(data.get("label"), LABEL_NAMES, 1, "label", taken=path)


def _pictures_without_page(
    dataset: ImageDataset, data: Mapping[str, Any], part: str
) -> Iterator[Finding]:
    """The pictures of a Pascal VOC folder for which there is no XML file; they are no rows."""
    if not isinstance(dataset, VocDataset) or "split" in data:
        return
    folder = dataset.root / data.get("images", "JPEGImages")
    known = {PurePath(dataset.path(row)).name for row in range(len(dataset))}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in IMAGE_SUFFIXES and file.name not in known:
            yield Finding("unlabelled", "has no XML file", (Place(part, str(file)),))
