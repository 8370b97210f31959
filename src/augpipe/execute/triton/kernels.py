"""Triton's kernels for a batch: all steps of a segment in one, sums of levels, and blurs.

What a kernel does is compiled in: where pixels come from, then the steps up to a mix, the mix, and
the steps behind it, as functions of `triton_sample`, `triton_color` and `triton_blots`, each with
the place of its words. Parameters, and how many rows there are, are not. A block is a run of pixels
of one row, all three channels of them.
"""

# Triton ships no types: its decorator hides those of what it compiles.
# mypy: allow-untyped-decorators, no-warn-return-any

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl

from augpipe.execute.triton.values import Picture, Place, Rgb, number, read, rounded_color


class Batch(NamedTuple):
    """What comes in, for all rows.

    Attributes:
        pixels: (B, 3, H, W) uint8 or float32, or the same in channels_last.
        words: (B, stride) int32, the parameters, see `triton_words`.
        sums: (B, slots, 3) int64, see `Place`.
        normals: see `Place`.
        stride: how many words a row has.
        slots: how many sums.
        step: from one pixel to the next; 3 in channels_last, else 1.
        height: of the pictures that come in.
        width: of these.
        out_height: of those that go out.
        out_width: of those.
    """

    pixels: tl.tensor
    words: tl.tensor
    sums: tl.tensor
    normals: tl.tensor
    stride: tl.tensor
    slots: tl.constexpr
    step: tl.constexpr
    height: tl.tensor
    width: tl.tensor
    out_height: tl.tensor
    out_width: tl.tensor


@triton.jit
def _block(count: tl.tensor, block: tl.constexpr) -> tuple[tl.tensor, tl.tensor]:
    """Which row this program is for, and which pixels of it."""
    tiles = tl.cdiv(count, block)
    row, tile = tl.program_id(0) // tiles, tl.program_id(0) % tiles
    return row, tile * block + tl.arange(0, block)


@triton.jit
def _picture(
    pixels: tl.tensor, row: tl.tensor, step: tl.constexpr, height: tl.tensor, width: tl.tensor
) -> Picture:
    """One row of a batch. All of it may hold more pixels than 32 bits count; one picture not."""
    count = height * width
    plane = 1 if step == 3 else count
    return Picture(pixels + row.to(tl.int64) * (3 * count), step, plane, height, width)


@triton.jit
def _place(batch: Batch, row: tl.tensor, pixel: tl.tensor) -> Place:
    count = batch.out_height * batch.out_width
    own = batch.words + row.to(tl.int64) * batch.stride
    sums = batch.sums + row * (3 * batch.slots)
    y, x = pixel // batch.out_width, pixel % batch.out_width
    return Place(y, x, pixel, pixel < count, own, sums, count, batch.normals)


@triton.jit
def _through(rgb: Rgb, place: Place, steps: tl.constexpr) -> Rgb:
    for i in tl.static_range(len(steps)):
        rgb = steps[i][0](rgb, place, steps[i][1], steps[i][2])
    return rgb


@triton.jit
def _unmixed(
    batch: Batch, row: tl.tensor, place: Place, source: tl.constexpr, steps: tl.constexpr
) -> Rgb:
    picture = _picture(batch.pixels, row, batch.step, batch.height, batch.width)
    levels: tl.constexpr = batch.pixels.dtype.element_ty == tl.uint8
    rgb = source[0](picture, place, source[1], levels, source[2], source[3])
    return _through(rgb, place, steps)


@triton.jit
def _pixels(
    batch: Batch,
    row: tl.tensor,
    pixel: tl.tensor,
    source: tl.constexpr,
    before: tl.constexpr,
    mix: tl.constexpr,
    after: tl.constexpr,
) -> Rgb:
    """What a row's pixels are in the end. A partner's are made here once more, not waited for."""
    place = _place(batch, row, pixel)
    rgb = _unmixed(batch, row, place, source, before)
    if len(mix) > 0:
        words = place.own + mix[0][1]
        if tl.load(words + 1) > 0:
            partner = tl.load(words)
            other = _unmixed(batch, partner, _place(batch, partner, pixel), source, before)
            rgb = mix[0][0](rgb, other, place, mix[0][1] + 2, mix[0][2])
    return _through(rgb, place, after)


@triton.jit
def _store(
    rgb: Rgb,
    result: tl.tensor,
    row: tl.tensor,
    pixel: tl.tensor,
    step: tl.constexpr,
    count: tl.tensor,
) -> None:
    """One row's pixels, in whatever type the result has."""
    plane = 1 if step == 3 else count
    at = result + row.to(tl.int64) * (3 * count) + pixel * step
    kind = result.dtype.element_ty
    tl.store(at, rgb.r.to(kind), pixel < count)
    tl.store(at + plane, rgb.g.to(kind), pixel < count)
    tl.store(at + 2 * plane, rgb.b.to(kind), pixel < count)


@triton.jit(do_not_specialize=["stride"])
def fused(
    pixels: tl.tensor,
    words: tl.tensor,
    sums: tl.tensor,
    normals: tl.tensor,
    result: tl.tensor,
    stride: tl.tensor,
    slots: tl.constexpr,
    step: tl.constexpr,
    height: tl.tensor,
    width: tl.tensor,
    out_step: tl.constexpr,
    out_height: tl.tensor,
    out_width: tl.tensor,
    source: tl.constexpr,
    before: tl.constexpr,
    mix: tl.constexpr,
    after: tl.constexpr,
    version: tl.constexpr,
    block: tl.constexpr,
) -> None:
    """(B, 3, out_height, out_width) pixels, each read, changed and written once."""
    count = out_height * out_width
    row, pixel = _block(count, block)
    batch = Batch(
        pixels, words, sums, normals, stride, slots, step, height, width, out_height, out_width
    )
    rgb = _pixels(batch, row, pixel, source, before, mix, after)
    _store(rgb, result, row, pixel, out_step, count)


@triton.jit(do_not_specialize=["stride"])
def summed(
    pixels: tl.tensor,
    words: tl.tensor,
    sums: tl.tensor,
    normals: tl.tensor,
    slot: tl.constexpr,
    stride: tl.tensor,
    slots: tl.constexpr,
    step: tl.constexpr,
    height: tl.tensor,
    width: tl.tensor,
    out_height: tl.tensor,
    out_width: tl.tensor,
    source: tl.constexpr,
    before: tl.constexpr,
    mix: tl.constexpr,
    after: tl.constexpr,
    version: tl.constexpr,
    block: tl.constexpr,
) -> None:
    """Of the same pixels nothing but the sums of their levels, which are exact in any order."""
    row, pixel = _block(out_height * out_width, block)
    batch = Batch(
        pixels, words, sums, normals, stride, slots, step, height, width, out_height, out_width
    )
    rgb = _pixels(batch, row, pixel, source, before, mix, after)
    inside = pixel < out_height * out_width
    total = sums + (row * slots + slot) * 3
    tl.atomic_add(total, _sum(rgb.r, inside), sem="relaxed")
    tl.atomic_add(total + 1, _sum(rgb.g, inside), sem="relaxed")
    tl.atomic_add(total + 2, _sum(rgb.b, inside), sem="relaxed")


@triton.jit
def _sum(values: tl.tensor, inside: tl.tensor) -> tl.tensor:
    return tl.sum(tl.where(inside, values, 0.0).to(tl.int32)).to(tl.int64)


@triton.jit(do_not_specialize=["stride", "radius"])
def blurred(
    pixels: tl.tensor,
    words: tl.tensor,
    result: tl.tensor,
    stride: tl.tensor,
    radius: tl.tensor,
    step: tl.constexpr,
    out_step: tl.constexpr,
    height: tl.tensor,
    width: tl.tensor,
    down: tl.constexpr,
    levels: tl.constexpr,
    block: tl.constexpr,
) -> None:
    """One axis of a Gaussian blur. A row's words: how far its taps reach; 2 * radius + 1 taps."""
    row, pixel = _block(height * width, block)
    picture = _picture(pixels, row, step, height, width)
    own = words + row.to(tl.int64) * stride
    reach = tl.load(own)
    taps = own + 1 + radius - reach
    y, x = pixel // width, pixel % width
    r, g, b = 0.0 * y, 0.0 * y, 0.0 * y
    for i in range(2 * reach + 1):
        if down:
            at = _reflected(y + i - reach, height) * width + x
        else:
            at = y * width + _reflected(x + i - reach, width)
        rgb = read(picture, at, pixel < height * width)
        tap = number(taps + i)
        r, g, b = r + tap * rgb.r, g + tap * rgb.g, b + tap * rgb.b
    _store(rounded_color(Rgb(r, g, b), levels), result, row, pixel, out_step, height * width)


@triton.jit
def _reflected(at: tl.tensor, extent: tl.tensor) -> tl.tensor:
    """About the edge pixels' centres, as often as a small picture needs."""
    period = tl.maximum(2 * (extent - 1), 1)
    at = (at % period + period) % period
    return tl.minimum(tl.minimum(at, period - at), extent - 1)
