"""What several commands share: their arguments, and how they read them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from augpipe.errors import RecipeError, within
from augpipe.recipe import PARTS, Part, Recipe
from augpipe.schema import read_yaml

# Results go to standard output, one fact a line; progress and errors to standard error.
out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)

RecipeArgument = Annotated[
    str, typer.Argument(help="A recipe file, or the name of a shipped recipe.", show_default=False)
]
DataArgument = Annotated[
    str,
    typer.Argument(help="A folder, a table, or what else holds pictures.", show_default=False),
]
DataOption = Annotated[
    str | None,
    typer.Option("--data", help="A folder of class folders, or a table; instead of the recipe's."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="Change a value of the recipe; repeatable."),
]
DeviceOption = Annotated[
    str | None, typer.Option(help="cpu, cuda or cuda:N; by default cuda where there is one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
PlaceArgument = Annotated[
    str,
    typer.Argument(
        help="A folder, table, COCO file or data.yaml; or '{path: ..., option: ...}'.",
        show_default=False,
    ),
]
PartOption = Annotated[str, typer.Option("--part", help="train or val.")]


def read_recipe(recipe: str, settings: list[str] | None = None, **overrides: Any) -> Recipe:
    """The recipe with `--set a.b=value` and named overrides applied.

    Args:
        recipe: a file or a shipped recipe's name.
        settings: `a.b=value`, the values as YAML.
        **overrides: values by dotted path with `__` for the dot; None means not given.

    Raises:
        RecipeError: no such recipe, or something in it or in the settings is wrong.
    """
    changes: dict[str, Any] = {}
    for setting in settings or []:
        path, equals, value = setting.partition("=")
        if not equals or not path:
            raise RecipeError(f"--set {setting}: expected a.b=value, such as loader.batch_size=32")
        with within(f"--set {setting}"):
            changes[path] = read_yaml(value)
    given = {name.replace("__", "."): v for name, v in overrides.items() if v is not None}
    return Recipe.load(recipe, changes | given)


def data_of(recipe: Recipe, part: Part, name: str) -> Any:
    """Where the recipe says the data of a part is.

    Raises:
        RecipeError: it does not say.
    """
    place = getattr(recipe.data, part)
    if place is None:
        option = "--data" if part == "train" else "--set data.val=PATH"
        raise RecipeError(f"{name} names no data.{part}; give {option}, or add it to the recipe")
    return place


def as_part(text: str) -> Part:
    """The part of a recipe that `--part` names.

    Raises:
        RecipeError: it names none.
    """
    if text not in PARTS:
        raise RecipeError(f"--part {text}: expected {' or '.join(PARTS)}")
    return PARTS[PARTS.index(text)]
