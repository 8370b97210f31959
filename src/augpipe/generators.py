"""Random generators of other people's code: the global ones, and those that its objects hold.

A generator that a dataset or a transform holds is copied into each worker, so that workers repeat
each other, and without persistent workers every epoch repeats the first. Here all of them are set
from the sample's key before that code runs.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch

Generator = np.random.Generator | np.random.RandomState | random.Random | torch.Generator

# Longer lists hold data, not transforms; so deep nothing is nested (an object is two levels).
_LONG = 256
_DEEP = 24


@contextmanager
def seeded(seed: int, held: Iterable[Generator] = ()) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's global generators, and put them back afterwards.

    Args:
        seed: 0 to 2**64 - 1.
        held: other generators to seed. These are not put back: nobody else draws from them.
    """
    generator = torch.default_generator  # of the CPU; a GPU's is left alone
    before = random.getstate(), np.random.get_state(), generator.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (somebody else's code reads it)
    generator.manual_seed(seed)
    for number, own in enumerate(held, 1):
        reseed(own, (seed + number) % 2**64)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        generator.set_state(before[2])


def reseed(generator: Generator, seed: int) -> None:
    """Begin a generator anew, from a number of 0 to 2**64 - 1."""
    if isinstance(generator, np.random.Generator):
        kind: Any = type(generator.bit_generator)
        generator.bit_generator.state = kind(seed).state
    elif isinstance(generator, torch.Generator):
        generator.manual_seed(seed)
    elif isinstance(generator, np.random.RandomState):
        generator.seed(seed % 2**32)
    else:
        generator.seed(seed)


def held_by(thing: Any) -> list[Generator]:
    """The generators that an object holds, by itself or in what it is made of.

    Looked through are attributes, closures, and lists, tuples and mappings that are not long.
    """
    found: dict[int, Generator] = {}
    seen: set[int] = set()
    layer = [thing]
    for _ in range(_DEEP):
        layer = [part for one in layer for part in _parts(one) if id(part) not in seen]
        seen.update(map(id, layer))
        found |= {id(part): part for part in layer if isinstance(part, Generator)}
    return [*found.values()]


def _parts(thing: Any) -> list[Any]:
    if isinstance(thing, Mapping | list | tuple):
        within = [*thing.values()] if isinstance(thing, Mapping) else [*thing]
        return within if len(within) <= _LONG else []
    if isinstance(thing, type | ModuleType | torch.Tensor | np.ndarray):
        return []
    if isinstance(thing, partial):
        return [thing.func, thing.args, thing.keywords]
    cells = getattr(thing, "__closure__", None) or ()
    own = [getattr(thing, "__self__", None), getattr(thing, "__dict__", None)]
    return [*own, *(cell.cell_contents for cell in cells if _is_filled(cell))]


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
