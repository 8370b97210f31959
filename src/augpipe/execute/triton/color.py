"""Colours of a block of pixels, with Triton; what they mean stands in `torch_color`.

Whatever is done to single pixels has one form: it gets their colour, their place, where the step's
own words begin among those of the row, and whether colours are levels.
"""

# Triton ships no types: its decorator hides those of what it compiles.
# mypy: allow-untyped-decorators, no-warn-return-any

from __future__ import annotations

import triton
import triton.language as tl

from augpipe.execute.triton.values import Place, Rgb, choose, color, number, rounded_color


@triton.jit
def recolor(rgb: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """A (3, 7) map of the colour, the mean and 1; then which of the row's sums make that mean."""
    words = place.own + at
    sums, count = place.sums + 3 * tl.load(words + 21), place.count.to(tl.float32)
    mean_r = tl.div_rn(tl.load(sums).to(tl.float32), count)
    mean_g = tl.div_rn(tl.load(sums + 1).to(tl.float32), count)
    mean_b = tl.div_rn(tl.load(sums + 2).to(tl.float32), count)
    mean = Rgb(mean_r, mean_g, mean_b)
    r = _affine(rgb, mean, words)
    g = _affine(rgb, mean, words + 7)
    b = _affine(rgb, mean, words + 14)
    return rounded_color(Rgb(r, g, b), levels)


@triton.jit
def _affine(rgb: Rgb, mean: Rgb, words: tl.tensor) -> tl.tensor:
    """One channel, summed in the order in which `torch_color` sums."""
    total = number(words + 6) + number(words + 3) * mean.r
    total = total + number(words + 4) * mean.g
    total = total + number(words + 5) * mean.b
    total = total + number(words) * rgb.r
    total = total + number(words + 1) * rgb.g
    return total + number(words + 2) * rgb.b


@triton.jit
def look_up(rgb: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """A table of 256 levels for each channel, four to a word."""
    words = place.own + at
    return Rgb(_entry(rgb.r, words), _entry(rgb.g, words + 64), _entry(rgb.b, words + 128))


@triton.jit
def _entry(value: tl.tensor, words: tl.tensor) -> tl.tensor:
    level = value.to(tl.int32)
    return ((tl.load(words + (level >> 2)) >> (8 * (level & 3))) & 255).to(tl.float32)


@triton.jit
def hsv(rgb: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """A hue to be added; factors of saturation and value."""
    change = color(place.own + at)
    scaled = Rgb(tl.div_rn(rgb.r, 255.0), tl.div_rn(rgb.g, 255.0), tl.div_rn(rgb.b, 255.0))
    high = tl.maximum(tl.maximum(scaled.r, scaled.g), scaled.b)
    chroma = high - tl.minimum(tl.minimum(scaled.r, scaled.g), scaled.b)
    sixths = 6 * (tl.div_rn(_hue(scaled, high, chroma), 6.0) + change.r)
    saturation = tl.minimum(tl.div_rn(chroma, tl.maximum(high, 1e-12)) * change.g, 1.0)
    value = tl.minimum(high * change.b, 1.0)
    r = _channel(5 + sixths, saturation, value)
    g = _channel(3 + sixths, saturation, value)
    b = _channel(1 + sixths, saturation, value)
    still = (change.r == 0) & (change.g == 1) & (change.b == 1)
    return choose(still, rgb, rounded_color(Rgb(r, g, b), levels))


@triton.jit
def _hue(rgb: Rgb, high: tl.tensor, chroma: tl.tensor) -> tl.tensor:
    """Hue in sixths of a turn; 0 for grey."""
    c = tl.maximum(chroma, 1e-12)
    from_green = 2 + tl.div_rn(rgb.b - rgb.r, c)
    from_blue = 4 + tl.div_rn(rgb.r - rgb.g, c)
    beyond_red = tl.where(high == rgb.g, from_green, from_blue)
    return tl.where(high == rgb.r, tl.div_rn(rgb.g - rgb.b, c), beyond_red)


@triton.jit
def _channel(k: tl.tensor, saturation: tl.tensor, value: tl.tensor) -> tl.tensor:
    """0 to 255. Where rounding puts k on the other side of a whole turn, it comes out the same."""
    k = k - 6 * tl.floor(k / 6)
    faded = tl.minimum(tl.maximum(tl.minimum(k, 4 - k), 0.0), 1.0)
    return 255 * (value * (1 - saturation * faded))


@triton.jit
def normalize(rgb: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """Three factors, then what is subtracted. Colours are levels no more."""
    scale, shift = color(place.own + at), color(place.own + at + 3)
    r, g = rgb.r * scale.r - shift.r, rgb.g * scale.g - shift.g
    return Rgb(r, g, rgb.b * scale.b - shift.b)
