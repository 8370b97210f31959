"""`augpipe init`: a first recipe for the user's own data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from augpipe.cli.options import JsonOption, PlaceArgument, out
from augpipe.cli.place import as_place
from augpipe.starter import starter_recipe, write_starter


def init(
    data: PlaceArgument,
    val: Annotated[
        str | None,
        typer.Option("--val", help="The validation data; by default what lies beside."),
    ] = None,
    place: Annotated[Path, typer.Option("--out", help="The recipe to write.")] = Path(
        "recipe.yaml"
    ),
    as_json: JsonOption = False,
) -> None:
    """Look at the data, and write a commented recipe to start from.

    It never overwrites a file.

    For example:

        augpipe init photos
        augpipe init photos/train --val photos/val --out photos.yaml
        augpipe init annotations.json
    """
    text = starter_recipe(as_place(data), None if val is None else as_place(val))
    write_starter(text, place)
    if as_json:
        out.print(json.dumps({"recipe": str(place), "text": text}, indent=1))
        return
    out.print(f"recipe      {place}")
    out.print(f"look at it  augpipe preview {place}")
