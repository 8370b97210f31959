"""From `module:function` to a loader, whatever the function returns."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from augpipe.errors import RecipeError, suggest

MakeLoader = Callable[..., Any]


def split_target(target: str) -> tuple[str, str]:
    """The names of the module and of the function.

    Raises:
        RecipeError: it is not spelled `module:function`.
    """
    module, _, function = target.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), function)):
        raise RecipeError(
            f"{target}: expected MODULE:FUNCTION, such as my_module:make_loader; the module is "
            "imported from the working directory, and spelled without .py"
        )
    return module, function


def load_target(target: str) -> MakeLoader:
    """Import the function, from the working directory first.

    Raises:
        RecipeError: there is no such module or function, or it takes no `num_workers`.
    """
    name, function = split_target(target)
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # of a module that is there, and imports one that is not
        raise RecipeError(f"{target}: there is no module {error.name!r} in {Path.cwd()}") from None
    made: MakeLoader | None = getattr(module, function, None)
    if not callable(made):
        known = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        raise RecipeError(f"{target}: no function {function!r}; {suggest(function, known)}")
    _check_signature(target, made)
    return made


def _check_signature(target: str, made: MakeLoader) -> None:
    try:
        inspect.signature(made).bind(num_workers=0)
    except TypeError as error:
        raise RecipeError(
            f"{target}(num_workers=0): {error}; write a function that takes num_workers alone and "
            "returns the loader"
        ) from None


def make_loader(target: str, made: MakeLoader, workers: int) -> Any:
    """Call the function; of a Lightning data module, take the loader it trains with.

    Raises:
        RecipeError: what it returns cannot be looped over, or has other workers.
    """
    loader = made(num_workers=workers)
    if hasattr(loader, "train_dataloader"):
        loader.prepare_data()
        loader.setup("fit")
        loader = loader.train_dataloader()
    if not hasattr(loader, "__iter__"):
        raise RecipeError(
            f"{target} returned a {type(loader).__name__}; return a DataLoader, or something else "
            "that a `for` goes through"
        )
    if isinstance(loader, DataLoader) and loader.num_workers != workers:
        raise RecipeError(
            f"{target}(num_workers={workers}) returned a loader of {loader.num_workers} workers; "
            "hand num_workers on to the loader, so that numbers of workers can be compared"
        )
    return loader
