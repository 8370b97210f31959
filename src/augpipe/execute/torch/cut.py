"""Rows that compute no pixel, on a CPU: cut out of the picture, turned, and put into fill.

NumPy's way to a part of a picture is a few times as short as torch's, and for small pictures that
way is what takes time. But NumPy mirrors one pixel after the other, and torch a register full.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.execute.decide import crops_within
from augpipe.execute.warp import Size
from augpipe.plan import Floats

# The kind of these rows.
CUT = "cut"


def cuts_of(
    matrix: Floats, filled: NDArray[np.int64], source: Size
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which rows go this way, and how.

    Args:
        matrix: (B, 3, 3), output to input coordinates.
        filled: (B, 4), what of the output the picture fills: top, left, bottom, right.
        source: the input's height and width.

    Returns:
        (B,); and (B, 11): what is cut out of the input, as top, left, bottom, right; whether it is
        transposed, turned upside down, mirrored; what it fills of the output.
    """
    found = crops_within(matrix, filled, source)
    turns = found.transpose, found.flip_y, found.flip_x
    return found.exact, np.column_stack([found.crop, *turns, filled])


def cut(pixels: Tensor, cuts: Tensor, fill: Tensor, out: Size) -> Tensor:
    """(B, 3, h, w) of size `out`, in the type of the pixels.

    Args:
        pixels: (B, 3, H, W).
        cuts: (B, 11); see `cuts_of`.
        fill: (B, 3), what lies beside the picture.
        out: the output's height and width.
    """
    done = pixels.new_empty((*pixels.shape[:2], *out))
    source, target, around = pixels.detach().numpy(), done.numpy(), fill.numpy()[..., None, None]
    for row, (y0, x0, y1, x1, *turns, top, left, bottom, right) in enumerate(cuts.tolist()):
        if (top, left, bottom, right) != (0, 0, *out):
            target[row] = around[row]
        target[row, :, top:bottom, left:right] = _turn(source[row, :, y0:y1, x0:x1], *turns)
    return done


def _turn(part: NDArray[Any], transpose: int, flip_y: int, flip_x: int) -> NDArray[Any]:
    part = part.swapaxes(1, 2) if transpose else part
    axes = [axis for axis, flip in ((1, flip_y), (2, flip_x)) if flip]
    return torch.from_numpy(part).flip(axes).numpy() if axes else part
