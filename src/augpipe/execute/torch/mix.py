"""Rows of a batch mixed with other rows of it, with torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from augpipe.errors import PlanError
from augpipe.execute.torch.stage import Kind, Stage, pick, pieces
from augpipe.execute.torch.types import Given, Tensors, floats, like, spread
from augpipe.plan import Mix, Plan

# (pixels, their partners', tensors) -> pixels.
Mixer = Callable[[Tensor, Tensor, Tensors], Tensor]


def mix(step: Mix, _: Given) -> Stage:
    """Each row with its partner.

    Raises:
        PlanError: the partners are rows of a dataset, which only workers can open.
    """
    if step.parts:
        raise PlanError(
            f"torch has no kernel {step.name!r} for rows of a dataset, which workers open; on a "
            f"batch, {', '.join(_MIXERS)} mix its own rows: move the op to `batch`"
        )
    mixer, name = _MIXERS[step.name]
    partner = np.asarray(step.params["partner"], np.int64)
    arrays: dict[str, NDArray[Any]] = {"partner": partner}
    arrays |= floats(**{name: step.params[name]})
    every: list[Kind] = [True] * len(partner)
    return Stage(_mixed, arrays, options=(mixer,), kinds=every, alike=_in_pieces, whole=True)


def _mixed(pixels: Tensor, tensors: Tensors, mixer: Mixer) -> Tensor:
    return mixer(pixels, pixels[tensors["partner"]], tensors)


def _in_pieces(pixels: Tensor, tensors: Tensors, _: Kind, mixer: Mixer) -> Tensor:
    """The same where memory is what takes time."""
    done = torch.empty_like(pixels)
    for rows in pieces(pixels):
        own = {name: pick(tensor, rows) for name, tensor in tensors.items()}
        done[rows.start : rows.stop] = mixer(pick(pixels, rows), pixels[own["partner"]], own)
    return done


def _mixup(pixels: Tensor, others: Tensor, tensors: Tensors) -> Tensor:
    lam = spread(tensors["lam"], 3)
    return like(pixels, (lam * pixels.float()).add_((1 - lam) * others.float()))


def _cutmix(pixels: Tensor, others: Tensor, tensors: Tensors) -> Tensor:
    x0, y0, x1, y1 = spread(tensors["rectangle"], 2).unbind(dim=1)
    x = torch.arange(pixels.shape[3], device=pixels.device)
    y = torch.arange(pixels.shape[2], device=pixels.device)[:, None]
    inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    return torch.where(inside[:, None], others, pixels)


# What mixes, and the parameter that it needs besides the partner.
_MIXERS: dict[str, tuple[Mixer, str]] = {"cutmix": (_cutmix, "rectangle"), "mixup": (_mixup, "lam")}


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
            partner = _send(np.asarray(step.params["partner"], np.int64), labels)
            weight = _send(np.asarray(step.params["weight"], np.float32), labels)[:, None]
            labels = weight * labels + (1 - weight) * labels[partner]
    return labels


def _send(values: NDArray[Any], near: Tensor) -> Tensor:
    """Parameters on the device of `near`, without waiting for it."""
    host = torch.from_numpy(np.ascontiguousarray(values))
    return (host.pin_memory() if near.is_cuda else host).to(near.device, non_blocking=True)
