"""Blots, noise and partners, with Triton; what they mean stands in `torch_erase` and its like.

They have the form of `triton_color`; those that mix get a second colour, the partner's.
"""

# Triton ships no types: its decorator hides those of what it compiles.
# mypy: allow-untyped-decorators, no-warn-return-any

from __future__ import annotations

import triton
import triton.language as tl

from augpipe.execute.triton.values import Place, Rgb, choose, color, number, rounded, rounded_color


@triton.jit
def erase(rgb: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """How many boxes there are, and where among the words; then a colour."""
    fill = rounded_color(color(place.own + at + 2), levels)
    return choose(_in_a_box(place, at), fill, rgb)


@triton.jit
def erase_grid(rgb: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """The grid's unit, the side of its holes, and where it begins, y and x; then a colour."""
    words = place.own + at
    unit, hole = tl.load(words), tl.load(words + 1)
    # Less than a unit is subtracted, so that nothing negative is divided.
    y = (place.y + unit - tl.load(words + 2)) % unit
    x = (place.x + unit - tl.load(words + 3)) % unit
    return choose((y < hole) & (x < hole), rounded_color(color(words + 4), levels), rgb)


@triton.jit
def erase_random(rgb: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """How many boxes there are, and where among the words; then what `_words` wants."""
    words = _words(place, at + 2)
    r, g = _content(words.r, place, levels), _content(words.g, place, levels)
    return choose(_in_a_box(place, at), Rgb(r, g, _content(words.b, place, levels)), rgb)


@triton.jit
def _content(word: tl.tensor, place: Place, levels: tl.constexpr) -> tl.tensor:
    """As `field.to_level` has it, or normalised."""
    return ((word >> 24) & 255).to(tl.float32) if levels else _normal(word, place)


@triton.jit
def _in_a_box(place: Place, at: tl.constexpr) -> tl.tensor:
    """Whether pixels lie in one of the row's half-open boxes x0, y0, x1, y1."""
    covered = place.y < 0
    box = place.own + tl.load(place.own + at + 1)
    for _ in range(tl.load(place.own + at)):
        across = (place.x >= tl.load(box)) & (place.x < tl.load(box + 2))
        down = (place.y >= tl.load(box + 1)) & (place.y < tl.load(box + 3))
        covered = covered | (across & down)
        box += 4
    return covered


@triton.jit
def noise(rgb: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """What `_words` wants; then the deviation at each of 256 levels."""
    words, deviation = _words(place, at), place.own + at + 3
    r = number(deviation + rgb.r.to(tl.int32)) * _normal(words.r, place) + rgb.r
    g = number(deviation + rgb.g.to(tl.int32)) * _normal(words.g, place) + rgb.g
    b = number(deviation + rgb.b.to(tl.int32)) * _normal(words.b, place) + rgb.b
    return rounded_color(Rgb(r, g, b), levels)


@triton.jit
def _normal(word: tl.tensor, place: Place) -> tl.tensor:
    """As `field.to_index` has it."""
    return tl.load(place.normals + ((word >> 16) & 65535))


@triton.jit
def specks(rgb: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """What `_words` wants; then two limits, and two colours."""
    words, limits = _words(place, at), place.own + at + 3
    first = rounded_color(color(limits + 2), levels)
    second = rounded_color(color(limits + 5), levels)
    r = _speck(rgb.r, words.r, limits, first.r, second.r)
    g = _speck(rgb.g, words.g, limits, first.g, second.g)
    return Rgb(r, g, _speck(rgb.b, words.b, limits, first.b, second.b))


@triton.jit
def _speck(
    value: tl.tensor, word: tl.tensor, limits: tl.tensor, first: tl.tensor, second: tl.tensor
) -> tl.tensor:
    """One channel; see `field.to_uniform`, and 2**-24."""
    share = ((word >> 8) & 0xFFFFFF).to(tl.float32) * 5.9604644775390625e-08
    return tl.where(
        share < number(limits), first, tl.where(share < number(limits + 1), second, value)
    )


@triton.jit
def _words(place: Place, at: tl.constexpr) -> Rgb:
    """Random words of `field.hashed`; wants two words of a seed, and whether channels differ."""
    first, second = tl.load(place.own + at), tl.load(place.own + at + 1)
    channel, word = tl.load(place.own + at + 2), 3 * place.pixel + first
    r = _mixed(_mixed(word) + second)
    g = _mixed(_mixed(word + channel) + second)
    return Rgb(r, g, _mixed(_mixed(word + 2 * channel) + second))


@triton.jit
def _mixed(word: tl.tensor) -> tl.tensor:
    """Permute words of 32 bits: Wellons' lowbias32, as in `field`."""
    word = word ^ ((word >> 16) & 0xFFFF)
    word = word * 0x7FEB352D
    word = word ^ ((word >> 15) & 0x1FFFF)
    word = word * -0x7B935975
    return word ^ ((word >> 16) & 0xFFFF)


@triton.jit
def mixup(rgb: Rgb, other: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """The share of a pixel's own."""
    share = number(place.own + at)
    r = share * rgb.r + (1 - share) * other.r
    g = share * rgb.g + (1 - share) * other.g
    b = share * rgb.b + (1 - share) * other.b
    return Rgb(rounded(r, levels), rounded(g, levels), rounded(b, levels))


@triton.jit
def cutmix(rgb: Rgb, other: Rgb, place: Place, at: tl.constexpr, levels: tl.constexpr) -> Rgb:
    """A half-open rectangle x0, y0, x1, y1 of the partner's."""
    box = place.own + at
    across = (place.x >= tl.load(box)) & (place.x < tl.load(box + 2))
    down = (place.y >= tl.load(box + 1)) & (place.y < tl.load(box + 3))
    return choose(across & down, other, rgb)
