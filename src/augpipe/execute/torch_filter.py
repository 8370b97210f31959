"""Filters on a batch, with torch."""

from __future__ import annotations

import torch
from torch import Tensor

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


KERNELS: Kernels = {"gaussian_blur": _gaussian_blur}
