"""What can go wrong, as a tree. Every message says what is wrong, where, and what to do.

    AugpipeError            catch this to catch everything the library raises on purpose
    ├── RecipeError         a recipe, a pipeline or an op's parameter is wrong
    ├── PlanError           ops that cannot be carried out on these pictures together
    │   └── TargetError     an op has no rule for a target that is present
    ├── DataError           a dataset, a table or one of its rows is wrong
    │   └── DecodeError     a file is not a picture, or a damaged one
    ├── StateError          a loader state or a checkpoint belongs to something else
    ├── WorkerError         the loader's workers die before they do anything
    └── TrainError          training itself failed

Deep code raises the short fact; whoever knows the row, the key or the op adds it on the way up
with `within`, so no inner function has to carry the context.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import ClassVar


class AugpipeError(Exception):
    """The root of the tree. `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 2


class RecipeError(AugpipeError):
    """A recipe, a pipeline or an op's parameter is wrong."""


class PlanError(AugpipeError):
    """These ops cannot be carried out on these pictures."""


class TargetError(PlanError):
    """An op has no rule for a target that is present, and refuses to desynchronise it."""


class DataError(AugpipeError):
    """A dataset, a table or one of its rows is wrong."""


class DecodeError(DataError):
    """A file is not a picture, or a damaged one."""


class StateError(AugpipeError):
    """A loader state or a checkpoint belongs to another dataset, pipeline or recipe."""


class WorkerError(AugpipeError):
    """A loader's worker processes died, and it was not about a row."""

    exit_code: ClassVar[int] = 1


class WorkerWarning(RuntimeWarning):
    """A loader's worker died or hung; another one does its work."""


class TrainError(AugpipeError):
    """Training itself failed."""

    exit_code: ClassVar[int] = 1


class _Within(AbstractContextManager[None]):
    """A class, as a generator would take longer than some of what is done inside."""

    __slots__ = ("_where",)

    def __init__(self, where: str) -> None:
        self._where = where

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AugpipeError):
            raise type(error)(f"{self._where}: {error}") from error


def within(where: str) -> AbstractContextManager[None]:
    """Prefix the message of any `AugpipeError` raised inside with `where`."""
    return _Within(where)


def suggest(name: str, known: Iterable[str]) -> str:
    """How to go on from an unknown name: the nearest known one, or else all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
