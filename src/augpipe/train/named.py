"""Functions of users, named in recipes as `module:function`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from augpipe.errors import RecipeError, suggest


@lru_cache(maxsize=64)
def named(name: str, where: str) -> Callable[..., Any]:
    """Import what `module:function` names.

    Args:
        name: the module is looked for as Python does, so an installed one or one on PYTHONPATH.
        where: the place in the recipe, for the error.

    Raises:
        RecipeError: there is no such module, or it has no such function.
    """
    module_name, _, function_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise RecipeError(
            f"{where}: cannot import {module_name!r}: {error}; install it, or put its folder on "
            "PYTHONPATH"
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value)]
        raise RecipeError(
            f"{where}: {module_name} has no function {function_name!r}; "
            f"{suggest(function_name, known)}"
        )
    return cast(Callable[..., Any], function)
