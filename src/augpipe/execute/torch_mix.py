"""Rows of a batch mixed with other rows of it, with torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from augpipe.errors import PlanError
from augpipe.execute.torch_types import Values, like, upload
from augpipe.plan import Mix, Plan


def run(step: Mix, pixels: Tensor) -> Tensor:
    """Each row of (B, 3, H, W) with its partner.

    Raises:
        PlanError: the partners are rows of a dataset, which only workers can open.
    """
    if step.parts:
        raise PlanError(
            f"torch has no kernel {step.name!r} for rows of a dataset, which workers open; on a "
            f"batch, {', '.join(_MIXERS)} mix its own rows: move the op to `batch`"
        )
    return _MIXERS[step.name](pixels, _rows(pixels, step.params["partner"]), step.params)


def _rows(of: Tensor, numbers: NDArray[np.int64]) -> Tensor:
    return of[torch.from_numpy(np.ascontiguousarray(numbers)).to(of.device, non_blocking=True)]


def _mixup(pixels: Tensor, others: Tensor, values: Values) -> Tensor:
    lam = upload(values["lam"], pixels)[:, None, None, None]
    return like(pixels, lam * pixels + (1 - lam) * others)


def _cutmix(pixels: Tensor, others: Tensor, values: Values) -> Tensor:
    x0, y0, x1, y1 = upload(values["rectangle"].T, pixels)[:, :, None, None]
    x = torch.arange(pixels.shape[3], device=pixels.device)
    y = torch.arange(pixels.shape[2], device=pixels.device)[:, None]
    inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    return torch.where(inside[:, None], others, pixels)


_MIXERS = {"cutmix": _cutmix, "mixup": _mixup}


def mix_labels(plan: Plan, labels: Tensor, classes: int) -> Tensor:
    """The labels of a batch after a plan for it.

    Args:
        plan: for the whole batch.
        labels: (B,) int64 classes, or (B, C) float32 distributions.
        classes: how many there are; not asked for where labels are distributions.

    Returns:
        As they were, if the plan mixes nothing; else (B, C) float32.
    """
    for step in plan.steps:
        if isinstance(step, Mix):
            if labels.ndim == 1:
                labels = one_hot(labels, classes).to(torch.float32)
            weight = upload(step.params["weight"], labels)[:, None]
            labels = weight * labels + (1 - weight) * _rows(labels, step.params["partner"])
    return labels
