"""Filters on a batch, with torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from augpipe.execute.torch_types import Kernels, Values, like, upload


def _gaussian_blur(pixels: Tensor, values: Values) -> Tensor:
    """Two passes of weighted shifts; a convolution would let rows depend on the batch's size."""
    taps = upload(values["taps"], pixels)[..., None, None, None]
    radius = taps.shape[1] // 2
    blurred = pixels.float()
    for axis in (2, 3):
        wide = _reflect(blurred, radius, axis)
        blurred = torch.zeros_like(blurred)
        for place in range(2 * radius + 1):
            blurred.addcmul_(taps[:, place], wide.narrow(axis, place, pixels.shape[axis]))
    return like(pixels, blurred)


def _reflect(pixels: Tensor, radius: int, axis: int) -> Tensor:
    """Extend by reflection about the edge pixels' centres, as often as a small picture needs."""
    extent = pixels.shape[axis]
    at = torch.arange(-radius, extent + radius, device=pixels.device)
    period = max(2 * (extent - 1), 1)
    at = at.remainder(period)
    return pixels.index_select(axis, torch.minimum(at, period - at).clamp(max=extent - 1))


def _convolve(pixels: Tensor, values: Values) -> Tensor:
    """Weighted shifts, as above; places where no row has weight are left out."""
    taps = upload(values["taps"], pixels)[..., None, None, None]
    height, width = pixels.shape[2:]
    radius = taps.shape[1] // 2
    wide = _reflect(_reflect(pixels.float(), radius, 2), radius, 3)
    filtered = torch.zeros_like(pixels, dtype=torch.float32)
    for y, x in np.argwhere(values["taps"].any(axis=0)).tolist():
        filtered.addcmul_(taps[:, y, x], wide[:, :, y : y + height, x : x + width])
    return like(pixels, filtered)


def _median_blur(pixels: Tensor, values: Values) -> Tensor:
    sides = values["kernel_px"].astype(np.int64)
    blurred = pixels.clone()
    for side in np.unique(sides[sides > 1]).tolist():
        rows = torch.from_numpy(np.flatnonzero(sides == side)).to(pixels.device)
        blurred[rows] = _median(pixels[rows], side)
    return blurred


def _median(pixels: Tensor, side: int) -> Tensor:
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


def _downscale(pixels: Tensor, values: Values) -> Tensor:
    """Means of blocks as differences of sums; whole numbers add up exactly in any order."""
    sums = pad(pixels.long().cumsum(2).cumsum(3), (1, 0, 1, 0)).double()
    for axis, small in zip((2, 3), values["small"].T, strict=True):
        places, weights = _block_means(pixels.shape[axis], small, values["smooth"])
        total = torch.zeros_like(sums).narrow(axis, 0, pixels.shape[axis])
        for place, weight in zip(places, weights, strict=True):
            shape = (len(pixels), 1, -1, 1) if axis == 2 else (len(pixels), 1, 1, -1)
            at = torch.from_numpy(place).to(pixels.device, non_blocking=True).view(shape)
            share = torch.from_numpy(weight).to(pixels.device, non_blocking=True).view(shape)
            total = total + share * sums.gather(axis, at.expand_as(total))
        sums = total
    small = torch.from_numpy((values["small"] != pixels.shape[2:]).any(axis=1)).to(pixels.device)
    return torch.where(small[:, None, None, None], like(pixels, sums), pixels)


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
