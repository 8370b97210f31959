"""`augpipe train`: the reference trainer on a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
        Path | None, typer.Option("--out", help="The run's folder; by default runs/RECIPE.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")
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
    folder = out_dir or Path("runs") / Path(recipe).stem
    trainer = build_trainer(loaded, recipe, folder, device)
    if resume:
        trainer.resume(folder / "last.pt")
    result = trainer.fit()
    out.print(f"validation accuracy {result.accuracy:.2%}, after epoch {result.epoch}")
    out.print(f"run         {result.out}")
    out.print(f"curves      {result.out / 'curves.png'}")
    out.print(f"checkpoint  {result.best}")


def build_trainer(recipe: Recipe, name: str, folder: Path, device: str | None) -> Any:
    """The trainer of a recipe, with its loaders.

    Raises:
        RecipeError: the recipe lacks what training needs.
    """
    from augpipe.train.trainer import Trainer  # torchvision's models take a second to import

    if recipe.train is None:
        raise RecipeError(f"{name} has no section train; add one, or take a recipe that has")
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return Trainer(
        recipe.train,
        _loader(recipe, "train", name, where),
        _loader(recipe, "val", name, where),
        folder,
        recipe=recipe.to_yaml(),
        fingerprint=recipe.fingerprint,
        seed=recipe.loader.seed,
        device=where,
    )


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
        on_error=config.on_error if training else "raise",
        max_errors=config.max_errors,
    )
    if loader.cache:
        most = f"{loader.cache.estimate() / 1e6:,.0f} MB at the most"
        out.print(f"{loader.cache.describe()}; {most}", soft_wrap=True)
    return loader
