"""Weather on one picture, with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.execute import weather
from augpipe.execute.cv2.types import Image, Kernels, Values
from augpipe.execute.field import seed_words
from augpipe.execute.lattice import amplitude_of, smooth_field

_Alpha = NDArray[np.float32]


def _blend(image: Image, alpha: _Alpha, color: NDArray[Any]) -> Image:
    """The picture behind a veil of that opacity; (H, W, 3) and (H, W), or lists of pixels."""
    pixels = color.astype(np.float32) - image
    pixels *= alpha[..., None]
    pixels += image
    return np.asarray(pixels.round(out=pixels).clip(0, 255, out=pixels), np.uint8)


def _fog(image: Image, values: Values) -> Image:
    opacity, patchiness = np.float32(values["opacity"]), np.float32(values["patchiness"])
    if opacity == 0:
        return image
    density = np.ones(image.shape[:2], np.float32)
    for number, weight in enumerate(weather.OCTAVES):
        seed = values["seed"] + [0, number]
        spacing = np.repeat(values["spacing"] / 2**number, 2)
        octave = smooth_field(seed, np.maximum(spacing, 1), image.shape[:2], 1)[0]
        density += octave * (patchiness * np.float32(amplitude_of(np.array(weight))))
    return _blend(image, (density * opacity).clip(0, 1), values["color"])


def _fall(image: Image, values: Values) -> Image:
    if values["density"] == 0:
        return image
    clear = np.ones(image.shape[:2], np.float32)
    for layer in range(len(values["opacity"])):
        y, x, covered = _drawn(values, layer, image.shape[:2])
        clear[y, x] *= 1 - np.float32(values["opacity"][layer]) * covered
    y, x = np.nonzero(clear < 1)
    result = image.copy()  # the picture may be a view of the dataset's own memory
    result[y, x] = _blend(image[y, x], 1 - clear[y, x], values["color"])
    return result


def _drawn(
    values: Values, layer: int, size: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64], _Alpha]:
    """Which pixels the particles of one layer cover, and how much of each.

    The differences from a particle's centre are small numbers, for which float32 is enough.
    """
    centre_x, centre_y, share = _particles(values, layer, size)
    cos, sin = float(np.cos(values["angle"])), float(np.sin(values["angle"]))
    radius, length, soft = values["shape"][layer].tolist()
    # Along each stroke row by row, and in each row as far as the stroke is wide.
    tall = int(np.ceil(cos * length / 2 + radius + soft)) + 1
    wide = int(np.ceil((radius + soft) / cos)) + 1
    y = np.floor(centre_y)[:, None, None] + np.arange(-tall, tall + 1)[:, None]
    down = (y + 0.5 - centre_y[:, None, None]).astype(np.float32)
    x = np.floor(centre_x[:, None, None] + down * (sin / cos)) + np.arange(-wide, wide + 1)
    right = (x + 0.5 - centre_x[:, None, None]).astype(np.float32)
    inside = (y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])
    covered = weather.coverage(
        right * cos - down * sin,
        right * sin + down * cos,
        share[:, None, None],
        (radius, length, soft),
    )
    seen = inside & (covered > 0)
    rows = np.broadcast_to(y, covered.shape)[seen].astype(np.int64)
    return rows, x[seen].astype(np.int64), covered[seen].astype(np.float32)


def _particles(
    values: Values, layer: int, size: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """The centres, x and y, of those that may be seen, and their share."""
    cos, sin = np.cos(values["angle"]), np.sin(values["angle"])
    cell, room = values["cell"][layer], values["room"][layer]
    corners = np.array([[0, 0], [size[1], 0], [0, size[0]], [size[1], size[0]]])
    phase = values["phase"][layer]
    turned = (corners @ [[cos, sin], [-sin, cos]] + [phase, 0]) / cell
    first, last = np.floor(turned.min(axis=0)) - 1, np.floor(turned.max(axis=0)) + 1
    seed = tuple(seed_words(values["seed"] + [0, layer]))
    column = np.arange(first[0], last[0] + 1).astype(np.int32)[:, None]
    row = np.arange(first[1], last[1] + 2).astype(np.int32)
    shift = weather.column_shift(column.copy(), seed, cell[1])
    found = weather.particle(column, row, seed, tuple(cell), tuple(room))
    hit = found.chance < values["density"]
    across, along = (
        part[hit] for part in np.broadcast_arrays(found.across - phase, found.along - shift)
    )
    share = found.share[hit].astype(np.float32)
    return across * cos + along * sin, along * cos - across * sin, share


def _shadow(image: Image, values: Values) -> Image:
    if not values["intensity"].any():
        return image
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    x, y = (x + 0.5).astype(np.float32), (y + 0.5).astype(np.float32)
    dark = np.zeros(image.shape[:2], np.float32)
    for intensity, edges in zip(values["intensity"], values["edges"], strict=True):
        if intensity:
            a, b, c = edges.astype(np.float32).T
            distance = a[0] * x + (b[0] * y + c[0])
            for edge in range(1, len(a)):
                np.maximum(distance, a[edge] * x + (b[edge] * y + c[edge]), out=distance)
            shade = weather.shade(distance, np.float32(values["soft"]))
            np.maximum(dark, shade * np.float32(intensity), out=dark)
    return _blend(image, dark, np.zeros(3))


KERNELS: Kernels = {"fall": _fall, "fog": _fog, "shadow": _shadow}
