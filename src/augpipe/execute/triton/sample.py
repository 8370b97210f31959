"""Where a block's pixels come from, with Triton: the same place, or a warp (see `torch_warp`).

A warp's words: 1 where the row is a crop, and that crop's (2, 3) map, whole (y, x) of the source
from (y, x, 1); what the picture fills of the output (top, left, bottom, right), and the colour
beside it; the (3, 3) matrix into the source as it was shrunk; the factors of height and width by
which it was, and the inverse of their product; 1 where a border shows.
"""

# Triton ships no types: its decorator hides those of what it compiles.
# mypy: allow-untyped-decorators, no-warn-return-any

from __future__ import annotations

import triton
import triton.language as tl

from augpipe.execute.triton.values import (
    Picture,
    Place,
    Rgb,
    choose,
    color,
    number,
    read,
    rounded_color,
)

_CROP = tl.constexpr(0)
_INSET = tl.constexpr(7)
_FILL = tl.constexpr(11)
_MATRIX = tl.constexpr(14)
_SHRUNK = tl.constexpr(23)
_LEAVES = tl.constexpr(26)

# Of `execute.warp`; a test compares.
HORIZON = tl.constexpr(1e-4)
NEAREST_NUDGE = tl.constexpr(1e-3)


@triton.jit
def same_place(
    picture: Picture,
    place: Place,
    at: tl.constexpr,
    levels: tl.constexpr,
    nearest: tl.constexpr,
    border: tl.constexpr,
) -> Rgb:
    """The pixel itself."""
    return read(picture, place.pixel, place.inside)


@triton.jit
def warp(
    picture: Picture,
    place: Place,
    at: tl.constexpr,
    levels: tl.constexpr,
    nearest: tl.constexpr,
    border: tl.constexpr,
) -> Rgb:
    """A crop's pixels are read; others are sampled, and the border shown."""
    words = place.own + at
    if tl.load(words + _CROP) > 0:
        rgb = read(picture, _cropped(picture, place, words + _CROP + 1), place.inside)
    else:
        fill = color(words + _FILL)
        if nearest:
            sampled = _nearest(picture, place, words, fill, border)
        elif tl.load(words + _SHRUNK) * tl.load(words + _SHRUNK + 1) > 1:
            sampled = _bilinear(picture, place, words, fill, border, levels, True)
        else:
            sampled = _bilinear(picture, place, words, fill, border, levels, False)
        rgb = rounded_color(choose(_is_picture(place, words + _INSET), sampled, fill), levels)
    return rgb


@triton.jit
def _cropped(picture: Picture, place: Place, words: tl.tensor) -> tl.tensor:
    y = place.y * tl.load(words) + place.x * tl.load(words + 1) + tl.load(words + 2)
    x = place.y * tl.load(words + 3) + place.x * tl.load(words + 4) + tl.load(words + 5)
    return y * picture.width + x


@triton.jit
def _is_picture(place: Place, words: tl.tensor) -> tl.tensor:
    down = (place.y >= tl.load(words)) & (place.y < tl.load(words + 2))
    return down & (place.x >= tl.load(words + 1)) & (place.x < tl.load(words + 3))


@triton.jit
def _nearest(
    picture: Picture, place: Place, words: tl.tensor, fill: Rgb, border: tl.constexpr
) -> Rgb:
    y, x = _mapped(place, words + _MATRIX)
    leaves = tl.load(words + _LEAVES)
    y = _bordered(y + NEAREST_NUDGE, picture.height, leaves, border)
    x = _bordered(x + NEAREST_NUDGE, picture.width, leaves, border)
    y, x = tl.floor(y + 0.5).to(tl.int32), tl.floor(x + 0.5).to(tl.int32)
    inside = (y >= 0) & (y < picture.height) & (x >= 0) & (x < picture.width)
    rgb = read(picture, y * picture.width + x, place.inside & inside)
    return choose(inside, rgb, fill)


@triton.jit
def _mapped(place: Place, words: tl.tensor) -> tuple[tl.tensor, tl.tensor]:
    """Where in the source the centres of the pixels lie."""
    y, x = place.y.to(tl.float32) + 0.5, place.x.to(tl.float32) + 0.5
    to_x = x * number(words) + y * number(words + 1) + number(words + 2)
    to_y = x * number(words + 3) + y * number(words + 4) + number(words + 5)
    w = x * number(words + 6) + y * number(words + 7) + number(words + 8)
    w = tl.maximum(w, HORIZON)
    return tl.div_rn(to_y, w), tl.div_rn(to_x, w)


@triton.jit
def _bordered(
    at: tl.tensor, extent: tl.tensor, leaves: tl.tensor, border: tl.constexpr
) -> tl.tensor:
    """Coordinates along one axis as pixel numbers; where no border shows, none beyond the edge."""
    far = extent.to(tl.float32)
    at = tl.where(leaves > 0, at, tl.minimum(tl.maximum(at, 0.5), far - 0.5))
    if border == "reflect":
        at = tl.abs(at)
        turns = tl.floor(at / far)
        over = at - turns * far
        at = tl.where(turns - 2 * tl.floor(turns / 2) > 0, far - over, over)
    if border == "constant":
        # Far outside is as good as just outside, and a number that an integer can hold.
        at = tl.minimum(tl.maximum(at, -2.0), far + 2)
    else:
        at = tl.minimum(tl.maximum(at, 0.5), far - 0.5)
    return at - 0.5


@triton.jit
def _bilinear(
    picture: Picture,
    place: Place,
    words: tl.tensor,
    fill: Rgb,
    border: tl.constexpr,
    levels: tl.constexpr,
    shrunk: tl.constexpr,
) -> Rgb:
    """Four pixels, of a picture that is shrunk as it is read, weighed as `grid_sample` does."""
    y, x = _mapped(place, words + _MATRIX)
    leaves = tl.load(words + _LEAVES)
    y = _bordered(y, tl.cdiv(picture.height, tl.load(words + _SHRUNK)), leaves, border)
    x = _bordered(x, tl.cdiv(picture.width, tl.load(words + _SHRUNK + 1)), leaves, border)
    top, left = tl.floor(y), tl.floor(x)
    low, right = y - top, x - left
    up, near = 1 - low, 1 - right
    top, left = top.to(tl.int32), left.to(tl.int32)
    cell = words + _SHRUNK
    a = _tap(picture, place, top, left, cell, fill, levels, shrunk)
    b = _tap(picture, place, top, left + 1, cell, fill, levels, shrunk)
    c = _tap(picture, place, top + 1, left, cell, fill, levels, shrunk)
    d = _tap(picture, place, top + 1, left + 1, cell, fill, levels, shrunk)
    nw, ne, sw, se = up * near, up * right, low * near, low * right
    return Rgb(
        a.r * nw + b.r * ne + c.r * sw + d.r * se + fill.r,
        a.g * nw + b.g * ne + c.g * sw + d.g * se + fill.g,
        a.b * nw + b.b * ne + c.b * sw + d.b * se + fill.b,
    )


@triton.jit
def _tap(
    picture: Picture,
    place: Place,
    y: tl.tensor,
    x: tl.tensor,
    cell: tl.tensor,
    fill: Rgb,
    levels: tl.constexpr,
    shrunk: tl.constexpr,
) -> Rgb:
    """How far pixels are from the colour of the border; those outside not at all."""
    high, wide = tl.load(cell), tl.load(cell + 1)
    inside = place.inside & (y >= 0) & (y < tl.cdiv(picture.height, high))
    inside = inside & (x >= 0) & (x < tl.cdiv(picture.width, wide))
    if shrunk:
        rgb = _mean(picture, y * high, x * wide, inside, cell)
        rgb = rounded_color(rgb, levels)
    else:
        rgb = read(picture, y * picture.width + x, inside)
    away = Rgb(rgb.r - fill.r, rgb.g - fill.g, rgb.b - fill.b)
    return choose(inside, away, Rgb(0.0, 0.0, 0.0))


@triton.jit
def _mean(
    picture: Picture, top: tl.tensor, left: tl.tensor, inside: tl.tensor, cell: tl.tensor
) -> Rgb:
    """Of the cells that begin there; what is missing of the last ones repeats the edge."""
    r, g, b = 0.0 * top, 0.0 * top, 0.0 * top
    for j in range(tl.load(cell)):
        y = tl.minimum(top + j, picture.height - 1)
        for i in range(tl.load(cell + 1)):
            x = tl.minimum(left + i, picture.width - 1)
            rgb = read(picture, y * picture.width + x, inside)
            r, g, b = r + rgb.r, g + rgb.g, b + rgb.b
    share = number(cell + 2)
    return Rgb(r * share, g * share, b * share)
