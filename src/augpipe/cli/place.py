"""Where data is, as a word of the command line: a path, or a path and its options."""

from __future__ import annotations

from typing import Any

from augpipe.errors import RecipeError, within
from augpipe.schema import read_yaml


def as_place(text: str) -> str | dict[str, Any]:
    """A path as it is; `{path: ..., option: ...}` as a mapping.

    Raises:
        RecipeError: it begins like a mapping and is none.
    """
    if not text.lstrip().startswith("{"):
        return text
    with within(text):
        place = read_yaml(text)
    if not isinstance(place, dict):
        raise RecipeError(f"{text}: expected a path, or {{path: ..., option: ...}}")
    return place
