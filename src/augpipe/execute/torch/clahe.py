"""Contrast limited adaptive histogram equalization of a batch, with torch; OpenCV's definition."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from augpipe.execute.torch.histogram import histograms
from augpipe.execute.torch.stage import Stage, acting
from augpipe.execute.torch.types import Given, Kernels, Tensors, Values


def _clahe(values: Values, given: Given) -> Stage:
    rows, columns = values["tiles"][0].tolist()
    side = -(-given.size[0] // rows), -(-given.size[1] // columns)
    # At the least one pixel of each level; as in OpenCV, and decided on the host in float64.
    most = np.maximum((values["clip_limit"] * (side[0] * side[1]) / 256).astype(np.int64), 1)
    changes = values["clip_limit"] > 0
    return Stage(
        _equalize_tiles,
        {"most": most, "changes": changes},
        options=((rows, columns), side),
        kinds=acting(changes),
    )


def _equalize_tiles(
    pixels: Tensor, tensors: Tensors, grid: tuple[int, int], side: tuple[int, int]
) -> Tensor:
    """Equalize the luma; what it gains is added to all channels."""
    luma = _luma(pixels)
    tables = _tables(_tiles(luma, *grid), tensors["most"][:, None, None])
    lifted = _interpolate(tables, luma, grid, side)
    done = (pixels + (lifted - luma)[:, None]).clamp_(0, 255).to(torch.uint8)
    return torch.where(tensors["changes"][:, None, None, None], done, pixels)


def _luma(pixels: Tensor) -> Tensor:
    """(B, H, W) int64, 0 to 255: OpenCV's conversion to grey, in its fixed point."""
    r, g, b = pixels.long().unbind(dim=1)
    return (9798 * r + 19235 * g + 3735 * b + (1 << 14)) >> 15


def _tiles(luma: Tensor, rows: int, columns: int) -> Tensor:
    """(B, rows * columns, pixels of a tile), reflected where the tiles leave the picture."""
    batch, height, width = luma.shape
    wide = luma.index_select(1, _reflected(height, rows, luma))
    wide = wide.index_select(2, _reflected(width, columns, luma))
    cells = wide.view(batch, rows, wide.shape[1] // rows, columns, wide.shape[2] // columns)
    return cells.transpose(2, 3).flatten(3).flatten(1, 2)


def _reflected(extent: int, parts: int, near: Tensor) -> Tensor:
    """Pixel numbers, extended by reflection about the last one to a multiple of `parts`."""
    period = max(2 * (extent - 1), 1)
    at = torch.arange(extent + -extent % parts, device=near.device).remainder(period)
    return torch.minimum(at, period - at).clamp(max=extent - 1)


def _tables(parts: Tensor, most: Tensor) -> Tensor:
    """(B, tiles, 256) float32: each tile's equalization, no level counting more than `most`."""
    counts = histograms(parts)
    kept = counts.minimum(most)
    excess = (counts - kept).sum(dim=2, keepdim=True)
    # What was cut off is spread over all levels, what remains of that over every so manyth.
    remainder = excess % 256
    stride = (256 // remainder.clamp(min=1)).clamp(min=1)
    level = torch.arange(256, device=parts.device)
    extra = (level % stride == 0) & (level // stride < remainder)
    total = (kept + excess // 256 + extra).cumsum(dim=2)
    scale = float(np.float32(255 / parts.shape[2]))
    return (total.float() * scale).round_().clamp_(0, 255)


def _interpolate(
    tables: Tensor, luma: Tensor, grid: tuple[int, int], side: tuple[int, int]
) -> Tensor:
    """(B, H, W) int64: each pixel through the tables of the four tiles around it, bilinearly."""
    (above, below, down), (left, right, across) = (
        _neighbours(extent, parts, length, luma)
        for extent, parts, length in zip(luma.shape[1:], grid, side, strict=True)
    )
    flat = tables.flatten(1)

    def through(row: Tensor, column: Tensor) -> Tensor:
        tile = row[:, None] * grid[1] + column
        return flat.gather(1, (tile * 256 + luma).flatten(1)).view_as(luma)

    upper = through(above, left) * (1 - across) + through(above, right) * across
    lower = through(below, left) * (1 - across) + through(below, right) * across
    down = down[:, None]
    return (upper * (1 - down) + lower * down).round_().long()


def _neighbours(
    extent: int, parts: int, length: int, near: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The tile before and the one after each pixel, and how far it lies between their centres."""
    place = torch.arange(extent, device=near.device) * float(np.float32(1 / length)) - 0.5
    before = place.floor()
    number = before.long()
    return number.clamp(min=0), (number + 1).clamp(max=parts - 1), place - before


KERNELS: Kernels = {"clahe": _clahe}
