"""Smooth random fields for a batch, with torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.execute.field import seed_words
from augpipe.execute.lattice import centres, coefficients, number, taps
from augpipe.execute.torch_types import upload
from augpipe.plan import Floats


def smooth_field(
    seed: NDArray[np.int64],
    spacing: Floats,
    size: tuple[int, int],
    near: Tensor,
    layers: int = 2,
) -> Tensor:
    """(B, layers, H, W): smooth fields for each row, at the centres of pixels.

    Args:
        seed: (B, 2).
        spacing: (B, 2), of the coefficients, along x and y.
        size: height and width.
        near: a tensor on the device that is to be used.
        layers: 1 or 2.
    """
    left, across = taps(centres(size[1]), spacing[:, :1])
    top, down = taps(centres(size[0]), spacing[:, 1:])
    first_row, first_column = int(top.min()), int(left.min())
    row = torch.arange(first_row, int(top.max()) + 4, dtype=torch.int32, device=near.device)
    column = torch.arange(first_column, int(left.max()) + 4, dtype=torch.int32, device=near.device)
    layer = torch.arange(layers, dtype=torch.int32, device=near.device)[:, None, None]
    words = torch.from_numpy(seed_words(seed)).to(near.device, non_blocking=True)
    first, second = words.T[..., None, None, None]
    place = number(row[:, None], column, layer).expand(len(seed), -1, -1, -1).clone()
    lattice = coefficients(place, first, second)
    narrow = _interpolate(lattice, top - first_row, down, 2)
    return _interpolate(narrow, left - first_column, across, 3)


def _interpolate(lattice: Tensor, first: NDArray[np.int64], weights: Floats, axis: int) -> Tensor:
    """Four coefficients of each place along an axis, summed in order, whatever the batch."""
    shape = [1, 1, 1, 1]
    shape[0], shape[axis] = first.shape
    start = torch.from_numpy(first).to(lattice.device, non_blocking=True).view(shape)
    extent = list(lattice.shape)
    extent[axis] = first.shape[1]
    weight = upload(np.moveaxis(weights, -1, 0), lattice).view(4, *shape)
    parts = (lattice.gather(axis, (start + k).expand(extent)) * weight[k] for k in range(4))
    return sum(parts, start=lattice.new_zeros(()))
