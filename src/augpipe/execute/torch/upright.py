"""Rows that stand upright, sampled along one axis after the other, on a CPU.

Where the output's axes run along the input's, bilinear sampling is two weighted sums: of
neighbouring columns, then of neighbouring lines. Torch sums lines of memory in one pass, for which
columns are transposed. To look up four pixels for each one takes several times as long.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (its name everywhere)

from augpipe.execute.torch.types import Tensors, floats
from augpipe.execute.warp import EPSILON, Size
from augpipe.plan import Floats

# Calls for each row take longer than they save where an output has fewer pixels than so many.
PAYS = 2**13


def stands_upright(matrix: Floats, out: Size) -> NDArray[np.bool_]:
    """(B,): which of the warps may go this way, if the picture is not left."""
    across = np.abs(matrix[:, [0, 1, 2, 2], [1, 0, 0, 1]]).max(axis=1)
    return np.asarray((across < EPSILON) & (out[0] * out[1] >= PAYS))


def taps(matrix: Floats, out: Size, extent: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """What `resample` needs of each row.

    Args:
        matrix: (B, 3, 3), output to input coordinates.
        out: the output's height and width.
        extent: (B, 2), the input's height and width.

    Returns:
        `window` (B, 4): top, left, bottom, right of what is looked at at all. `lines` and
        `columns` (B, 3 * n, 2): between which two of the window's those of the output lie, the
        channels' numbered one after the other. `down` and `across` (B, 3 * n, 2): how much of each
        of the two they show.
    """
    (lines, down, *rows), (columns, across, *sides) = (
        _along(matrix[:, 1 - axis, 1 - axis], matrix[:, 1 - axis, 2], out[axis], extent[:, axis])
        for axis in range(2)
    )
    edges = np.stack([rows[0], sides[0], rows[1], sides[1]], axis=1)
    shares = floats(down=down, across=across)
    return {"window": edges, "lines": lines, "columns": columns, **shares}


def _along(
    scale: Floats, start: Floats, count: int, extent: NDArray[np.int64]
) -> tuple[NDArray[Any], ...]:
    """Along one axis: the two places, their shares, and the window's ends."""
    last = extent[:, None] - 1
    at = (np.arange(count) + 0.5) * scale[:, None] + start[:, None] - 0.5
    at = at.clip(0, last)
    first = np.minimum(at.astype(np.int32), np.maximum(last - 1, 0))
    both = np.stack([first, np.minimum(first + 1, last)], axis=2, dtype=np.int32)
    low, high = both.min(axis=(1, 2)), both.max(axis=(1, 2)) + 1
    both -= low[:, None, None]
    channel = np.arange(3, dtype=np.int32)[:, None] * (high - low)[:, None, None]
    places = (both[:, None] + channel[..., None]).reshape(len(both), -1, 2)
    shares = np.tile(np.stack([first + 1 - at, at - first], axis=2), (1, 3, 1))
    return places, shares, low, high


def resample(pixels: Tensor, tensors: Tensors, out: Size) -> Tensor:
    """(B, 3, h, w) float32, not rounded."""
    done = []
    for row, (top, left, bottom, right) in enumerate(tensors["window"].tolist()):
        seen = pixels[row, :, top:bottom, left:right].float().transpose(1, 2)
        wide = _sums(seen, tensors["columns"][row], tensors["across"][row])
        done.append(_sums(wide.transpose(1, 2), tensors["lines"][row], tensors["down"][row]))
    return torch.stack(done) if len(done) > 1 else done[0][None]


def _sums(lines: Tensor, places: Tensor, shares: Tensor) -> Tensor:
    """(3, n, m): of the lines of (3, k, m), those at each place, weighted."""
    flat = lines.reshape(-1, lines.shape[2])
    sums = F.embedding_bag(places, flat, mode="sum", per_sample_weights=shares)
    return sums.view(3, -1, lines.shape[2])
