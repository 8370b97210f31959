"""Noise on a batch, with torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.execute.field import hashed, normal_quantiles, seed_words, to_index, to_uniform
from augpipe.execute.torch.stage import Stage, acting
from augpipe.execute.torch.types import Given, Kernels, Tensors, Values, floats, like, spread


def words_of(seed: NDArray[Any], per_channel: NDArray[Any] | None = None) -> NDArray[np.int32]:
    """(B, 3): what `field` needs. Rows that are not `per_channel` repeat the first channel."""
    own = np.ones(len(seed)) if per_channel is None else per_channel
    return np.stack([own.astype(np.int32), *seed_words(seed).T], axis=1)


def field(pixels: Tensor, words: Tensor) -> Tensor:
    """(B, 3, H, W) random words for a batch."""
    height, width = pixels.shape[2:]
    device = pixels.device
    pixel = 3 * torch.arange(height * width, dtype=torch.int32, device=device).view(height, width)
    channel = torch.arange(3, dtype=torch.int32, device=device)[:, None, None]
    own, first, second = spread(words, 3).unbind(dim=1)
    drawn: Tensor = hashed(pixel + channel * own, first, second)
    return drawn


def _noise(values: Values, _: Given) -> Stage:
    words = words_of(values["seed"], values["per_channel"])
    arrays = {"words": words, **floats(deviation=values["deviation"])}
    return Stage(
        _add_noise,
        arrays,
        {"quantiles": normal_quantiles()},
        kinds=acting(np.any(values["deviation"], axis=1)),
    )


def _add_noise(pixels: Tensor, tensors: Tensors) -> Tensor:
    """Add normal noise whose deviation depends on the level."""
    normal = tensors["quantiles"][to_index(field(pixels, tensors["words"]))]
    deviation = tensors["deviation"].gather(1, pixels.flatten(1).long())
    return like(pixels, deviation.view_as(normal).mul_(normal).add_(pixels))


def _specks(values: Values, _: Given) -> Stage:
    words = words_of(values["seed"], values["per_channel"])
    arrays = {"words": words, **floats(limits=values["limits"], colors=values["colors"])}
    return Stage(
        _put_specks,
        arrays,
        kinds=acting(np.any(values["limits"], axis=1)),
    )


def _put_specks(pixels: Tensor, tensors: Tensors) -> Tensor:
    """Put the first colour where the field lies below the first limit, then the second."""
    share = to_uniform(field(pixels, tensors["words"]))
    low, high = spread(tensors["limits"], 3).unbind(dim=1)
    first, second = like(pixels, spread(tensors["colors"].clone(), 2)).unbind(dim=1)
    return torch.where(share < low, first, torch.where(share < high, second, pixels))


KERNELS: Kernels = {"noise": _noise, "specks": _specks}
