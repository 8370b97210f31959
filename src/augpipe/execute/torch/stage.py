"""Steps as stages: what the host knows of them in numbers, what the device does in functions.

A stage's function is pure: pixels and tensors in, pixels out, whatever the parameters. All numbers
of all stages lie in one array, a row of bytes for each picture, and reach the device in one copy:

    picture 0   matrix of the warp | colour map | boxes ...
    picture 1   ...

So any rows of it are all that these pictures need, and a batch of another length is just longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.execute.torch.types import Tensors, Values
from augpipe.plan import Floats

# The device's half of a step: (pixels, tensors, *options) -> pixels; it never writes to its input.
Run = Callable[..., Tensor]

# What rows that go the same way on the host have in common; None: they stay as they are.
Kind = Hashable | None

# Any type may begin at a multiple of it.
_ALIGNED = 8

# How many pixels go through all steps together on a CPU: their floats fit into its cache.
PIECE = 2**16

# Rows of a batch, by number.
Rows = range | list[int]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One pass over the pixels.

    Attributes:
        run: for all rows alike; None if there is no such form.
        arrays: (B, ...) each.
        shared: the same for all rows.
        options: what `run` is given besides; all that its form depends on.
        kinds: where the host may choose for each row, what it goes through.
        alike: `run` for rows of one kind, given (pixels, tensors, kind, *options);
            None where that is `run`.
        whole: whether it needs all rows of the batch at once.
        fixed: whether its form is that of every batch of the pipeline.
        floats: whether it takes whole levels as float32 as well, and may hand them on so.
        ops: the slots of the ops that it carries out.
    """

    run: Run | None
    arrays: Values = field(default_factory=dict)
    shared: Values = field(default_factory=dict)
    options: tuple[Hashable, ...] = ()
    kinds: Sequence[Kind] | None = None
    alike: Run | None = None
    whole: bool = False
    fixed: bool = True
    floats: bool = False
    ops: tuple[str, ...] = ()

    def do(self, kind: Kind, pixels: Tensor, tensors: Tensors) -> Tensor:
        """Carry it out on rows of one kind, or on any if that is None."""
        if self.alike is not None and kind is not None:
            return self.alike(pixels, tensors, kind, *self.options)
        if self.run is None:
            raise TypeError("a stage without a form for all rows was given rows of no kind")
        return self.run(pixels, tensors, *self.options)


@dataclass(frozen=True, slots=True, eq=False)
class Parting:
    """Ways that part; see `plan.Branch`.

    Attributes:
        weights: (B, K), on the host.
        ways: the stages of each.
        ops: the slots of the ops that it carries out.
    """

    weights: Floats
    ways: tuple[tuple[Stage | Parting, ...], ...]
    ops: tuple[str, ...] = ()

    @property
    def arrays(self) -> Values:
        """The weights, for the device."""
        return {"weights": self.weights.astype(np.float32)}

    @property
    def shared(self) -> Values:
        """Nothing."""
        return {}


Part = Stage | Parting


def needs_whole(parts: Iterable[Part]) -> bool:
    """Whether any part needs all rows of the batch at once."""
    return any(isinstance(part, Stage) and part.whole for part in walk(parts))


class Place(NamedTuple):
    """Where an array lies in a row of bytes."""

    name: str
    offset: int
    dtype: torch.dtype
    shape: tuple[int, ...]

    def of(self, table: Tensor) -> Tensor:
        """The (..., *shape) array, as a view of (..., bytes)."""
        end = self.offset + self.dtype.itemsize * math.prod(self.shape)
        values = table[..., self.offset : end].view(self.dtype)
        return values.reshape(*table.shape[:-1], *self.shape)


Layout = dict[Part, tuple[Place, ...]]


def walk(parts: Iterable[Part]) -> Iterator[Part]:
    """All parts, those within others included."""
    for part in parts:
        yield part
        if isinstance(part, Parting):
            for way in part.ways:
                yield from walk(way)


def pack(
    arrays: Iterable[tuple[Part, Values]], rows: int | None, device: torch.device
) -> tuple[Tensor, Layout]:
    """All arrays as (B, bytes) on the device, or as (bytes,) if they have no rows."""
    lead = () if rows is None else (rows,)
    pieces: list[NDArray[np.uint8]] = []
    layout: Layout = {}
    offset = 0
    for part, values in arrays:
        places = []
        for name, value in values.items():
            flat = np.ascontiguousarray(value).reshape(*lead, -1).view(np.uint8)
            pieces.append(_padded(flat))
            kind = torch.from_numpy(np.empty(0, value.dtype)).dtype
            places.append(Place(name, offset, kind, value.shape[len(lead) :]))
            offset += pieces[-1].shape[-1]
        layout[part] = tuple(places)
    host = torch.from_numpy(np.concatenate([np.empty((*lead, 0), np.uint8), *pieces], axis=-1))
    return (host.pin_memory() if device.type == "cuda" else host).to(
        device, non_blocking=True
    ), layout


def _padded(flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """To a multiple of the alignment along the last axis."""
    short = -flat.shape[-1] % _ALIGNED
    return np.pad(flat, [(0, 0)] * (flat.ndim - 1) + [(0, short)]) if short else flat


@dataclass(frozen=True, slots=True, eq=False)
class Upload:
    """The numbers of all parts on the device, of so many rows."""

    tensors: dict[Part, Tensors]
    shared: dict[Part, Tensors]
    rows: int
    _pieces: dict[tuple[Part, range], Tensors] = field(default_factory=dict)

    def of(self, part: Part, rows: Rows) -> Tensors:
        """What a part needs for some rows."""
        if isinstance(rows, range):
            if (part, rows) not in self._pieces:
                self._pieces.update(self._split(part, rows))
            return self._pieces[part, rows]
        own = {name: pick(tensor, rows) for name, tensor in self.tensors[part].items()}
        return {**own, **self.shared[part]}

    def _split(self, part: Part, first: range) -> Iterator[tuple[tuple[Part, range], Tensors]]:
        """For those rows, and as many at a time of all that follow: one by one takes longer."""
        step, names = len(first), list(self.tensors[part])
        every = self.tensors[part].values()
        split = [torch.split(tensor[first.start :], step) for tensor in every]
        for number, start in enumerate(range(first.start, self.rows, step)):
            rows = range(start, min(start + step, self.rows))
            own = {name: own[number] for name, own in zip(names, split, strict=True)}
            yield (part, rows), {**own, **self.shared[part]}


def upload(parts: Sequence[Part], rows: int, device: torch.device) -> Upload:
    """Bring the numbers of all parts to the device in one copy, and what rows share in another."""
    every = list(walk(parts))
    table, layout = pack(((part, part.arrays) for part in every), rows, device)
    flat, shared = pack(((part, part.shared) for part in every), None, device)
    return Upload(views(table, layout), views(flat, shared), rows)


def views(table: Tensor, layout: Layout) -> dict[Part, Tensors]:
    """The arrays of each part by name."""
    return {
        part: {place.name: place.of(table) for place in places} for part, places in layout.items()
    }


def pick(tensor: Tensor, rows: Rows) -> Tensor:
    """Some rows, by number."""
    if isinstance(rows, range):
        return tensor if len(rows) == len(tensor) else tensor[rows.start : rows.stop]
    return tensor[index(rows, tensor.device)]


def index(rows: Sequence[int], device: torch.device) -> Tensor:
    """Numbers of rows on a device, without waiting for it."""
    host = torch.tensor(rows, dtype=torch.int64)
    return (host.pin_memory() if device.type == "cuda" else host).to(device, non_blocking=True)


def pieces(images: Tensor) -> Iterator[range]:
    """The rows of each piece in which a batch goes through a CPU."""
    batch, step = len(images), max(1, PIECE // max(1, images[0, 0].numel()))
    return (range(start, min(start + step, batch)) for start in range(0, batch, step))


def acting(rows: NDArray[Any]) -> list[Kind]:
    """One kind, for the rows of (B,) that a stage acts on; the others stay as they are."""
    return [True if acts else None for acts in rows.tolist()]


def kinds_of(*columns: NDArray[Any]) -> list[Kind]:
    """One tuple for each row, of what the columns hold; columns are (B,) or (B, n)."""
    table = np.concatenate([column.reshape(len(column), -1) for column in columns], axis=1)
    return list(map(tuple, table.tolist()))
