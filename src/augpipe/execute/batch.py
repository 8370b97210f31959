"""Which executor carries out a plan on a batch: Triton's kernels on CUDA, else torch."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from augpipe.execute.torch import batch as torch_batch
from augpipe.execute.torch.output import Empty
from augpipe.plan import Plan


def run(
    plan: Plan,
    images: Tensor,
    *,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format | None = None,
    empty: Empty | None = None,
    compiled: bool = False,
) -> Tensor:
    """Augment a batch where it lies.

    Args:
        plan: a plan of B rows, all of the batch's height and width.
        images: (B, 3, H, W), uint8, or float32 if already normalised.
        dtype: uint8, float16, bfloat16 or float32. None: uint8, or float32 after `normalize`.
        memory_format: None leaves it to the steps.
        empty: where normalised float32 pixels are to be put, on the device of the batch.
        compiled: whether torch compiles it; it then takes the place of Triton's kernels.

    Returns:
        (B, 3, H', W') on the same device.

    Raises:
        PlanError: another number of rows or another size than planned, or sizes that differ.
    """
    output: dict[str, Any] = {"dtype": dtype, "memory_format": memory_format, "empty": empty}
    if images.is_cuda and has_triton() and not compiled:
        from augpipe.execute.triton import batch as triton_batch

        return triton_batch.run(plan, images, **output)
    return torch_batch.run(plan, images, **output, compiled=compiled)


@cache
def has_triton() -> bool:
    """Whether Triton can be imported. Torch brings it along on Linux, for CUDA."""
    return find_spec("triton") is not None
