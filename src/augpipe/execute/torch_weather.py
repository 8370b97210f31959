"""Weather on a batch, with torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.execute import weather
from augpipe.execute.field import seed_words
from augpipe.execute.lattice import amplitude_of
from augpipe.execute.torch_lattice import smooth_field
from augpipe.execute.torch_types import Kernels, Values, like, upload
from augpipe.plan import Floats


def _blend(pixels: Tensor, alpha: Tensor, color: Tensor) -> Tensor:
    """The pictures behind a veil of that (B, H, W) opacity."""
    return like(pixels, (color[:, :, None, None] - pixels) * alpha[:, None] + pixels)


def _fog(pixels: Tensor, values: Values) -> Tensor:
    size = pixels.shape[2], pixels.shape[3]
    opacity, patchiness = (
        upload(values[name], pixels)[:, None, None] for name in ("opacity", "patchiness")
    )
    density = torch.ones_like(pixels[:, 0], dtype=torch.float32)
    for number, weight in enumerate(weather.OCTAVES):
        seed = values["seed"] + [0, number]
        spacing = np.repeat(values["spacing"][:, None] / 2**number, 2, axis=1)
        octave = smooth_field(seed, np.maximum(spacing, 1), size, pixels, 1)[:, 0]
        density += octave * (patchiness * float(amplitude_of(np.array(weight))))
    return _blend(pixels, (density * opacity).clip(0, 1), upload(values["color"], pixels))


def _fall(pixels: Tensor, values: Values) -> Tensor:
    x, y = _centres(pixels)
    turn = np.stack([np.cos(values["angle"]), np.sin(values["angle"])])
    cos, sin = upload(turn, pixels)[..., None, None]
    across, along = x * cos - y * sin, x * sin + y * cos
    clear = torch.ones_like(across)
    for layer in range(values["opacity"].shape[1]):
        covered = _covered(across, along, values, layer)
        clear *= 1 - upload(values["opacity"][:, layer], pixels)[:, None, None] * covered
    return _blend(pixels, 1 - clear, upload(values["color"], pixels))


def _covered(across: Tensor, along: Tensor, values: Values, layer: int) -> Tensor:
    """(B, H, W): how much of each pixel the particles of one layer cover."""
    cell, room, shape = (
        tuple(upload(values[name][:, layer].T, across)[..., None, None])
        for name in ("cell", "room", "shape")
    )
    seed = _words(values["seed"] + [0, layer], across)
    across = across + upload(values["phase"][:, layer], across)[:, None, None]
    column = (across / cell[0]).floor().int()
    along = along + weather.column_shift(column.clone(), seed, cell[1])
    row = (along / cell[1]).floor().int()
    found = weather.particle(column, row, seed, (cell[0], cell[1]), (room[0], room[1]))
    covered: Tensor = weather.coverage(
        across - found.across, along - found.along, found.share, (shape[0], shape[1], shape[2])
    )
    hit: Tensor = found.chance < upload(values["density"], across)[:, None, None]
    return covered * hit


def _words(seed: NDArray[np.int64], near: Tensor) -> tuple[Tensor, Tensor]:
    words = torch.from_numpy(seed_words(seed).T.copy()).to(near.device, non_blocking=True)
    first, second = words[..., None, None]
    return first, second


def _shadow(pixels: Tensor, values: Values) -> Tensor:
    x, y = _centres(pixels)
    dark = torch.zeros_like(pixels[:, 0], dtype=torch.float32)
    soft = upload(values["soft"], pixels)[:, None, None]
    for number in range(values["intensity"].shape[1]):
        distance = _outside(values["edges"][:, number], x, y)
        intensity = upload(values["intensity"][:, number], pixels)[:, None, None]
        dark = dark.maximum(weather.shade(distance, soft) * intensity)
    return _blend(pixels, dark, dark.new_zeros(len(dark), 3))


def _outside(edges: Floats, x: Tensor, y: Tensor) -> Tensor:
    """(B, H, W): how far each pixel lies outside of convex polygons of (B, n, 3) edges."""
    sides = upload(np.moveaxis(edges, 0, 2), x)[..., None, None]
    distance = torch.full((), -torch.inf, device=x.device)
    for a, b, c in sides:
        distance = distance.maximum(a * x + (b * y + c))
    return distance


def _centres(pixels: Tensor) -> tuple[Tensor, Tensor]:
    height, width = pixels.shape[2:]
    x = torch.arange(width, device=pixels.device, dtype=torch.float32) + 0.5
    return x, torch.arange(height, device=pixels.device, dtype=torch.float32)[:, None] + 0.5


KERNELS: Kernels = {"fall": _fall, "fog": _fog, "shadow": _shadow}
