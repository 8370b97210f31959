"""Carry out a plan on a whole batch with Triton: as few kernels as there are segments.

The same plan, the same decisions and the same rounding after every step as `torch_batch`. All
parameters of a segment reach the device in one copy, which nothing waits for.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from triton import cdiv

from augpipe.errors import within
from augpipe.execute.field import normal_quantiles
from augpipe.execute.torch import batch as torch_batch
from augpipe.execute.torch.batch import check
from augpipe.execute.torch.output import Empty, Output, format_of
from augpipe.execute.triton.kernels import blurred, fused, summed
from augpipe.execute.triton.program import Program, assemble
from augpipe.execute.triton.segments import Segment, cut
from augpipe.execute.triton.words import Words, put_taps
from augpipe.execute.warp import Size
from augpipe.plan import Kernel, Plan, Warp

# Pixels in a block: more where they are read in order. Not tuned yet.
_IN_ORDER, _GATHERED = 1024, 256

# A processor rounds a product before it is added to. So do these kernels, and colours are the same
# to the bit on all devices.
_OPTIONS: dict[str, Any] = {"num_warps": 4, "enable_fp_fusion": False}

# What is done where there is nothing to do.
_NOTHING = Segment("torch", (), levels=True)


@torch.no_grad()
def run(
    plan: Plan,
    images: Tensor,
    *,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format | None = None,
    empty: Empty | None = None,
) -> Tensor:
    """Augment a batch, as `torch_batch.run` does.

    Args:
        plan: a plan of B rows, all of the batch's height and width.
        images: (B, 3, H, W), uint8, or float32 if already normalised, on a CUDA device.
        dtype: uint8, float16, bfloat16 or float32. None: uint8, or float32 after `normalize`.
        memory_format: None keeps that of the batch.
        empty: where normalised float32 pixels are to be put.

    Raises:
        PlanError: another number of rows or another size than planned, or sizes that differ.
    """
    check(plan, images)
    if not len(plan):  # no kernel runs in no blocks
        return torch_batch.run(plan, images, dtype=dtype, memory_format=memory_format, empty=empty)
    *rest, last = cut(plan.steps, levels=images.dtype is torch.uint8) or (_NOTHING,)
    form = memory_format or format_of(images)
    with torch.cuda.device(images.get_device()):
        for segment in rest:
            images = _carry_out(segment, images, Output(memory_format=form))
        return _carry_out(last, images, Output(dtype, form, empty))


def _carry_out(segment: Segment, images: Tensor, output: Output) -> Tensor:
    if segment.where == "torch":
        plan = Plan(np.tile(images.shape[2:], (len(images), 1)), segment.steps)
        return torch_batch.run(
            plan,
            images,
            dtype=output.dtype,
            memory_format=output.memory_format,
            empty=output.empty,
        )
    with within(segment.ops):
        images = images.contiguous(memory_format=format_of(images))
        return (_fuse if segment.where == "fused" else _blur)(segment, images, output)


def _fuse(segment: Segment, images: Tensor, output: Output) -> Tensor:
    """One kernel for all of the steps; before it, one for each mean that colour maps want."""
    source, out = _size(images), _size(images)
    if isinstance(first := segment.steps[0], Warp):
        out = int(first.size[0, 0]), int(first.size[0, 1])
    program = assemble(segment, len(images), out, source)
    result = _empty(output, images, out, program.levels)
    block = _GATHERED if program.gathers else _IN_ORDER
    grid = (len(images) * cdiv(out[0] * out[1], block),)
    common = _inputs(program, images, out) | {"block": block} | _OPTIONS
    for slot, before in enumerate(program.measured):
        if before:
            summed[grid](slot=slot, **common, **before)
    fused[grid](result=result, out_step=_step(result), **common, **program.arguments())
    return result


def _inputs(program: Program, images: Tensor, out: Size) -> dict[str, Any]:
    """What all kernels of a segment are given."""
    words = _upload(program.words, images.device)
    slots = len(program.measured)
    shape = (len(images), slots, 3)
    return {
        "pixels": images,
        "words": words,
        "sums": torch.zeros(shape, dtype=torch.int64, device=images.device) if slots else words,
        "normals": _normals(images.device) if program.wants_normals else words,
        "stride": words.shape[1],
        "slots": slots,
        "step": _step(images),
        "height": images.shape[2],
        "width": images.shape[3],
        "out_height": out[0],
        "out_width": out[1],
    }


def _blur(segment: Segment, images: Tensor, output: Output) -> Tensor:
    """Down, into whole and broken levels; then across, rounded."""
    (taps,) = (step.params["taps"] for step in segment.steps if isinstance(step, Kernel))
    words = Words(len(images))
    put_taps(words, taps)
    uploaded = _upload(words, images.device)
    size = _size(images)
    between = torch.empty_like(images, dtype=torch.float32)
    result = _empty(output, images, size, segment.levels)
    grid = (len(images) * cdiv(size[0] * size[1], _GATHERED),)
    for pixels, into, down in ((images, between, True), (between, result, False)):
        blurred[grid](
            pixels=pixels,
            words=uploaded,
            result=into,
            stride=uploaded.shape[1],
            radius=taps.shape[1] // 2,
            step=_step(pixels),
            out_step=_step(into),
            height=size[0],
            width=size[1],
            down=down,
            levels=segment.levels and not down,
            block=_GATHERED,
            **_OPTIONS,
        )
    return result


def _size(images: Tensor) -> Size:
    return images.shape[2], images.shape[3]


def _empty(output: Output, images: Tensor, size: Size, levels: bool) -> Tensor:
    """Memory for what comes out, which are levels or are not."""
    kind = images.new_empty(0, dtype=torch.uint8 if levels else torch.float32)
    return output.like(torch.Size((len(images), 3, *size)), kind)


def _step(images: Tensor) -> int:
    """How far apart the pixels of one channel lie."""
    return 3 if format_of(images) is torch.channels_last else 1


def _upload(words: Words, device: torch.device) -> Tensor:
    """(B, n) int32, in one copy that nothing waits for."""
    host = torch.from_numpy(words.packed())
    if device.type == "cuda":
        host = host.pin_memory()
    return host.to(device, non_blocking=True)


@cache
def _normals(device: torch.device) -> Tensor:
    return torch.from_numpy(normal_quantiles()).to(device)
