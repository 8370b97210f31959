"""Noise on a batch, with torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.execute.field import hashed, normal_quantiles, seed_words, to_index, to_uniform
from augpipe.execute.torch_types import Kernels, Values, like, upload


def field(pixels: Tensor, seed: NDArray[Any], per_channel: NDArray[Any] | None = None) -> Tensor:
    """(B, 3, H, W) random words for a batch; rows that are not `per_channel` repeat the first."""
    height, width = pixels.shape[2:]
    device = pixels.device
    pixel = 3 * torch.arange(height * width, dtype=torch.int32, device=device).view(height, width)
    channel = torch.arange(3, dtype=torch.int32, device=device)[:, None, None]
    own = np.ones(len(seed)) if per_channel is None else per_channel
    keys = np.stack([own.astype(np.int32), *seed_words(seed).T])
    own, first, second = torch.from_numpy(keys).to(device, non_blocking=True)[..., None, None, None]
    words: Tensor = hashed(pixel + channel * own, first, second)
    return words


def _noise(pixels: Tensor, values: Values) -> Tensor:
    """Add normal noise whose deviation depends on the level."""
    index = to_index(field(pixels, values["seed"], values["per_channel"]))
    normal = upload(normal_quantiles(), pixels)[index]
    deviation = upload(values["deviation"], pixels).gather(1, pixels.flatten(1).long())
    return like(pixels, deviation.view_as(normal).mul_(normal).add_(pixels))


def _specks(pixels: Tensor, values: Values) -> Tensor:
    """Put the first colour where the field lies below the first limit, then the second."""
    share = to_uniform(field(pixels, values["seed"], values["per_channel"]))
    low, high = upload(values["limits"].T, pixels)[..., None, None, None]
    first, second = (
        like(pixels, upload(color, pixels))[..., None, None]
        for color in values["colors"].swapaxes(0, 1)
    )
    return torch.where(share < low, first, torch.where(share < high, second, pixels))


KERNELS: Kernels = {"noise": _noise, "specks": _specks}
