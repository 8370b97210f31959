"""Sample a batch in one form for all rows, whatever their warps: for devices, and for compilers.

Each row has its own extent: the picture may fill only the corner of its tensor, where it was
shrunk before.
"""

from __future__ import annotations

import torch
from torch import Tensor

from augpipe.execute.torch.types import Finish, Tensors, spread
from augpipe.execute.warp import HORIZON, NEAREST_NUDGE, Size
from augpipe.plan import BorderMode


def sample(
    pixels: Tensor,
    tensors: Tensors,
    out: Size,
    nearest: bool,
    mode: BorderMode,
    finish: Finish,
) -> Tensor:
    """The warped (B, 3, h, w) batch.

    Args:
        pixels: (B, 3, H, W).
        tensors: `matrix` (B, 3, 3) from output to input; `extent` (B, 2), the input's width and
            height; `low` and `high` (B, 2), within which x and y stay; `fill` (B, 3); `inset`
            (B, 4), outside of which is fill: top, left, bottom, right.
        out: the output's height and width.
        nearest: the nearest pixel, instead of four.
        mode: what lies beyond the input.
        finish: how pixels are handed on.
    """
    x, y = (_within(at, tensors, axis, mode) for axis, at in enumerate(_places(tensors, out)))
    if nearest:
        sampled = _tap(
            pixels, tensors, (x + NEAREST_NUDGE).floor(), (y + NEAREST_NUDGE).floor(), mode
        )
    else:
        sampled = _bilinear(pixels, tensors, x - 0.5, y - 0.5, mode)
    if mode == "constant":
        inside = _inside(tensors["inset"], out)[:, None]
        sampled = torch.where(inside, sampled, spread(tensors["fill"], 2))
    return finish(sampled)


def _places(tensors: Tensors, out: Size) -> tuple[Tensor, Tensor]:
    """(B, h, w) x and y in the input of the centres of all output pixels."""
    m = spread(tensors["matrix"], 2)
    y = torch.arange(out[0], device=m.device, dtype=torch.float32)[:, None] + 0.5
    x = torch.arange(out[1], device=m.device, dtype=torch.float32) + 0.5
    beyond = (x * m[:, 2, 0] + y * m[:, 2, 1] + m[:, 2, 2]).clamp(min=HORIZON)
    across = (x * m[:, 0, 0] + y * m[:, 0, 1] + m[:, 0, 2]) / beyond
    return across, (x * m[:, 1, 0] + y * m[:, 1, 1] + m[:, 1, 2]) / beyond


def _within(at: Tensor, tensors: Tensors, axis: int, mode: BorderMode) -> Tensor:
    """One coordinate, where the border puts it; a constant border begins one pixel outside."""
    low, high, extent = (spread(tensors[k][:, axis], 2) for k in ("low", "high", "extent"))
    at = at.maximum(low).minimum(high)
    if mode == "constant":
        return at.clamp(min=-1).minimum(extent + 1)
    if mode == "reflect":
        at = extent - (at.remainder(2 * extent) - extent).abs()
    return at.clamp(min=0.5).minimum(extent - 0.5)


def _bilinear(pixels: Tensor, tensors: Tensors, x: Tensor, y: Tensor, mode: BorderMode) -> Tensor:
    left, above = x.floor(), y.floor()
    across, down = (x - left)[:, None], (y - above)[:, None]
    upper, lower = (
        _tap(pixels, tensors, left, row, mode) * (1 - across)
        + _tap(pixels, tensors, left + 1, row, mode) * across
        for row in (above, above + 1)
    )
    return upper * (1 - down) + lower * down


def _tap(pixels: Tensor, tensors: Tensors, x: Tensor, y: Tensor, mode: BorderMode) -> Tensor:
    """(B, 3, h, w) float32: the pixels of those whole numbers, or fill where there are none."""
    width, height = (spread(tensors["extent"][:, axis], 2) for axis in range(2))
    column, row = (at.clamp(min=0).minimum(end - 1) for at, end in ((x, width), (y, height)))
    number = (row.long() * pixels.shape[3] + column.long()).flatten(1)[:, None]
    found = pixels.flatten(2).gather(2, number.expand(-1, 3, -1)).float()
    found = found.view(*found.shape[:2], *x.shape[1:])
    if mode != "constant":
        return found
    inside = ((column == x) & (row == y))[:, None]
    return torch.where(inside, found, spread(tensors["fill"], 2))


def _inside(inset: Tensor, out: Size) -> Tensor:
    """(B, h, w): whether a pixel of the output lies in the row's rectangle."""
    top, left, bottom, right = spread(inset, 2).unbind(dim=1)
    y = torch.arange(out[0], device=inset.device)[:, None]
    x = torch.arange(out[1], device=inset.device)
    return (x >= left) & (x < right) & (y >= top) & (y < bottom)
