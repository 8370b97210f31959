"""What a dataset holds that could be to blame, and how one gets at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch

from augpipe.adapters.libraries import library_of
from augpipe.doctor.seen import Held
from augpipe.generators import Generator

# From here on, a list costs each worker tens of megabytes when it is read.
MANY = 100_000

# Longer lists hold data, not transforms; so deep nobody nests.
_LONG = 256
_DEEP = 8


def held_by(dataset: Any, name: str = "dataset") -> list[Held]:
    """Generators, transforms that hold generators, and long lists; the nearest first."""
    found: list[Held] = []
    seen: set[int] = set()
    layer = [(name, dataset)]
    for _ in range(_DEEP):
        inner: list[tuple[str, Any]] = []
        for path, thing in layer:
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            one = _known(path, thing)
            found += [one] if one else []
            inner += [] if one else _parts(path, thing)
        layer = inner
    return found


def _known(path: str, thing: Any) -> Held | None:
    if isinstance(thing, Generator):
        return Held(path, "generator")
    if (library := library_of(thing)) in ("albumentations", "imgaug"):
        return Held(path, library)
    if isinstance(thing, list | tuple | dict) and len(thing) >= MANY:
        return Held(path, "objects", len(thing))
    return None


def _parts(path: str, thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, type | ModuleType | torch.Tensor | np.ndarray | str | bytes | int | float):
        return
    if isinstance(thing, Mapping | list | tuple):
        pairs = thing.items() if isinstance(thing, Mapping) else enumerate(thing)
        if len(thing) <= _LONG:
            yield from ((f"{path}[{key!r}]", value) for key, value in pairs)
        return
    yield from ((f"{path}.{name}", value) for name, value in getattr(thing, "__dict__", {}).items())
    yield from zip(*_closure(thing), strict=True)


def _closure(thing: Any) -> tuple[tuple[str, ...], list[Any]]:
    """Names and values of what a function closes over."""
    cells = getattr(thing, "__closure__", None) or ()
    if not cells:
        return (), []
    names: tuple[str, ...] = thing.__code__.co_freevars
    return names, [_content(cell) for cell in cells]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
