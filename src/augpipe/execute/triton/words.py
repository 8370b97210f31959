"""The parameters of steps as words of 32 bits, one run of them for each row.

Kernels find theirs by number: what a step puts here is what its function in `triton_color`,
`triton_blots` or `triton_sample` says it wants, in that order. Where it lies depends on the steps
alone, never on what was drawn, so that a pipeline is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from augpipe.execute.decide import Decisions, decide
from augpipe.execute.field import seed_words
from augpipe.execute.warp import Size
from augpipe.plan import Floats, Lookup, Mix, Params, Recolor, Warp
from augpipe.shrink import shrink_factors

Column = NDArray[np.generic]


class Words:
    """Columns of words for B rows, in the order in which they were put.

    Attributes:
        width: how many there are so far: where the next will stand.
    """

    def __init__(self, rows: int) -> None:
        self.width = 0
        self._columns = [np.empty((rows, 0), np.int32)]
        self._last: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []

    def put(self, *values: Column) -> None:
        """(B, ...) arrays: floats as float32, whole numbers as int32, bytes four to a word."""
        for value in values:
            self._columns.append(_bits(value))
            self.width += self._columns[-1].shape[1]

    def put_boxes(self, boxes: Column) -> None:
        """(B, n, 4): n, and where they will stand: last, since n may be another each time."""
        place = np.zeros((len(boxes), 1), np.int32)
        self._last.append((place, _bits(boxes)))
        self._columns += [np.full_like(place, boxes.shape[1]), place]
        self.width += 2

    def packed(self) -> NDArray[np.int32]:
        """(B, n): all of them."""
        end = self.width
        for place, values in self._last:
            place[:] = end
            end += values.shape[1]
        return np.hstack([*self._columns, *(values for _, values in self._last)])


def _bits(value: Column) -> NDArray[np.int32]:
    """(B, n) words that hold the values' bits."""
    flat = value.reshape(len(value), -1)
    if flat.dtype == np.uint8:
        return np.ascontiguousarray(flat).view(np.int32)
    if np.issubdtype(flat.dtype, np.floating):
        return np.ascontiguousarray(flat, np.float32).view(np.int32)
    return flat.astype(np.int32)


def put_warp(words: Words, step: Warp, out: Size, source: Size) -> None:
    """What `triton_sample.warp` wants."""
    decided = decide(step.matrix, out, source)
    may_fill = step.border is not None and step.border.mode == "constant"
    inset = decided.has_inset & may_fill
    factors = np.ones_like(step.size)
    if step.interpolation != "nearest":
        factors = shrink_factors(step.matrix, step.size)
    into_shrunk = (
        step.matrix
        * np.stack([1 / factors[:, 1], 1 / factors[:, 0], np.ones(len(factors))], axis=1)[
            :, :, None
        ]
    )
    fill = step.border.fill if step.border else (0.0, 0.0, 0.0)
    words.put(
        decided.exact,
        _crop_map(decided),
        np.where(inset[:, None], decided.inset, [0, 0, *out]),
        np.tile(fill, (len(inset), 1)),
        into_shrunk,
        factors,
        1 / factors.prod(axis=1),
        decided.leaves & ~inset,
    )


def _crop_map(decided: Decisions) -> NDArray[np.int64]:
    """(B, 2, 3): whole (y, x) of the source from (y, x, 1) of the output.

    A crop is sliced, then transposed, then flipped: a flip counts from the slice's far end.
    """
    top, left, bottom, right = decided.crop.T
    turned = decided.transpose
    flip_down = np.where(turned, decided.flip_x, decided.flip_y)
    flip_across = np.where(turned, decided.flip_y, decided.flip_x)
    result = np.zeros((len(turned), 2, 3), np.int64)
    rows = np.arange(len(turned))
    result[rows, 0, turned.astype(int)] = np.where(flip_down, -1, 1)
    result[rows, 1, 1 - turned.astype(int)] = np.where(flip_across, -1, 1)
    result[:, 0, 2] = np.where(flip_down, bottom - 1, top)
    result[:, 1, 2] = np.where(flip_across, right - 1, left)
    return result


def put_recolor(words: Words, step: Recolor, slot: int) -> None:
    """The map, constants as levels; and which sums the mean is made of."""
    matrix = step.matrix.astype(np.float32)
    matrix[:, :, 6] *= 255
    words.put(matrix, np.full(len(matrix), slot))


def put_lookup(words: Words, step: Lookup) -> None:
    """The tables as they are."""
    words.put(step.table)


def put_mix(words: Words, step: Mix) -> None:
    """The partner, and whether it is to be seen at all; then the own share, or the rectangle."""
    partner = step.params["partner"]
    seen = np.ones(len(partner), np.bool_) if step.needed is None else step.needed[:, 1]
    words.put(partner, seen, step.params["lam" if step.name == "mixup" else "rectangle"])


def _put_hsv(words: Words, values: Params) -> None:
    words.put(values["hue"], values["saturation"], values["value"])


def _put_normalize(words: Words, values: Params) -> None:
    words.put(1 / (255 * values["std"]), values["mean"] / values["std"])


def _put_erase(words: Words, values: Params) -> None:
    words.put_boxes(values["boxes"])
    words.put(_floats(values["value"]))


def _put_erase_grid(words: Words, values: Params) -> None:
    words.put(values["unit"], values["hole"], values["offset"], _floats(values["value"]))


def _put_erase_random(words: Words, values: Params) -> None:
    words.put_boxes(values["boxes"])
    words.put(seed_words(values["seed"]), np.ones(len(values["seed"]), np.int32))


def _put_noise(words: Words, values: Params) -> None:
    words.put(seed_words(values["seed"]), values["per_channel"], _floats(values["deviation"]))


def _put_specks(words: Words, values: Params) -> None:
    words.put(seed_words(values["seed"]), values["per_channel"])
    words.put(_floats(values["limits"]), _floats(values["colors"]))


def _floats(values: NDArray[np.generic]) -> Floats:
    return np.asarray(values, np.float64)


def put_taps(words: Words, taps: Floats) -> None:
    """How far those reach that are not 0; then all of them."""
    far = np.abs(np.arange(taps.shape[1]) - taps.shape[1] // 2)
    words.put(np.where(taps != 0, far, 0).max(axis=1), taps)


# Of kernels by their name, how their parameters are put.
PUT_KERNEL: dict[str, Callable[[Words, Params], None]] = {
    "erase": _put_erase,
    "erase_grid": _put_erase_grid,
    "erase_random": _put_erase_random,
    "hsv": _put_hsv,
    "noise": _put_noise,
    "normalize": _put_normalize,
    "specks": _put_specks,
}
