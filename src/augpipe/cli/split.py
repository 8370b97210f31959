"""`augpipe split`: tables for training, validation and testing, or for cross-validation."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import yaml
from numpy.typing import NDArray

from augpipe.cli.options import DataArgument, JsonOption, out
from augpipe.data.folder import FolderDataset
from augpipe.data.open import open_dataset
from augpipe.data.table import TableDataset
from augpipe.data.tabular import open_table
from augpipe.errors import DataError, RecipeError, within
from augpipe.train.split import Rows, folds
from augpipe.train.split import split as split_rows

_NAMES = ("train", "val", "test")

Labelled = FolderDataset | TableDataset


def split(
    data: DataArgument,
    ratios: Annotated[
        str, typer.Option(help="Shares of train and val, or of train, val and test.")
    ] = "0.8,0.1,0.1",
    count: Annotated[
        int | None, typer.Option("--folds", help="Folds of a cross-validation; instead of ratios.")
    ] = None,
    stratify: Annotated[
        bool, typer.Option(help="Whether each part gets its share of each class.")
    ] = True,
    group: Annotated[
        str | None, typer.Option(help="A table's column; rows of equal value stay together.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another split.")] = 0,
    folder: Annotated[Path, typer.Option("--out", help="Where the tables go.")] = Path("splits"),
    as_json: JsonOption = False,
) -> None:
    """Write a CSV for each part, and print the `data` section of a recipe that reads them.

    It never overwrites a file.

    For example:

        augpipe split photos --ratios 0.8,0.2
        augpipe split labels.csv --group patient --out splits
        augpipe split photos --folds 5 --seed 1
    """
    dataset = _labelled(data)
    labels = dataset.labels if stratify else None
    groups = None if group is None else _groups(dataset, group)
    options: dict[str, Any] = {"seed": seed, "labels": labels, "groups": groups}
    if count is None:
        parts = split_rows(len(dataset), _ratios(ratios), **options)
    else:
        pairs = enumerate(folds(len(dataset), count, **options))
        parts = {
            f"fold-{number}/{name}": rows
            for number, pair in pairs
            for name, rows in zip(_NAMES, pair, strict=False)
        }
    files = _write(dataset, parts, folder)
    section = _data_section(dataset, list(parts), folder)
    if as_json:
        tables = {n: {"rows": len(parts[n]), "file": str(file)} for n, file in files.items()}
        out.print_json(data={"parts": tables, **section})
        return
    for name, file in files.items():
        out.print(f"{name:14} {len(parts[name]):>8,} rows  {file}")
    text = yaml.safe_dump(section, sort_keys=False, default_flow_style=None, width=10**6)
    out.print(f"\n{text}", end="")


def _labelled(data: str) -> Labelled:
    dataset = open_dataset(data)
    if not isinstance(dataset, FolderDataset | TableDataset):
        raise DataError(
            f"{data}: only class folders and tables can be split, not a {type(dataset).__name__}"
        )
    return dataset


def _ratios(text: str) -> dict[str, float]:
    try:
        shares = [float(share) for share in text.split(",")]
    except ValueError:
        shares = []
    if not 2 <= len(shares) <= len(_NAMES):
        raise RecipeError(f"--ratios {text}: expected two or three numbers, such as 0.8,0.1,0.1")
    return dict(zip(_NAMES, shares, strict=False))


def _groups(dataset: Labelled, column: str) -> NDArray[np.int64]:
    """(N,) equal numbers for rows with equal values in a column of the table."""
    if not isinstance(dataset, TableDataset):
        raise RecipeError("--group names a column of a table, but the data is a folder")
    with within(str(dataset.table)):
        table = open_table(dataset.table)
        name = table.find(column, (), 0, "groups")
        (values,), _ = table.read([str(name)])
        if values.null_count or "" in values.unique().to_pylist():
            raise DataError(f"column {column!r} has rows without a value; fill them in")
    codes: NDArray[np.int64] = values.dictionary_encode().indices.to_numpy().astype(np.int64)
    return codes


def _write(dataset: Labelled, parts: Mapping[str, Rows], folder: Path) -> dict[str, Path]:
    """Write all tables, or, where one is there already, none; by part, where."""
    files = {name: folder / f"{name}.csv" for name in parts}
    for file in files.values():
        if file.exists():
            raise DataError(f"{file} is there already; remove it, or choose another --out")
    for name, rows in parts.items():
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_text(_table(dataset, rows), encoding="utf-8")
    return files


def _table(dataset: Labelled, rows: Iterable[int]) -> str:
    """Paths below the root; the class as a number, to be read, and as a name, for people."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    labels = dataset.labels
    writer.writerow(["path"] if labels is None else ["path", "label", "class"])
    for row in rows:
        path = Path(dataset.path(row)).relative_to(dataset.root).as_posix()
        label = [] if labels is None else [labels[row], dataset.classes[labels[row]]]
        writer.writerow([path, *label])
    return text.getvalue()


def _data_section(dataset: Labelled, names: list[str], folder: Path) -> dict[str, Any]:
    """What a recipe says to read the first two tables.

    With the classes of the whole, since a part may lack one.
    """
    parts: dict[str, dict[str, Any]] = {}
    for part, name in zip(("train", "val"), names, strict=False):
        parts[part] = {"path": str(folder / f"{name}.csv"), "root": str(dataset.root)}
        if dataset.labels is not None:
            parts[part]["classes"] = list(dataset.classes)
    return {"data": parts}
