"""From what a user has, a file or a name in Python, to a conversion."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from augpipe.adapters import import_library, library_of
from augpipe.convert.albumentations import convert_serialized
from augpipe.convert.result import Conversion
from augpipe.convert.torchvision import convert_object
from augpipe.data.paths import existing_file, read_text
from augpipe.errors import RecipeError, suggest, within
from augpipe.schema import read_yaml

_SUFFIXES = (".json", ".yaml", ".yml")


def convert(pipeline: Any) -> Conversion:
    """Convert a pipeline of albumentations or torchvision.

    Args:
        pipeline: the transform itself; a file that `A.save` wrote (JSON or YAML); what `A.to_dict`
            returns; or `module:name` of a transform, or of a function without arguments that
            returns one, which runs the module's code.

    Raises:
        DataError: there is no such file.
        RecipeError: it is nothing of the kind, or cannot be imported.
    """
    if isinstance(pipeline, dict):
        return convert_serialized(pipeline)
    if not isinstance(pipeline, str | Path):
        return _convert_object(pipeline)
    text = str(pipeline)
    if text.endswith(_SUFFIXES):
        file = existing_file(text)
        with within(text):
            return convert_serialized(read_yaml(read_text(file)))
    with within(text):
        return _convert_object(_imported(text))


def _convert_object(transform: Any) -> Conversion:
    library = library_of(transform)
    if library == "albumentations":
        return convert_serialized(import_library("albumentations").to_dict(transform))
    if library == "torchvision" or type(transform).__module__.startswith("torch.nn"):
        return convert_object(transform)
    raise RecipeError(
        f"is a {type(transform).__name__}; expected a transform of albumentations or torchvision"
    )


def _imported(name: str) -> Any:
    """The transform that `module:name` stands for."""
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise RecipeError(
            f"is neither a file ending in {', '.join(_SUFFIXES)} nor module:name of a transform"
        )
    with _importing_from_here():
        try:
            holder: Any = importlib.import_module(module)
        except Exception as error:  # the user's module may raise anything
            raise RecipeError(f"cannot import {module}: {error}") from error
    if not hasattr(holder, attribute):
        known = [known for known in vars(holder) if not known.startswith("_")]
        raise RecipeError(f"{module} has no {attribute!r}; {suggest(attribute, known)}")
    found = getattr(holder, attribute)
    return _made(found) if inspect.isfunction(found) else found


def _made(function: Any) -> Any:
    try:
        return function()
    except Exception as error:  # as above
        raise RecipeError(f"cannot be called without arguments: {error}") from error


@contextmanager
def _importing_from_here() -> Iterator[None]:
    """As `python -m` would, which looks in the current folder first."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
