"""`augpipe convert`: a pipeline of another library as a recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from augpipe.cli.options import JsonOption, out
from augpipe.convert import Conversion
from augpipe.convert import convert as converted
from augpipe.starter import write_starter


def convert(
    pipeline: Annotated[
        str,
        typer.Argument(
            help="A file that A.save wrote, or module:name of a transform or of a function that "
            "returns one.",
            show_default=False,
        ),
    ],
    place: Annotated[
        Path | None, typer.Option("--out", help="The recipe to write; by default it is printed.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a pipeline of albumentations or torchvision into a recipe, and say what it cannot.

    It ends with 1 if a transform had to be left out. It never overwrites a file.

    For example:

        augpipe convert transform.json
        augpipe convert my_project.data:train_transform --out recipe.yaml
    """
    result = converted(pipeline)
    text = result.to_yaml()
    if place is not None:
        write_starter(text, place)
    if as_json:
        out.print(json.dumps(result.as_json(), indent=1))
    elif place is None:
        out.print(text, end="")
    else:
        out.print(f"recipe      {place}")
    _report(result)
    raise typer.Exit(0 if result.complete else 1)


def _report(result: Conversion) -> None:
    """What is not native, on standard error, so that the recipe can be piped."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    for line in result.lines:
        if line.how in ("foreign", "left out"):
            console.print(f"{line.how:11} {line.source}: {'; '.join(line.notes)}")
