"""Weather on a batch, with torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.execute import weather
from augpipe.execute.field import seed_words
from augpipe.execute.lattice import amplitude_of
from augpipe.execute.torch.lattice import Extent, lattice_of, smooth_field
from augpipe.execute.torch.stage import Stage, acting
from augpipe.execute.torch.types import Given, Kernels, Tensors, Values, floats, like, spread


def _blend(pixels: Tensor, alpha: Tensor, color: Tensor) -> Tensor:
    """The pictures behind a veil of that (B, H, W) opacity."""
    return like(pixels, (spread(color, 2) - pixels) * alpha[:, None] + pixels)


def _fog(values: Values, given: Given) -> Stage:
    arrays: dict[str, NDArray[Any]] = floats(
        **{name: values[name] for name in ("opacity", "patchiness", "color")}
    )
    extents = []
    for number in range(len(weather.OCTAVES)):
        spacing = np.repeat(values["spacing"][:, None] / 2**number, 2, axis=1)
        octave, extent = lattice_of(
            values["seed"] + [0, number], np.maximum(spacing, 1), given.size
        )
        arrays |= {f"{name}{number}": value for name, value in octave.items()}
        extents.append(extent)
    kinds = acting(values["opacity"])
    return Stage(_veil, arrays, options=(tuple(extents),), kinds=kinds)


def _veil(pixels: Tensor, tensors: Tensors, extents: tuple[Extent, ...]) -> Tensor:
    opacity, patchiness = (spread(tensors[name], 2) for name in ("opacity", "patchiness"))
    density = torch.ones_like(pixels[:, 0], dtype=torch.float32)
    for number, (weight, extent) in enumerate(zip(weather.OCTAVES, extents, strict=True)):
        own = {name: tensors[f"{name}{number}"] for name in _FIELD}
        octave = smooth_field(own, extent, 1)[:, 0]
        density += octave * (patchiness * float(amplitude_of(np.array(weight))))
    return _blend(pixels, (density * opacity).clip(0, 1), tensors["color"])


_FIELD = ("words", "top", "left", "down", "across")


def _fall(values: Values, _: Given) -> Stage:
    layers = values["opacity"].shape[1]
    words = [seed_words(values["seed"] + [0, layer]) for layer in range(layers)]
    turn = np.stack([np.cos(values["angle"]), np.sin(values["angle"])], axis=1)
    same = ("opacity", "color", "cell", "room", "shape", "phase", "density")
    arrays = floats(turn=turn, **{name: values[name] for name in same})
    return Stage(_falling, {**arrays, "words": np.stack(words, axis=1)}, options=(layers,))


def _falling(pixels: Tensor, tensors: Tensors, layers: int) -> Tensor:
    x, y = _centres(pixels)
    cos, sin = spread(tensors["turn"], 2).unbind(dim=1)
    across, along = x * cos - y * sin, x * sin + y * cos
    clear = torch.ones_like(across)
    for layer in range(layers):
        covered = _covered(across, along, tensors, layer)
        clear *= 1 - spread(tensors["opacity"][:, layer], 2) * covered
    return _blend(pixels, 1 - clear, tensors["color"])


def _covered(across: Tensor, along: Tensor, tensors: Tensors, layer: int) -> Tensor:
    """(B, H, W): how much of each pixel the particles of one layer cover."""
    cell, room, shape, words = (
        spread(tensors[name][:, layer], 2).unbind(dim=1)
        for name in ("cell", "room", "shape", "words")
    )
    seed = words[0], words[1]
    across = across + spread(tensors["phase"][:, layer], 2)
    column = (across / cell[0]).floor().int()
    along = along + weather.column_shift(column.clone(), seed, cell[1])
    row = (along / cell[1]).floor().int()
    found = weather.particle(column, row, seed, (cell[0], cell[1]), (room[0], room[1]))
    covered: Tensor = weather.coverage(
        across - found.across, along - found.along, found.share, (shape[0], shape[1], shape[2])
    )
    hit: Tensor = found.chance < spread(tensors["density"], 2)
    return covered * hit


def _shadow(values: Values, _: Given) -> Stage:
    names = ("soft", "intensity", "edges")
    kinds = acting(np.any(values["intensity"], axis=1))
    return Stage(_darken, floats(**{name: values[name] for name in names}), kinds=kinds)


def _darken(pixels: Tensor, tensors: Tensors) -> Tensor:
    x, y = _centres(pixels)
    dark = torch.zeros_like(pixels[:, 0], dtype=torch.float32)
    soft = spread(tensors["soft"], 2)
    edges, intensities = tensors["edges"].unbind(dim=1), tensors["intensity"].unbind(dim=1)
    for polygon, intensity in zip(edges, intensities, strict=True):
        distance = _outside(polygon, x, y)
        dark = dark.maximum(weather.shade(distance, soft) * spread(intensity, 2))
    return _blend(pixels, dark, dark.new_zeros(len(dark), 3))


def _outside(edges: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(B, H, W): how far each pixel lies outside of convex polygons of (B, n, 3) edges."""
    distance = torch.full((), -torch.inf, device=x.device)
    for side in spread(edges, 2).unbind(dim=1):
        a, b, c = side.unbind(dim=1)
        distance = distance.maximum(a * x + (b * y + c))
    return distance


def _centres(pixels: Tensor) -> tuple[Tensor, Tensor]:
    height, width = pixels.shape[2:]
    x = torch.arange(width, device=pixels.device, dtype=torch.float32) + 0.5
    return x, torch.arange(height, device=pixels.device, dtype=torch.float32)[:, None] + 0.5


KERNELS: Kernels = {"fall": _fall, "fog": _fog, "shadow": _shadow}
