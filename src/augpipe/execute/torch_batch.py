"""Carry out a plan on a whole batch, with torch, on any device.

The same plan, the same decisions (`execute.warp`) and the same rounding after every step as
`cv2_image`; pixels differ by the tolerances in `tests/cases.py`. All parameters are computed on
the host in float64, so the device is never waited for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from augpipe.errors import PlanError, suggest, within
from augpipe.execute import (
    torch_clahe,
    torch_color,
    torch_displace,
    torch_domain,
    torch_erase,
    torch_filter,
    torch_generator,
    torch_histogram,
    torch_mix,
    torch_noise,
    torch_weather,
)
from augpipe.execute.torch_types import Kernels, like, upload
from augpipe.execute.torch_warp import run_warp
from augpipe.plan import Branch, Kernel, Lookup, Mix, Plan, Recolor, Step, Warp
from augpipe.rows import take_rows

KERNELS: Kernels = {
    **torch_clahe.KERNELS,
    **torch_color.KERNELS,
    **torch_displace.KERNELS,
    **torch_domain.KERNELS,
    **torch_erase.KERNELS,
    **torch_filter.KERNELS,
    **torch_generator.KERNELS,
    **torch_histogram.KERNELS,
    **torch_noise.KERNELS,
    **torch_weather.KERNELS,
    "barrier": lambda pixels, _: pixels,
}


# Makes a float32 tensor of a shape and any content.
Empty = Callable[[torch.Size], Tensor]


@torch.no_grad()
def run(plan: Plan, images: Tensor, *, empty: Empty | None = None) -> Tensor:
    """Augment a batch.

    Args:
        plan: a plan of B rows, all of the batch's height and width.
        images: (B, 3, H, W), uint8, or float32 if already normalised.
        empty: where normalised pixels are to be put, on the device of the batch. On a CPU it takes
            longer to find new memory for them than to normalise.

    Returns:
        (B, 3, H', W') on the same device; uint8 in gives uint8 out unless `normalize` takes part.

    Raises:
        PlanError: another number of rows or another size than planned, or sizes that differ.
    """
    _check(plan, images)
    for step in plan.steps:
        with within(" + ".join(step.ops)):
            if empty and isinstance(step, Kernel) and step.name == "normalize":
                images = torch_color.normalize(images, step.params, empty(images.shape))
            else:
                images = _apply(step, images)
    return images


def _check(plan: Plan, images: Tensor) -> None:
    given, planned = tuple(images.shape), (len(plan), 3, *plan.size[0].tolist())
    if given != planned or np.ptp(plan.size, axis=0).any():
        raise PlanError(f"the plan is for pictures of shape {planned}, the batch has {given}")
    if images.dtype not in (torch.uint8, torch.float32):
        raise PlanError(f"pictures must be uint8 or float32, not {images.dtype}")


def _branch(branch: Branch, pixels: Tensor) -> Tensor:
    """The weighted sum of the ways that each row takes; a way is gone by its rows together."""
    total = torch.zeros_like(pixels, dtype=torch.float32)
    for weight, way in zip(branch.weights.T, branch.ways, strict=True):
        rows = np.flatnonzero(weight)
        where = torch.from_numpy(rows).to(pixels.device, non_blocking=True)
        part = pixels[where]
        for step in way if len(rows) else ():
            part = _apply(take_rows(step, rows), part)
        total[where] += upload(weight[rows], total)[:, None, None, None] * part
    return like(pixels, total)


def _apply(step: Step, pixels: Tensor) -> Tensor:
    """The step's result; uint8 stays uint8 after every step but `normalize`."""
    if isinstance(step, Branch):
        return _branch(step, pixels)
    if isinstance(step, Mix):
        return torch_mix.run(step, pixels)
    if isinstance(step, Warp):
        return like(pixels, run_warp(step, pixels))
    if isinstance(step, Recolor):
        return like(pixels, torch_color.recolor(step, pixels))
    if isinstance(step, Lookup):
        return torch_color.look_up(step, pixels)
    if step.name not in KERNELS:
        raise PlanError(f"torch has no kernel {step.name!r}; {suggest(step.name, KERNELS)}")
    return KERNELS[step.name](pixels, step.params)
