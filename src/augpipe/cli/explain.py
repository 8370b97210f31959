"""`augpipe explain`: what a recipe does to a picture, step by step."""

from __future__ import annotations

from typing import Annotated

import typer

from augpipe.cli.options import RecipeArgument, SetOption, out, read_recipe
from augpipe.errors import RecipeError
from augpipe.pipeline import Pipeline
from augpipe.recipe import PARTS


def explain(
    recipe: RecipeArgument,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the picture that comes in.")] = (
        "375x500"
    ),
    device: Annotated[
        str, typer.Option(help="Of batches; of cuda, say which kernel carries out what.")
    ] = "cpu",
    settings: SetOption = None,
) -> None:
    """Print the plan: its steps, which ops fused into each, and why fusion stopped."""
    picture = as_size(size)
    loaded = read_recipe(recipe, settings)
    for part in PARTS:
        pipeline = loaded.ops(part)
        out.print(f"{part}: {_text(pipeline, picture, device)}\n")


def _text(pipeline: Pipeline, size: tuple[int, int], device: str) -> str:
    if not (pipeline or pipeline.batch):
        return "pictures are left as they are"
    return pipeline.explain(size, device)


def as_size(text: str) -> tuple[int, int]:
    """The height and width that `--size` gives.

    Raises:
        RecipeError: it gives none.
    """
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise RecipeError(f"--size {text}: expected HEIGHTxWIDTH in pixels, such as 375x500")
    return int(height), int(width)
