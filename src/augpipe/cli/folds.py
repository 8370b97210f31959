"""Cross-validation: a run for each fold, and what they come to together."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

from augpipe.cli.options import data_of, out
from augpipe.cli.trainers import Fold, build_trainer
from augpipe.data.open import open_dataset
from augpipe.recipe import Recipe
from augpipe.train import processes
from augpipe.train.atomic import replacing
from augpipe.train.split import folds

if TYPE_CHECKING:
    from augpipe.train.trainer import Result


def cross_validate(
    recipe: Recipe,
    name: str,
    count: int,
    folder: Path,
    device: str,
    *,
    stratify: bool = True,
    resume: bool = False,
) -> None:
    """Train on all folds but one, be judged by that one; each in turn.

    The folds are dealt out of the recipe's training data by the recipe's seed. The validation data
    of the recipe is not looked at.

    Args:
        recipe: what to do in each run.
        name: what to call it in errors.
        count: how many folds.
        folder: where the runs go, as `fold-1` and so on, and `folds.csv`.
        device: `cpu`, `cuda` or `cuda:N`.
        stratify: whether each fold gets its share of every class.
        resume: go on with the runs that are there.
    """
    results = []
    for fold in _folds(recipe, name, count, stratify):
        place = folder / f"fold-{fold.number}"
        goes_on = resume and (place / "last.pt").exists()
        trainer = build_trainer(recipe, name, place, device, fold, resume=goes_on)
        results.append(trainer.fit())
        _say(f"fold {fold.number} of {count}: {results[-1].accuracy:.2%}")
    accuracies = [result.accuracy for result in results]
    _say(f"validation accuracy {mean(accuracies):.2%} ± {stdev(accuracies):.2%}")
    _say(f"runs        {folder}")
    _write(results, folder / "folds.csv")


def _folds(recipe: Recipe, name: str, count: int, stratify: bool) -> Iterator[Fold]:
    dataset = open_dataset(data_of(recipe, "train", name))
    labels = dataset.labels if stratify else None
    pairs = folds(len(dataset), count, seed=recipe.loader.seed, labels=labels)
    for number, (train, val) in enumerate(pairs, start=1):
        yield Fold(number, count, train, val)


def _say(line: str) -> None:
    if processes.leads():
        out.print(line)


def _write(results: Sequence[Result], path: Path) -> None:
    text = io.StringIO()
    lines = [[number, one.accuracy, one.epoch] for number, one in enumerate(results, start=1)]
    csv.writer(text, lineterminator="\n").writerows([["fold", "accuracy", "epoch"], *lines])
    if processes.leads():
        with replacing(path) as file:
            file.write(text.getvalue().encode())
