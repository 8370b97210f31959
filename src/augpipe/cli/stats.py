"""`augpipe stats`: mean and standard deviation of a dataset's pixels, its sizes and classes."""

from __future__ import annotations

from typing import Annotated, Any, cast

import numpy as np
import typer
from numpy.typing import NDArray

from augpipe.cli.computed import measured
from augpipe.cli.options import DataArgument, JsonOption, out
from augpipe.data.dataset import ImageDataset
from augpipe.data.open import open_dataset
from augpipe.data.statistics import Statistics
from augpipe.errors import RecipeError


def stats(
    data: DataArgument,
    threads: Annotated[
        int | None, typer.Option(help="How many decode at once; by default all processors.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print what a recipe's `normalize` wants to know, exactly, and the sizes and classes.

    For example:

        augpipe stats photos/train
        augpipe stats labels.csv --json | jq .mean
    """
    if threads is not None and threads < 1:
        raise RecipeError(f"--threads {threads}: expected 1 or more")
    dataset = open_dataset(data)
    found = measured(dataset, threads=threads)
    if as_json:
        out.print_json(data=_values(dataset, found))
    else:
        _print(dataset, found)


def _values(dataset: ImageDataset, found: Statistics) -> dict[str, Any]:
    sides = zip(("height", "width"), found.sizes.T, strict=True)
    return {
        "pictures": len(dataset),
        **{name: _spread(lengths) for name, lengths in sides},
        "mean": list(found.mean),
        "std": list(found.std),
        "classes": None if dataset.labels is None else _counts(dataset),
    }


def _print(dataset: ImageDataset, found: Statistics) -> None:
    mean, std = (", ".join(f"{x:.6f}" for x in values) for values in (found.mean, found.std))
    out.print(f"pictures   {len(dataset):,}")
    for side, name in enumerate(("height", "width")):
        least, most, median = _spread(found.sizes[:, side]).values()
        out.print(f"{name:10} {least} to {most}, median {median:g}")
    out.print(f"normalize: {{mean: [{mean}], std: [{std}]}}")
    _print_classes(dataset)


def _spread(lengths: NDArray[np.int64]) -> dict[str, float]:
    low, high = int(lengths.min()), int(lengths.max())
    return {"least": low, "most": high, "median": float(np.median(lengths))}


def _counts(dataset: ImageDataset) -> dict[str, int]:
    """How many rows of each class there are, by name."""
    counts = np.bincount(cast(Any, dataset.labels), minlength=len(dataset.classes)).tolist()
    return dict(zip(dataset.classes, counts, strict=True))


def _print_classes(dataset: ImageDataset) -> None:
    if dataset.labels is None:
        return
    counts = _counts(dataset)
    out.print(f"classes    {len(counts)}")
    for name, count in counts.items():
        out.print(f"  {count:>8,}  {name}")
