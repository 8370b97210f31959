"""Carry out a plan on a whole batch, with torch, on any device.

The same plan, the same decisions (`execute.warp`) and the same rounding after every step as
`cv2_image`; pixels differ by the tolerances in `tests/cases.py`. All parameters are computed on
the host in float64 and reach the device together, which is never waited for.

On a CPU, memory is what takes time. So the batch goes through in pieces, each through all steps
while the processor's cache holds it, and each row through what it drew alone. Elsewhere all rows go
the same way at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from augpipe.errors import PlanError
from augpipe.execute.torch.carry import carry_out
from augpipe.execute.torch.compile import run_compiled
from augpipe.execute.torch.lower import lower
from augpipe.execute.torch.output import Empty, Gathered, Output, format_of
from augpipe.execute.torch.stage import Part, needs_whole, pick, pieces, upload
from augpipe.plan import Mix, Plan, Warp
from augpipe.rows import normalizes


@torch.no_grad()
def run(
    plan: Plan,
    images: Tensor,
    *,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format | None = None,
    empty: Empty | None = None,
    compiled: bool = False,
) -> Tensor:
    """Augment a batch.

    Args:
        plan: a plan of B rows, all of the batch's height and width.
        images: (B, 3, H, W), uint8, or float32 if already normalised.
        dtype: uint8, float16, bfloat16 or float32. None: uint8, or float32 after `normalize`.
            What was not normalised keeps its levels, 0 to 255, in any type.
        memory_format: torch.channels_last or torch.contiguous_format. None: that of the images.
        empty: where float32 pixels are to be put, on the device of the batch. On a CPU it takes
            longer to find new memory for them than to normalise.
        compiled: whether torch compiles it, once for each pipeline and size; see `torch_compile`.

    Returns:
        (B, 3, H', W') on the same device, in memory of its own.

    Raises:
        PlanError: another number of rows or another size than planned, sizes that differ, or an
            output of whole levels from normalised pictures. Or no rows, whose plan does not say in
            which size they would come out.
    """
    check(plan, images)
    if not len(plan):
        return _nothing(plan, images, Output(dtype, memory_format or format_of(images), empty))
    fixed = compiled or images.device.type != "cpu"
    parts = lower(plan, floating=images.is_floating_point(), fixed=fixed)
    output = Output(dtype, memory_format or format_of(images), empty)
    if compiled:
        return run_compiled(parts, images, output)
    loaded = upload(parts, len(plan), images.device)
    groups = [parts] if fixed else _groups(parts)
    with _on_one_thread():
        for number, group in enumerate(groups, 1):
            gathered = Gathered(len(plan), output if number == len(groups) else Output())
            for rows in _pieces(group, images):
                piece = pick(images, rows).contiguous()
                gathered.put(rows, carry_out(group, piece, loaded, rows))
            images = gathered.done
    return images


def _nothing(plan: Plan, images: Tensor, output: Output) -> Tensor:
    """What becomes of a batch without rows."""
    resized = [step for step in plan.steps if isinstance(step, Warp | Mix)]
    if resized:
        raise PlanError(
            f"{' + '.join(resized[0].ops)}: a plan without rows does not say in which size they "
            "come out; leave an empty batch out, or give it to AugmentBatch"
        )
    floats = any(map(normalizes, plan.steps))
    return output.like(images.shape, images.float() if floats else images)


@contextmanager
def _on_one_thread() -> Iterator[None]:
    """On a CPU, a piece that fits into one core's cache is not worth dividing.

    Two threads, with a loader's workers beside them, wait for each other longer than they work.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def check(plan: Plan, images: Tensor) -> None:
    """Refuse a batch that the plan was not made for.

    Raises:
        PlanError: see `run`.
    """
    sizes = np.unique(plan.size, axis=0).tolist() or [list(images.shape[2:])]
    given, planned = tuple(images.shape), (len(plan), 3, *sizes[0])
    if given != planned or len(sizes) > 1:
        raise PlanError(f"the plan is for pictures of shape {planned}, the batch has {given}")
    if images.dtype not in (torch.uint8, torch.float32):
        raise PlanError(f"pictures must be uint8 or float32, not {images.dtype}")


def _groups(parts: list[Part]) -> list[list[Part]]:
    """Parts between those that need the whole batch; these are groups of their own."""
    groups: list[list[Part]] = [[]]
    for part in parts:
        if needs_whole([part]):
            groups += [[part], []]
        else:
            groups[-1].append(part)
    return [group for group in groups if group] or [[]]


def _pieces(group: list[Part], images: Tensor) -> Iterator[range]:
    """The rows that go through the parts together."""
    together = images.device.type != "cpu" or needs_whole(group)
    return iter([range(len(images))]) if together else pieces(images)
