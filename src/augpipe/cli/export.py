"""`augpipe export`: a run's model, fused, as a file for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from augpipe.cli.explain import as_size
from augpipe.cli.options import out
from augpipe.cli.progress import progress
from augpipe.errors import RecipeError

if TYPE_CHECKING:
    from augpipe.recipe import Recipe

# Two shapes of picture: if a pipeline turns both into the same, that is what the model gets.
_PICTURES = ((375, 500), (640, 480))


def export(
    run: Annotated[Path, typer.Argument(help="A run's folder, or one of its checkpoints.")],
    format_name: Annotated[
        str, typer.Option("--format", help="torchscript, torch_export or onnx.")
    ] = "torch_export",
    size: Annotated[
        str | None,
        typer.Option(help="HEIGHTxWIDTH of the pictures; by default what validation made."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--out", help="The file; by default model.* in the run's folder.")
    ] = None,
) -> None:
    """Write a run's averaged model, fused and checked, for other programs.

    For example:

        augpipe export runs/digits-001
        augpipe export runs/digits-001/last.pt --format onnx --out digits.onnx
    """
    import torch  # these two take a second to import

    from augpipe.train.export import FORMATS, export
    from augpipe.train.fuse import fuse
    from augpipe.train.restore import trained

    model, classes, recipe = trained(run)
    height, width = as_size(size) if size else _size(recipe)
    generator = torch.Generator().manual_seed(0)
    images = torch.empty(4, 3, height, width).normal_(generator=generator)
    folder = run if run.is_dir() else run.parent
    suffix = FORMATS[format_name].suffix if format_name in FORMATS else ""
    path = file or folder / f"model{suffix}"
    with progress("exporting"):
        export(fuse(model, images), images, path, format_name)
    facts = path.with_suffix(".json")
    facts.write_text(_facts(recipe, classes, (height, width)), encoding="utf-8")
    out.print(f"model       {path}")
    out.print(f"about it    {facts}")


def _size(recipe: Recipe) -> tuple[int, int]:
    """What validation makes of any picture.

    Raises:
        RecipeError: that depends on the picture.
    """
    plan = recipe.ops("val").plan(np.array(_PICTURES), index=np.arange(len(_PICTURES)))
    sizes = {(int(height), int(width)) for height, width in plan.out_size}
    if len(sizes) > 1:
        raise RecipeError("pipeline.val leaves pictures of several sizes; give --size HEIGHTxWIDTH")
    return sizes.pop()


def _facts(recipe: Recipe, classes: list[str], size: tuple[int, int]) -> str:
    """What whoever runs the file must know, as JSON: what goes in, and what comes out."""
    normalize = recipe.known_normalize
    inputs = {
        "shape": ["batch", 3, *size],
        "range": [0, 1],
        "mean": list(normalize.mean) if normalize else [0, 0, 0],
        "std": list(normalize.std) if normalize else [1, 1, 1],
    }
    return json.dumps({"images": inputs, "classes": classes}, indent=1) + "\n"
