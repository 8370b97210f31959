"""`augpipe schema`: recipes as JSON schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from augpipe.cli.options import out
from augpipe.json_schema import recipe_schema


def schema(
    file: Annotated[
        Path | None, typer.Option("--out", help="Where to write it; by default it is printed.")
    ] = None,
) -> None:
    """Print the JSON schema of recipes: every key, every op, what they mean and may be.

    Editors complete recipes by it, and underline what is wrong. With the YAML language server (VS
    Code, Neovim, Emacs and others) a recipe's first line says where it is:

        # yaml-language-server: $schema=augpipe.schema.json

    For example:

        augpipe schema --out augpipe.schema.json
        augpipe schema | jq '."$defs".Affine'
    """
    text = json.dumps(recipe_schema(), indent=1, ensure_ascii=False)
    if file is None:
        out.print(text)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n", encoding="utf-8")
    out.print(f"schema      {file}")
