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
from augpipe.execute.torch.types import Finish
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


def cut(pixels: Tensor, cuts: Tensor, fill: Tensor, out: Size, finish: Finish) -> Tensor:
    """(B, 3, h, w) of size `out`, in the type of the pixels; of one row, it may be a view.

    Args:
        pixels: (B, 3, H, W).
        cuts: (B, 11); see `cuts_of`.
        fill: (B, 3), what lies beside the picture.
        out: the output's height and width.
        finish: how the fill is handed on.
    """
    rows, whole, source = cuts.tolist(), [0, 0, *out], pixels.detach().numpy()
    if len(rows) == 1 and rows[0][7:] == whole:
        return torch.from_numpy(_part(source[0], *rows[0][:7]))[None]
    done = pixels.new_empty((*pixels.shape[:2], *out))
    target, around = done.numpy(), finish(fill.clone()).numpy()[..., None, None]
    for row, how in enumerate(rows):
        top, left, bottom, right = filled = how[7:]
        if filled != whole:
            target[row] = around[row]
        target[row, :, top:bottom, left:right] = _part(source[row], *how[:7])
    return done


def _part(
    picture: NDArray[Any],
    top: int,
    left: int,
    bottom: int,
    right: int,
    transpose: int,
    flip_y: int,
    flip_x: int,
) -> NDArray[Any]:
    part = picture[:, top:bottom, left:right]
    part = part.swapaxes(1, 2) if transpose else part
    axes = [axis for axis, flip in ((1, flip_y), (2, flip_x)) if flip]
    return torch.from_numpy(part).flip(axes).numpy() if axes else part
