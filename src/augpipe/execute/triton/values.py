"""What Triton's kernels pass on to each other, and how they round."""

# Triton ships no types: its decorator hides those of what it compiles.
# mypy: allow-untyped-decorators, no-warn-return-any

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl


class Rgb(NamedTuple):
    """The colours of a block of pixels, float32 (block,) each."""

    r: tl.tensor
    g: tl.tensor
    b: tl.tensor


class Picture(NamedTuple):
    """A row of a batch, in memory.

    Attributes:
        pixels: where the first one lies.
        step: how far apart two pixels lie,
        plane: and two channels of one.
        height: of it.
        width: of it.
    """

    pixels: tl.tensor
    step: tl.tensor
    plane: tl.tensor
    height: tl.tensor
    width: tl.tensor


class Place(NamedTuple):
    """Which pixels of a row a block holds, and what there is to know of that row.

    Attributes:
        y: (block,) int32,
        x: and their other coordinate.
        pixel: their numbers.
        inside: whether they are pixels at all: the last block reaches beyond the picture.
        own: where the row's words begin, see `triton_words`.
        sums: where the sums of the row's levels lie, three for each step that wants them.
        count: how many pixels these are the sums of.
        normals: where `field.normal_quantiles` lie.
    """

    y: tl.tensor
    x: tl.tensor
    pixel: tl.tensor
    inside: tl.tensor
    own: tl.tensor
    sums: tl.tensor
    count: tl.tensor
    normals: tl.tensor


@triton.jit
def number(words: tl.tensor) -> tl.tensor:
    """The float32 of which a word holds the bits."""
    return tl.load(words).to(tl.float32, bitcast=True)


@triton.jit
def color(words: tl.tensor) -> Rgb:
    """Three of them."""
    return Rgb(number(words), number(words + 1), number(words + 2))


@triton.jit
def rounded(value: tl.tensor, levels: tl.constexpr) -> tl.tensor:
    """What a step has computed as it leaves it: whole and from 0 to 255, if pixels are levels."""
    if levels:
        value = tl.minimum(tl.maximum(value, 0.0), 255.0)
        # 1.5 * 2**23: float32 has whole numbers alone there, so that the sum rounds, halves to
        # even. The interpreter has no other way to round that a device has too.
        value = (value + 12582912.0) - 12582912.0
    return value


@triton.jit
def rounded_color(color: Rgb, levels: tl.constexpr) -> Rgb:
    """All three channels."""
    return Rgb(rounded(color.r, levels), rounded(color.g, levels), rounded(color.b, levels))


@triton.jit
def choose(where: tl.tensor, one: Rgb, other: Rgb) -> Rgb:
    """The one colour there, else the other."""
    r, g = tl.where(where, one.r, other.r), tl.where(where, one.g, other.g)
    return Rgb(r, g, tl.where(where, one.b, other.b))


@triton.jit
def read(picture: Picture, pixel: tl.tensor, inside: tl.tensor) -> Rgb:
    """The colours of pixels by their numbers; 0 where they are not `inside`."""
    at = picture.pixels + pixel * picture.step
    r = tl.load(at, inside, 0).to(tl.float32)
    g = tl.load(at + picture.plane, inside, 0).to(tl.float32)
    b = tl.load(at + 2 * picture.plane, inside, 0).to(tl.float32)
    return Rgb(r, g, b)
