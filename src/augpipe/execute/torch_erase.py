"""Blots on a batch, with torch."""

from __future__ import annotations

import torch
from torch import Tensor

from augpipe.execute.torch_types import Kernels, Values, like, upload


def _erase(pixels: Tensor, values: Values) -> Tensor:
    left, top, right, bottom = upload(values["box"].T, pixels)[:, :, None, None]
    y = torch.arange(pixels.shape[2], device=pixels.device)[None, :, None]
    x = torch.arange(pixels.shape[3], device=pixels.device)[None, None, :]
    hole = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    value = upload(values["value"], pixels)[:, :, None, None]
    return torch.where(hole[:, None], like(pixels, value), pixels)


KERNELS: Kernels = {"erase": _erase}
