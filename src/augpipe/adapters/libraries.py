"""The libraries whose transforms have names, and what numpy 2 took away from one of them."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np

from augpipe.errors import RecipeError

MODULES = {
    "albumentations": "albumentations",
    "torchvision": "torchvision.transforms.v2",
    "imgaug": "imgaug.augmenters",
}


def library_of(transform: Any) -> str:
    """The library that a transform's class, or one of its bases, comes from; or "callable"."""
    modules = [base.__module__.partition(".")[0] for base in type(transform).__mro__]
    return next((library for library in MODULES if library in modules), "callable")


def import_library(library: str) -> ModuleType:
    """The module of a library's transforms; imgaug's with what numpy 2 took away from it.

    Raises:
        RecipeError: it is not installed; the message names the extra.
    """
    if library == "imgaug":
        _restore_what_imgaug_needs()
    try:
        return importlib.import_module(MODULES[library])
    except ImportError as error:
        raise RecipeError(
            f"{library} is not installed; pip install 'augpipe[{library}]'"
        ) from error


def _restore_what_imgaug_needs() -> None:
    """Imgaug 0.4.0 reads two names at import and at run time that numpy 2 no longer has."""
    kinds = {"int": "bhilq", "uint": "BHILQ", "float": "efdg", "complex": "FDG"}
    types = {kind: [np.dtype(code).type for code in codes] for kind, codes in kinds.items()}
    for name, value in {"sctypes": types, "complex": complex}.items():
        if not hasattr(np, name):
            setattr(np, name, value)
