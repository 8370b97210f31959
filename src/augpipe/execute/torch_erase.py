"""Blots on a batch, with torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.execute.field import normal_quantiles, to_index, to_level
from augpipe.execute.torch_noise import field
from augpipe.execute.torch_types import Kernels, Values, like, upload

# What erases on a batch.
Erase = Callable[[Tensor, Values], Tensor]


def _where_erased(erase: Erase) -> Erase:
    """On a CPU, only the rows that have a box; elsewhere it takes longer to pick them."""

    def erased(pixels: Tensor, values: Values) -> Tensor:
        if pixels.device.type != "cpu":
            return erase(pixels, values)
        x0, y0, x1, y1 = np.moveaxis(values["boxes"], 2, 0)
        rows = np.flatnonzero(((x1 > x0) & (y1 > y0)).any(axis=1))
        done = pixels.clone()
        done[rows] = erase(pixels[rows], {name: value[rows] for name, value in values.items()})
        return done

    return erased


@_where_erased
def _erase(pixels: Tensor, values: Values) -> Tensor:
    return _fill(pixels, _holes(pixels, values["boxes"]), values["value"])


@_where_erased
def _erase_random(pixels: Tensor, values: Values) -> Tensor:
    words = field(pixels, values["seed"])
    normalized = pixels.dtype != torch.uint8
    content = upload(normal_quantiles(), pixels)[to_index(words)] if normalized else to_level(words)
    holes = _holes(pixels, values["boxes"])
    return torch.where(holes[:, None], content.to(pixels.dtype), pixels)


def _erase_grid(pixels: Tensor, values: Values) -> Tensor:
    unit, hole, top, left = (
        upload(value, pixels)[:, None]
        for value in (values["unit"], values["hole"], *values["offset"].T)
    )
    y, x = (torch.arange(extent, device=pixels.device) for extent in pixels.shape[2:])
    rows, columns = (y - top).remainder(unit) < hole, (x - left).remainder(unit) < hole
    return _fill(pixels, rows[:, :, None] & columns[:, None], values["value"])


def _fill(pixels: Tensor, holes: Tensor, value: NDArray[Any]) -> Tensor:
    """The (B, H, W) holes in one colour for each row."""
    color = like(pixels, upload(value, pixels)[:, :, None, None])
    return torch.where(holes[:, None], color, pixels)


def _holes(pixels: Tensor, boxes: NDArray[Any]) -> Tensor:
    """(B, H, W): whether a pixel lies in any of the row's boxes."""
    y, x = (torch.arange(extent, device=pixels.device)[:, None] for extent in pixels.shape[2:])
    left, top, right, bottom = upload(boxes.transpose(2, 0, 1), pixels)[:, :, None]
    rows, columns = (y >= top) & (y < bottom), (x >= left) & (x < right)
    # How many boxes cover a pixel: small whole numbers, which add up exactly in any order.
    return torch.bmm(rows.float(), columns.float().mT) > 0


KERNELS: Kernels = {"erase": _erase, "erase_grid": _erase_grid, "erase_random": _erase_random}
