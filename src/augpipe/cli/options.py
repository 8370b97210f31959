"""What several commands share: their arguments, and how they read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand

from augpipe.cli.place import as_place
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
    typer.Option(
        "--data",
        help="A folder, table or COCO file; or '{path: ..., option: ...}'.",
    ),
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


# Options that take several numbers behind one flag, which Typer has no word for.
_SEVERAL = ("--percentile",)


class Command(TyperCommand):
    """A command of which some options take several numbers: `--percentile 5 50 95`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Write the flag before each of its numbers, which is how they are read."""
        return super().parse_args(ctx, list(_repeated(args)))


def _repeated(args: Sequence[str]) -> Iterator[str]:
    """`--flag 1 2` as `--flag 1 --flag 2`."""
    flag = ""
    for before, word in pairwise(["", *args]):
        if flag and before != flag:
            if _is_number(word):
                yield flag
            else:
                flag = ""
        flag = word if word in _SEVERAL else flag
        yield word


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_recipe(recipe: str, settings: list[str] | None = None, **overrides: Any) -> Recipe:
    """The recipe with `--set a.b=value` and named overrides applied.

    Args:
        recipe: a file or a shipped recipe's name.
        settings: `a.b=value`, the values as YAML.
        **overrides: values by dotted path with `__` for the dot; None means not given. Data is a
            path, or a mapping of a path and its options as text.

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
    given |= {name: as_place(v) for name, v in given.items() if name.startswith("data.")}
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
