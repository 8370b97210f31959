"""Normalisation computed from the pictures that are trained on, and from no others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from augpipe.cli.options import data_of, out
from augpipe.cli.progress import progress
from augpipe.data.dataset import ImageDataset
from augpipe.data.open import open_dataset
from augpipe.data.statistics import Statistics, measure
from augpipe.loader.permutation import Indices
from augpipe.loader.positions import nth
from augpipe.loader.sampling import chosen_rows
from augpipe.recipe import Recipe
from augpipe.train import processes

if TYPE_CHECKING:
    from augpipe.cli.trainers import Fold


def with_statistics(
    recipe: Recipe, name: str, *, fold: Fold | None = None, run: Path | None = None
) -> Recipe:
    """The recipe with the numbers that `normalize: computed` stands for; others as they are.

    The numbers are exact, so they are the same whenever, and by however many threads, they are
    computed. Of several processes the first one does.

    Args:
        recipe: what to do.
        name: what to call it in errors.
        fold: whose rows are trained on; by default those that the recipe's sampling chooses.
        run: the folder of a run that goes on, which has them in its `config.yaml`.

    Raises:
        DataError: a picture cannot be read, unless `loader.on_error` gets over that.
        RecipeError: the recipe names no training data.
    """
    if not recipe.is_open:
        return recipe
    return processes.from_leader(
        (_kept(recipe, run) or _computed(recipe, name, fold)) if processes.leads() else recipe
    )


def _kept(recipe: Recipe, run: Path | None) -> Recipe | None:
    """With the numbers that a run has written down, if it has."""
    if run is None or not (run / "config.yaml").exists():
        return None
    kept = Recipe.load(run / "config.yaml").known_normalize
    return None if kept is None else recipe.normalized(kept.mean, kept.std)


def _computed(recipe: Recipe, name: str, fold: Fold | None) -> Recipe:
    dataset = open_dataset(data_of(recipe, "train", name))
    if fold is None:
        chosen = chosen_rows(recipe.loader.sampling, len(dataset))
        rows = nth(chosen, np.arange(len(chosen)))
    else:
        rows = fold.train
    found = measured(dataset, rows=rows, skip_bad=recipe.loader.on_error != "raise")
    mean, std = (" ".join(f"{x:.6f}" for x in values) for values in (found.mean, found.std))
    out.print(f"normalize   mean {mean}, std {std}; of {len(found.sizes):,} pictures")
    return recipe.normalized(found.mean, found.std)


def measured(
    dataset: ImageDataset,
    *,
    rows: Indices | None = None,
    skip_bad: bool = False,
    threads: int | None = None,
) -> Statistics:
    """What `data.statistics.measure` finds, behind a bar."""
    with progress("mean and std") as move:
        move(total=len(dataset) if rows is None else len(rows))
        return measure(
            dataset,
            rows=rows,
            skip_bad=skip_bad,
            threads=threads,
            on_rows=lambda count: move(advance=count),
        )
