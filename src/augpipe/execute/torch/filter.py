"""Filters on a batch, with torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from augpipe.execute.torch.stage import Kind, Stage, acting
from augpipe.execute.torch.types import (
    Finish,
    Given,
    Kernels,
    Tensors,
    Values,
    floats,
    like,
    spread,
)

# A table of more taps than this is not unrolled for a compiler.
_FEW_TAPS = 25


def _gaussian_blur(values: Values, given: Given) -> Stage:
    taps = values["taps"]
    radius = taps.shape[1] // 2
    distance = abs(np.arange(-radius, radius + 1))
    reach = np.where(taps != 0, distance, 0).max(axis=1)
    kinds: list[Kind] = [own or None for own in reach.tolist()]
    return Stage(
        _blur,
        floats(taps=taps),
        options=(radius, given.finish),
        kinds=kinds,
        alike=_blur_alike,
        floats=True,
    )


def _blur_alike(
    pixels: Tensor, tensors: Tensors, radius: int, widest: int, finish: Finish
) -> Tensor:
    """No row's taps reach farther than that radius: the others would add zeros."""
    taps = tensors["taps"].narrow(1, widest - radius, 2 * radius + 1)
    return _blur(pixels, {"taps": taps}, radius, finish)


def _blur(pixels: Tensor, tensors: Tensors, radius: int, finish: Finish) -> Tensor:
    """Two passes of weighted shifts; a convolution would let rows depend on the batch's size."""
    taps = spread(tensors["taps"], 3)
    blurred = pixels.float()
    for axis in (2, 3):
        wide = _reflect(blurred, radius, axis)
        blurred = torch.zeros_like(blurred)
        for place in range(2 * radius + 1):
            blurred.addcmul_(taps[:, place], wide.narrow(axis, place, pixels.shape[axis]))
    return finish(blurred)


def _reflect(pixels: Tensor, radius: int, axis: int) -> Tensor:
    """Extend by reflection about the edge pixels' centres, as often as a small picture needs."""
    extent = pixels.shape[axis]
    at = torch.arange(-radius, extent + radius, device=pixels.device)
    period = max(2 * (extent - 1), 1)
    at = at.remainder(period)
    return pixels.index_select(axis, torch.minimum(at, period - at).clamp(max=extent - 1))


def _convolve(values: Values, given: Given) -> Stage:
    taps = values["taps"]
    few = taps[0].size <= _FEW_TAPS
    every = np.ones_like(taps[0]) if few and given.fixed else taps.any(axis=0)
    places = tuple(map(tuple, np.argwhere(every).tolist()))
    still = np.zeros_like(taps[0])
    still[taps.shape[1] // 2, taps.shape[2] // 2] = 1
    return Stage(
        _sum_shifted,
        floats(taps=taps),
        options=(places, given.finish),
        kinds=acting(np.any(taps != still, axis=(1, 2))),
        fixed=few,
        floats=True,
    )


def _sum_shifted(
    pixels: Tensor, tensors: Tensors, places: tuple[tuple[int, int], ...], finish: Finish
) -> Tensor:
    """Weighted shifts, as above; places where no row has weight are left out."""
    taps = spread(tensors["taps"], 3)
    height, width = pixels.shape[2:]
    radius = taps.shape[1] // 2
    wide = _reflect(_reflect(pixels.float(), radius, 2), radius, 3)
    filtered = torch.zeros_like(pixels, dtype=torch.float32)
    for y, x in places:
        filtered.addcmul_(taps[:, y, x], wide[:, :, y : y + height, x : x + width])
    return finish(filtered)


def _median_blur(values: Values, _: Given) -> Stage:
    sides = values["kernel_px"].astype(np.int64).tolist()
    kinds: list[Kind] = [side if side > 1 else None for side in sides]
    return Stage(None, kinds=kinds, alike=_median, fixed=False)


def _median(pixels: Tensor, _: Tensors, side: int) -> Tensor:
    """Bit by bit: the largest level below which lie fewer than half of the window's pixels."""
    height, width = pixels.shape[2:]
    # Not all modes of padding take uint8; 16-bit floats hold its levels exactly.
    wide = pad(pixels.half(), [side // 2] * 4, mode="replicate").to(torch.uint8)
    windows = [wide[:, :, y : y + height, x : x + width] for y in range(side) for x in range(side)]
    median = torch.zeros_like(pixels)
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):
        level = median + bit
        below = torch.zeros_like(pixels, dtype=torch.int16)
        for window in windows:
            below += window < level
        median = torch.where(below <= side**2 // 2, level, median)
    return median


def _downscale(values: Values, given: Given) -> Stage:
    arrays: dict[str, NDArray[Any]] = {}
    for axis, extent in enumerate(given.size):
        places, weights = _block_means(extent, values["small"][:, axis], values["smooth"])
        arrays |= {f"places{axis}": places.swapaxes(0, 1), f"weights{axis}": weights.swapaxes(0, 1)}
    small = (values["small"] != given.size).any(axis=1)
    return Stage(_mean_blocks, {**arrays, "small": small}, kinds=acting(small))


def _mean_blocks(pixels: Tensor, tensors: Tensors) -> Tensor:
    """Means of blocks as differences of sums; whole numbers add up exactly in any order."""
    sums = pad(pixels.long().cumsum(2).cumsum(3), (1, 0, 1, 0)).double()
    for axis in (2, 3):
        shape = (len(pixels), 1, -1, 1) if axis == 2 else (len(pixels), 1, 1, -1)
        total = torch.zeros_like(sums).narrow(axis, 0, pixels.shape[axis])
        places, weights = (tensors[f"{name}{axis - 2}"] for name in ("places", "weights"))
        for place, weight in zip(places.unbind(dim=1), weights.unbind(dim=1), strict=True):
            at = place.reshape(shape).expand_as(total)
            total = total + weight.reshape(shape) * sums.gather(axis, at)
        sums = total
    return torch.where(spread(tensors["small"], 3), like(pixels, sums), pixels)


def _block_means(
    extent: int, small: NDArray[Any], smooth: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """What to read from running sums along one axis, to shrink to `small` and enlarge again.

    Returns:
        (8, B, extent) places among extent + 1 sums, and their weights: two blocks, each with two
        ends, each of which lies between two pixels.
    """
    small = small[:, None]
    centre = (2 * np.arange(extent) + 1) * small  # in halves of 1 / extent small pixels
    smooth = smooth[:, None]
    first = np.where(smooth, (centre - extent) // (2 * extent), centre // (2 * extent))
    share = np.where(smooth, (centre - extent) / (2 * extent) - first, 0.0)
    places, weights = [], []
    for block, part in ((first, 1 - share), (first + 1, share)):
        block = block.clip(0, small - 1)
        for end, sign in ((block + 1, 1), (block, -1)):
            edge = end * extent / small
            below = np.floor(edge)
            for place, near in ((below, 1 - (edge - below)), (below + 1, edge - below)):
                places.append(place.clip(0, extent).astype(np.int64))
                weights.append(sign * part * near * small / extent)
    return np.stack(places), np.stack(weights)


KERNELS: Kernels = {
    "convolve": _convolve,
    "downscale": _downscale,
    "gaussian_blur": _gaussian_blur,
    "median_blur": _median_blur,
}
