"""`augpipe train`: the reference trainer on a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer

from augpipe.cli.computed import with_statistics
from augpipe.cli.folds import cross_validate
from augpipe.cli.options import (
    DataOption,
    DeviceOption,
    RecipeArgument,
    SetOption,
    out,
    read_recipe,
)
from augpipe.cli.progress import progress
from augpipe.cli.trainers import build_trainer, make_loader, statistics_of, train_section
from augpipe.errors import RecipeError
from augpipe.recipe import Recipe
from augpipe.train import processes

FoldsOption = Annotated[
    int | None, typer.Option(help="Cross-validate on data.train: a run for each fold.")
]
InspectOption = Annotated[
    list[str] | None,
    typer.Option(metavar="LAYER", help="Draw what goes on in this layer at last; repeatable."),
]
DryOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what the run would do, and write nothing.")
]
OverfitOption = Annotated[
    bool, typer.Option("--overfit-batch", help="See whether one batch can be learnt by heart.")
]


def train(
    recipe: RecipeArgument,
    data: DataOption = None,
    settings: SetOption = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of train.epochs.")] = None,
    lr: Annotated[float | None, typer.Option(help="Instead of train.optimizer.lr.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Instead of loader.batch_size.")] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of loader.seed.")] = None,
    device: DeviceOption = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="The run's folder; by default runs/RECIPE-NNN.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, or the latest one.")
    ] = False,
    folds: FoldsOption = None,
    stratify: Annotated[
        bool, typer.Option(help="Whether each fold gets its share of each class.")
    ] = True,
    inspect: InspectOption = None,
    dry: DryOption = False,
    overfit: OverfitOption = False,
) -> None:
    """Train a model as a recipe says, and keep the best weights.

    Everything goes into a folder of the run: the recipe, checkpoints, metrics, curves.

    For example:

        augpipe train my.yaml --data photos/train --set data.val=photos/val
        augpipe train my.yaml --epochs 30 --set train.ema.decay=0.999 --dry-run
        augpipe train my.yaml --resume
        torchrun --nproc-per-node 4 -m augpipe train my.yaml
    """
    loaded = read_recipe(
        recipe,
        settings,
        data__train=data,
        train__epochs=epochs,
        train__optimizer__lr=lr,
        loader__batch_size=batch_size,
        loader__seed=seed,
    )
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if folds is not None and (dry or overfit or inspect):
        raise RecipeError("--folds is for whole runs; leave out what else is to be done")
    with processes.joined(where) as where:
        if dry:
            _dry_run(loaded, recipe, where)
        elif overfit:
            _overfit(loaded, recipe, where)
        else:
            folder = processes.from_leader(out_dir or _folder(recipe, resume))
            if folds is None:
                _run(loaded, recipe, folder, where, resume, inspect or [])
            else:
                how = {"stratify": stratify, "resume": resume}
                cross_validate(loaded, recipe, folds, folder, where, **how)


def _run(
    recipe: Recipe, name: str, folder: Path, device: str, resume: bool, layers: Sequence[str]
) -> None:
    from augpipe.train.hooks import find_layers

    trainer = build_trainer(recipe, name, folder, device, resume=resume)
    find_layers(trainer.model, layers)  # better now than after hours
    result = trainer.fit()
    if not processes.leads():
        return
    out.print(f"validation accuracy {result.accuracy:.2%}, after epoch {result.epoch}")
    out.print(f"run         {result.out}")
    out.print(f"curves      {result.out / 'curves.png'}")
    out.print(f"checkpoint  {result.best}")
    for figure in trainer.inspect(layers) if layers else ():
        out.print(f"layer       {figure}")


def _dry_run(recipe: Recipe, name: str, device: str) -> None:
    from augpipe.train.dry_run import dry_run

    config = train_section(recipe, name)
    recipe = with_statistics(recipe, name)
    train = make_loader(recipe, "train", name, device)
    val = make_loader(recipe, "val", name, device)
    for line in dry_run(config, train, val, seed=recipe.loader.seed, device=device):
        out.print(line)


def _overfit(recipe: Recipe, name: str, device: str) -> None:
    from augpipe.train.overfit import STEPS, overfit_batch, require

    config = train_section(recipe, name)
    recipe = with_statistics(recipe, name)
    loader = make_loader(recipe, "train", name, device)
    with progress("steps") as move:
        move(total=STEPS)
        result = overfit_batch(
            config,
            loader,
            seed=recipe.loader.seed,
            device=device,
            statistics=statistics_of(recipe),
            on_step=lambda taken: move(completed=taken),
        )
    require(result)
    out.print(f"passed: one batch learnt by heart: {result}")


def _folder(recipe: str, resume: bool) -> Path:
    from augpipe.train.folders import last_folder, next_folder

    return (last_folder if resume else next_folder)(Path("runs"), Path(recipe).stem)
