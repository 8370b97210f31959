"""Smooth random fields for a batch, with torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.execute.field import seed_words
from augpipe.execute.lattice import centres, coefficients, number, taps
from augpipe.execute.torch.types import Tensors, floats, spread
from augpipe.plan import Floats

# First number and count of the coefficients, along y and x; what a field's form depends on.
Extent = tuple[tuple[int, int], tuple[int, int]]


def lattice_of(
    seed: NDArray[np.int64], spacing: Floats, size: tuple[int, int]
) -> tuple[dict[str, NDArray[Any]], Extent]:
    """What `smooth_field` needs at the centres of pixels: arrays, and the lattice's extent.

    Args:
        seed: (B, 2).
        spacing: (B, 2), of the coefficients, along x and y.
        size: height and width.
    """
    left, across = taps(centres(size[1]), spacing[:, :1])
    top, down = taps(centres(size[0]), spacing[:, 1:])
    extent = _extent(top), _extent(left)
    places = {
        "top": (top - extent[0][0]).astype(np.int32),
        "left": (left - extent[1][0]).astype(np.int32),
    }
    weights = floats(down=np.moveaxis(down, -1, 1), across=np.moveaxis(across, -1, 1))
    return {"words": seed_words(seed), **places, **weights}, extent


def _extent(first: NDArray[np.int64]) -> tuple[int, int]:
    return int(first.min()), int(first.max()) + 4 - int(first.min())


def smooth_field(tensors: Tensors, extent: Extent, layers: int = 2) -> Tensor:
    """(B, layers, H, W): smooth fields for each row, at the centres of pixels.

    Args:
        tensors: the arrays of `lattice_of`.
        extent: that of `lattice_of`.
        layers: 1 or 2.
    """
    words = tensors["words"]
    row, column = (
        torch.arange(start, start + count, dtype=torch.int32, device=words.device)
        for start, count in extent
    )
    layer = torch.arange(layers, dtype=torch.int32, device=words.device)[:, None, None]
    first, second = spread(words, 3).unbind(dim=1)
    place = number(row[:, None], column, layer).expand(len(words), -1, -1, -1).clone()
    lattice = coefficients(place, first, second)
    narrow = _interpolate(lattice, tensors["top"], tensors["down"], 2)
    return _interpolate(narrow, tensors["left"], tensors["across"], 3)


def _interpolate(lattice: Tensor, first: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Four coefficients of each place along an axis, summed in order, whatever the batch."""
    shape = [len(first), 1, 1, 1]
    shape[axis] = first.shape[1]
    start = first.long().view(shape)
    extent = list(lattice.shape)
    extent[axis] = first.shape[1]
    weight = [part.reshape(shape) for part in weights.unbind(dim=1)]
    parts = (lattice.gather(axis, (start + k).expand(extent)) * weight[k] for k in range(4))
    return sum(parts, start=lattice.new_zeros(()))
