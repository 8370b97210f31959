"""Tables that each picture's own levels ask for, with torch. All in whole numbers, so exact."""

from __future__ import annotations

import torch
from torch import Tensor

from augpipe.execute.torch.color import take
from augpipe.execute.torch.stage import Run, Stage, acting
from augpipe.execute.torch.types import Given, Kernels, Tensors, Values


def _auto_contrast(values: Values, _: Given) -> Stage:
    return _where_asked(_stretched, values, "stretch")


def _equalize(values: Values, _: Given) -> Stage:
    return _where_asked(_equalized, values, "equalize")


def _where_asked(run: Run, values: Values, name: str) -> Stage:
    """For the rows whose parameter of that name is not zero."""
    asked = values[name] > 0
    return Stage(
        run,
        {"asked": asked},
        kinds=acting(asked),
    )


def _stretched(pixels: Tensor, tensors: Tensors) -> Tensor:
    flat = pixels.flatten(2)
    low, high = flat.amin(dim=2, keepdim=True).long(), flat.amax(dim=2, keepdim=True).long()
    levels = _levels(pixels)
    stretched = ((levels - low) * 255).div((high - low).clamp(min=1), rounding_mode="floor")
    changes = tensors["asked"][:, None, None] & (high > low)
    return take(_table(changes, stretched), pixels)


def _equalized(pixels: Tensor, tensors: Tensors) -> Tensor:
    """Pillow's `ImageOps.equalize`: the brightest level that occurs does not count."""
    counts = histograms(pixels.flatten(2))
    below = counts.cumsum(dim=2) - counts
    # Below the brightest level that occurs lie all pixels but those of that level.
    step = torch.where(counts > 0, below, 0).amax(dim=2, keepdim=True) // 255
    table = (step // 2 + below).div(step.clamp(min=1), rounding_mode="floor")
    changes = tensors["asked"][:, None, None] & (step > 0)
    return take(_table(changes, table), pixels)


def _table(changes: Tensor, table: Tensor) -> Tensor:
    """(B, 3, 256) uint8: the table, where there is something to change."""
    return torch.where(changes, table, _levels(table)).clamp(0, 255).to(torch.uint8)


def _levels(near: Tensor) -> Tensor:
    return torch.arange(256, device=near.device)


def histograms(levels: Tensor) -> Tensor:
    """(..., 256) int64: how often each level occurs along the last axis."""
    counts = torch.zeros((*levels.shape[:-1], 256), dtype=torch.int64, device=levels.device)
    one = torch.ones((), dtype=torch.int64, device=levels.device)
    return counts.scatter_add_(-1, levels.long(), one.expand(levels.shape))


KERNELS: Kernels = {"auto_contrast": _auto_contrast, "equalize": _equalize}
