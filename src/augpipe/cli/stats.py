"""`augpipe stats`: mean and standard deviation of a dataset's pixels, its sizes and classes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from augpipe.cli.options import DataArgument, out
from augpipe.cli.progress import progress
from augpipe.data.dataset import ImageDataset
from augpipe.data.open import open_dataset
from augpipe.data.statistics import Statistics, measure
from augpipe.errors import RecipeError


def stats(
    data: DataArgument,
    threads: Annotated[
        int | None, typer.Option(help="How many decode at once; by default all processors.")
    ] = None,
) -> None:
    """Print what a recipe's `normalize` wants to know, exactly, and the sizes and classes."""
    if threads is not None and threads < 1:
        raise RecipeError(f"--threads {threads}: expected 1 or more")
    dataset = open_dataset(data)
    found = _measured(dataset, threads)
    mean, std = (", ".join(f"{x:.6f}" for x in values) for values in (found.mean, found.std))
    out.print(f"pictures   {len(dataset):,}")
    for side, name in enumerate(("height", "width")):
        out.print(f"{name:10} {_range(found.sizes[:, side])}")
    out.print(f"normalize: {{mean: [{mean}], std: [{std}]}}")
    _print_classes(dataset)


def _measured(dataset: ImageDataset, threads: int | None) -> Statistics:
    with progress("decoding") as move:
        move(total=len(dataset))
        return measure(dataset, threads=threads, on_rows=lambda rows: move(advance=rows))


def _range(lengths: NDArray[np.int64]) -> str:
    return f"{lengths.min()} to {lengths.max()}, median {np.median(lengths):g}"


def _print_classes(dataset: ImageDataset) -> None:
    if dataset.labels is None:
        return
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    out.print(f"classes    {len(counts)}")
    for name, count in zip(dataset.classes, counts, strict=True):
        out.print(f"  {count:>8,}  {name}")
