"""Patterns that name parts of a model: `fc`, `layer1.*.conv2`, `*.bias`."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from torch import nn

from augpipe.errors import RecipeError, suggest


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern names a module or parameter, or a module that it lies in."""
    parts = name.split(".")
    return any(fnmatchcase(".".join(parts[:end]), pattern) for end in range(1, len(parts) + 1))


def refuse_idle(model: nn.Module, patterns: Iterable[str], where: str) -> None:
    """Let no pattern go by that names nothing.

    Raises:
        RecipeError: one of `patterns`, which the recipe holds at `where`, names no part of the
            model that has parameters or buffers.
    """
    names = [name for name, _ in (*model.named_parameters(), *model.named_buffers())]
    for pattern in patterns:
        if not any(matches(name, pattern) for name in names):
            modules = {name.rpartition(".")[0] for name in names} - {""}
            raise RecipeError(
                f"{where}: no part of {type(model).__name__} is named {pattern!r}; "
                f"{suggest(pattern, modules or names)}"
            )
