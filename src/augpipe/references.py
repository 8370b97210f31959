"""Reference pictures that ops name: which files they are.

Looked up once, when the op is made, so that a typing error shows before training begins, and every
worker sees the same list whatever happens to the folder afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from augpipe.data.folder import pictures_below
from augpipe.data.header import IMAGE_SUFFIXES
from augpipe.data.paths import existing
from augpipe.errors import DataError, RecipeError


def find_references(places: Iterable[str]) -> tuple[str, ...]:
    """The paths of pictures.

    Args:
        places: folders, below which all pictures count, sorted; and pictures' own files.

    Raises:
        RecipeError: a place does not exist or cannot be listed, or a folder holds no picture.
    """
    return tuple(path for place in places for path in _pictures(place))


def _pictures(place: str) -> list[str]:
    try:
        path = existing(place)
        if not path.is_dir():
            return [str(path)]
        found = [str(path / name) for name in pictures_below(path)]
    except DataError as error:
        raise RecipeError(str(error)) from error
    except OSError as error:
        raise RecipeError(f"{place} cannot be read: {error.strerror}") from error
    if not found:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        raise RecipeError(f"{Path(place)} holds no picture (expected suffixes: {suffixes})")
    return found
