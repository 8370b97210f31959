"""How other people's transforms are called, so that a seed decides all that they draw.

A transform of albumentations, torchvision or imgaug, or any callable, runs on one picture with
Python's, NumPy's, torch's and its own generators seeded, and the global ones restored afterwards.
This is the one place in the library that touches them: what somebody else wrote draws from nowhere
else.
"""

from __future__ import annotations

import importlib
import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from augpipe.errors import RecipeError

Library = Literal["albumentations", "torchvision", "imgaug", "callable"]
Picture = NDArray[np.uint8]

MODULES = {
    "albumentations": "albumentations",
    "torchvision": "torchvision.transforms.v2",
    "imgaug": "imgaug.augmenters",
}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's global generators, and put them back afterwards."""
    generator = torch.default_generator  # of the CPU; a GPU's is left alone
    before = random.getstate(), np.random.get_state(), generator.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (somebody else's code reads it)
    generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        generator.set_state(before[2])


class Adapter:
    """How to call a transform, and its own generators, if it has any; this one is any callable."""

    moves = True

    def __init__(self, transform: Any) -> None:
        self.transform = transform

    def __repr__(self) -> str:
        return repr(self.transform)

    def reseed(self, seed: int) -> None:
        """Seed the transform's own generators with a number below 2**32; a callable has none."""

    def __call__(self, image: Picture) -> Any:
        """The transformed (H, W, 3) picture."""
        return self.transform(image)


class _Albumentations(Adapter):
    def __init__(self, transform: Any) -> None:
        super().__init__(transform)
        image_only = import_library("albumentations").ImageOnlyTransform
        self.moves = not isinstance(transform, image_only)

    def reseed(self, seed: int) -> None:
        self.transform.set_random_seed(seed)

    def __call__(self, image: Picture) -> Any:
        return self.transform(image=image)["image"]


class _Torchvision(Adapter):
    def __call__(self, image: Picture) -> Any:
        done = self.transform(torch.from_numpy(image).permute(2, 0, 1))
        return done.permute(1, 2, 0).numpy()


class _Imgaug(Adapter):
    def reseed(self, seed: int) -> None:
        self.transform.seed_(seed)

    def __call__(self, image: Picture) -> Any:
        return self.transform.augment_image(image)

    def __reduce__(self) -> tuple[Callable[[bytes], _Imgaug], tuple[bytes]]:
        # A spawned worker must have mended numpy before it imports imgaug.
        return _rebuilt_imgaug, (pickle.dumps(self.transform),)


def _rebuilt_imgaug(transform: bytes) -> _Imgaug:
    import_library("imgaug")
    return _Imgaug(pickle.loads(transform))  # noqa: S301 (sent by our own parent process)


LIBRARIES: dict[str, type[Adapter]] = {
    "albumentations": _Albumentations,
    "torchvision": _Torchvision,
    "imgaug": _Imgaug,
    "callable": Adapter,
}


def library_of(transform: Any) -> str:
    """The library that a transform's class, or one of its bases, comes from."""
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
