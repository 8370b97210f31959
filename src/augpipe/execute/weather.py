"""The shapes of weather, as arithmetic that NumPy and torch carry out alike.

Flakes and drops live in the cells of a grid that is turned into the direction in which they fall,
each inside of its own: so any place asks one cell only, and nothing is drawn in order. The grid's
columns are shifted against each other, so that it is not seen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from augpipe.execute.field import hashed, to_uniform

# Arrays, or tensors on any device; all are broadcast against each other.
Numbers = Any

# How strong each octave of fog is, and how much finer than the one before.
OCTAVES = (1.0, 0.5, 0.25, 0.125)

_COLUMN = 2**15


class Particle(NamedTuple):
    """What a cell holds: lengths in pixels, places in the turned frame.

    Attributes:
        across: where its centre lies, across the direction of the fall.
        along: where its centre lies, along it.
        share: 0 to 1, how large and how bright it is among its kind.
        chance: 0 to 1, to be compared with the density.
    """

    across: Numbers
    along: Numbers
    share: Numbers
    chance: Numbers


def column_shift(column: Numbers, seed: tuple[Numbers, Numbers], height: Numbers) -> Numbers:
    """By how many pixels a column of cells is shifted along the fall; `column` is overwritten."""
    return to_uniform(hashed(column, seed[1], seed[0])) * height


def particle(
    column: Numbers,
    row: Numbers,
    seed: tuple[Numbers, Numbers],
    cell: tuple[Numbers, Numbers],
    room: tuple[Numbers, Numbers],
) -> Particle:
    """What the cell of int32 `column` and `row` holds, but for the column's shift.

    Args:
        column: number of the column.
        row: number in the column.
        seed: two words.
        cell: width and height of cells.
        room: how far the centre may lie from the cell's, in sum of both directions.
    """
    words = hashed(column * _COLUMN + row + 1, *seed)
    across, along, share, chance = ((words >> bits & 0xFF) / 256 for bits in (24, 16, 8, 0))
    return Particle(
        (column + 0.5) * cell[0] + (across - 0.5) * room[0],
        (row + 0.5) * cell[1] + (along - 0.5) * room[1],
        share,
        chance,
    )


def coverage(
    across: Numbers, along: Numbers, share: Numbers, shape: tuple[Numbers, Numbers, Numbers]
) -> Numbers:
    """How much of a pixel a particle covers, 0 to 1: a soft stroke with round ends.

    Args:
        across: from the particle's centre, in pixels.
        along: from the particle's centre, in pixels.
        share: from `particle`; the smallest have half the size and half the strength.
        shape: radius, length between the centres of both ends, and width of the soft edge, in
            pixels.
    """
    radius, length, soft = shape
    size = 0.5 + 0.5 * share
    beyond = (abs(along) - 0.5 * length * size).clip(0)
    distance = (across * across + beyond * beyond) ** 0.5
    return ((radius * size - distance) / soft + 0.5).clip(0, 1) * size


def shade(distance: Numbers, soft: Numbers) -> Numbers:
    """How dark the shadow is, 0 to 1, at a distance in pixels from its edge; negative is inside."""
    return (0.5 - distance / soft).clip(0, 1)
