"""`augpipe train`: the reference trainer on a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
import typer

from augpipe.api import build_loader
from augpipe.cli.options import (
    DataOption,
    RecipeArgument,
    SetOption,
    data_of,
    out,
    read_recipe,
)
from augpipe.errors import RecipeError
from augpipe.loader.loader import Loader
from augpipe.recipe import Part, Recipe
from augpipe.train.config import TrainConfig

if TYPE_CHECKING:
    from augpipe.train.trainer import Trainer


def train(
    recipe: RecipeArgument,
    data: DataOption = None,
    settings: SetOption = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of train.epochs.")] = None,
    lr: Annotated[float | None, typer.Option(help="Instead of train.optimizer.lr.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Instead of loader.batch_size.")] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of loader.seed.")] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or cuda:N; by default cuda where there is one.")
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="The run's folder; by default runs/RECIPE-NNN.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, or the latest one.")
    ] = False,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Say what the run would do, and write nothing.")
    ] = False,
    overfit: Annotated[
        bool, typer.Option("--overfit-batch", help="See whether one batch can be learnt by heart.")
    ] = False,
) -> None:
    """Train a model as a recipe says, and keep the best weights."""
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
    if dry:
        _dry_run(loaded, recipe, where)
    elif overfit:
        _overfit(loaded, recipe, where)
    else:
        _run(loaded, recipe, out_dir or _folder(recipe, resume), where, resume)


def _run(recipe: Recipe, name: str, folder: Path, device: str, resume: bool) -> None:
    trainer = build_trainer(recipe, name, folder, device)
    if resume and _was_saved(folder):
        trainer.resume(folder / "last.pt")
    result = trainer.fit()
    out.print(f"validation accuracy {result.accuracy:.2%}, after epoch {result.epoch}")
    out.print(f"run         {result.out}")
    out.print(f"curves      {result.out / 'curves.png'}")
    out.print(f"checkpoint  {result.best}")


def _dry_run(recipe: Recipe, name: str, device: str) -> None:
    from augpipe.train.dry_run import dry_run

    config = _train_section(recipe, name)
    train, val = _loader(recipe, "train", name, device), _loader(recipe, "val", name, device)
    for line in dry_run(config, train, val, seed=recipe.loader.seed, device=device):
        out.print(line)


def _overfit(recipe: Recipe, name: str, device: str) -> None:
    from augpipe.train.overfit import overfit_batch, require

    config = _train_section(recipe, name)
    loader = _loader(recipe, "train", name, device)
    result = overfit_batch(config, loader, seed=recipe.loader.seed, device=device)
    require(result)
    out.print(f"passed: one batch learnt by heart: {result}")


def _folder(recipe: str, resume: bool) -> Path:
    from augpipe.train.folders import last_folder, next_folder

    return (last_folder if resume else next_folder)(Path("runs"), Path(recipe).stem)


def _was_saved(folder: Path) -> bool:
    """Whether there is something to resume; a run killed before that just begins again.

    A folder without either is none of ours, which resuming then says.
    """
    return (folder / "last.pt").exists() or not (folder / "config.yaml").exists()


def build_trainer(recipe: Recipe, name: str, folder: Path, device: str) -> Trainer:
    """The trainer of a recipe, with its loaders.

    Raises:
        RecipeError: the recipe lacks what training needs.
    """
    from augpipe.train.trainer import Trainer  # torchvision's models take a second to import

    normalize = recipe.pipeline.normalize
    return Trainer(
        _train_section(recipe, name),
        _loader(recipe, "train", name, device),
        _loader(recipe, "val", name, device),
        folder,
        recipe=recipe.to_yaml(),
        fingerprint=recipe.fingerprint,
        seed=recipe.loader.seed,
        device=device,
        statistics=(normalize.mean, normalize.std) if normalize else None,
    )


def _train_section(recipe: Recipe, name: str) -> TrainConfig:
    if recipe.train is None:
        raise RecipeError(f"{name} has no section train; add one, or take a recipe that has")
    return recipe.train


def _loader(recipe: Recipe, part: Part, name: str, device: str) -> Loader:
    training = part == "train"
    config = recipe.loader
    loader = build_loader(
        data_of(recipe, part, name),
        recipe.ops(part),
        batch_size=config.batch_size,
        shuffle=training,
        sampling=config.sampling if training else None,
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
    if loader.cache:
        most = f"{loader.cache.estimate() / 1e6:,.0f} MB at the most"
        out.print(f"{loader.cache.describe()}; {most}", soft_wrap=True)
    return loader
