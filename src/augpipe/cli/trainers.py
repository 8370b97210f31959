"""From a recipe to a trainer with its loaders: for a whole run, or for one fold of several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augpipe.api import build_loader
from augpipe.cli.computed import with_statistics
from augpipe.cli.options import data_of, out
from augpipe.errors import RecipeError
from augpipe.loader.config import Sampling
from augpipe.loader.loader import Loader
from augpipe.recipe import Part, Recipe
from augpipe.train import processes
from augpipe.train.config import TrainConfig

if TYPE_CHECKING:
    from augpipe.train.trainer import Trainer


class Fold(NamedTuple):
    """One fold of a cross-validation: rows of the training data, in two parts.

    Attributes:
        number: counted from 1.
        of: how many there are.
        train: the rows to learn from.
        val: the rows to be judged by.
    """

    number: int
    of: int
    train: NDArray[np.int64]
    val: NDArray[np.int64]


def build_trainer(
    recipe: Recipe,
    name: str,
    folder: Path,
    device: str,
    fold: Fold | None = None,
    *,
    resume: bool = False,
) -> Trainer:
    """The trainer of a recipe, with its loaders.

    Args:
        recipe: what to do.
        name: what to call it in errors.
        folder: of the run.
        device: `cpu`, `cuda` or `cuda:N`.
        fold: takes both parts from the training data; its run resumes only as the same fold.
        resume: whether the run in the folder is to go on, if one is there.

    Raises:
        RecipeError: the recipe lacks what training needs.
        StateError: there is no such run, or it was another one.
    """
    from augpipe.train.trainer import Trainer  # torchvision's models take a second to import

    config = train_section(recipe, name)
    recipe = with_statistics(recipe, name, fold=fold, run=folder if resume else None)
    trainer = Trainer(
        config,
        make_loader(recipe, "train", name, device, fold),
        make_loader(recipe, "val", name, device, fold),
        folder,
        recipe=recipe.to_yaml(),
        fingerprint=recipe.fingerprint + (f", fold {fold.number} of {fold.of}" if fold else ""),
        seed=recipe.loader.seed,
        device=device,
        statistics=statistics_of(recipe),
    )
    if resume and _was_saved(folder):
        trainer.resume(folder / "last.pt")
    return trainer


def _was_saved(folder: Path) -> bool:
    """Whether there is something to resume; a run killed before that just begins again.

    A folder without either is none of ours, which resuming then says.
    """
    return (folder / "last.pt").exists() or not (folder / "config.yaml").exists()


def statistics_of(recipe: Recipe) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and deviation that a recipe normalises with, if it does; they are known by then."""
    normalize = recipe.known_normalize
    return (normalize.mean, normalize.std) if normalize else None


def train_section(recipe: Recipe, name: str) -> TrainConfig:
    """The section `train`.

    Raises:
        RecipeError: there is none.
    """
    if recipe.train is None:
        raise RecipeError(f"{name} has no section train; add one, or take a recipe that has")
    return recipe.train


def make_loader(
    recipe: Recipe, part: Part, name: str, device: str, fold: Fold | None = None
) -> Loader:
    """The loader of a part; of several processes each gets its share of every batch."""
    training = part == "train"
    config = recipe.loader
    loader = build_loader(
        data_of(recipe, "train" if fold else part, name),
        recipe.ops(part),
        batch_size=processes.share(config.batch_size),
        shuffle=training,
        sampling=_sampling(config.sampling, training, fold),
        cache=config.cache,
        seed=config.seed,
        num_workers=config.num_workers,
        device=device,
        drop_last=training and config.drop_last,
        dtype=config.dtype,
        channels_last=config.channels_last,
        on_error=config.on_error if training else "raise",
        max_errors=config.max_errors,
    )
    if loader.cache and processes.leads():
        most = f"{loader.cache.estimate() / 1e6:,.0f} MB at the most"
        out.print(f"{loader.cache.describe()}; {most}", soft_wrap=True)
    return loader


def _sampling(given: Sampling, training: bool, fold: Fold | None) -> Sampling | None:
    """The recipe's is for training alone; a fold says which rows."""
    if fold is None:
        return given if training else None
    if given.rows is not None:
        raise RecipeError("loader.sampling.rows and --folds both choose rows; give one of them")
    return given.model_copy(update={"rows": fold.train}) if training else Sampling(rows=fold.val)
