"""What learned and random policies are made of: transforms by name, and how strong they may be.

The definitions are torchvision's, which are the papers'. A transform has one magnitude, whose unit
is its own; its sign is drawn where both directions are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augpipe.ops.base import Op
from augpipe.ops.channels import Grayscale, Invert
from augpipe.ops.color import Brightness, Contrast, Saturation
from augpipe.ops.filter import GaussianBlur, Sharpen
from augpipe.ops.matrix import about_centre, identity, rotation
from augpipe.ops.policy import choose
from augpipe.ops.tone import AutoContrast, Equalize, Posterize, Solarize
from augpipe.plan import Border, Branch, Floats, Interpolation, Step, Warp, chain


class Style(NamedTuple):
    """How pixels are moved."""

    interpolation: Interpolation
    fill: tuple[float, float, float]


class Scale(NamedTuple):
    """The magnitudes of a transform, from the weakest to the strongest in equal steps."""

    weakest: float = 0.0
    strongest: float = 0.0
    signed: bool = False
    whole: bool = False

    def magnitude(self, number: NDArray[Any], bins: int, negative: NDArray[np.bool_]) -> Floats:
        """The magnitudes of those numbers, 0 to `bins` - 1; whole ones are bits, of which 1 stays.

        No bit at all would be a black picture.
        """
        # Divided once, so that a magnitude of 2/3 is the level 170 of 255 to the last bit.
        value = (self.weakest * (bins - 1 - number) + self.strongest * number) / (bins - 1)
        value = np.maximum(np.round(value), 1) if self.whole else value
        return np.where(negative & self.signed, 0.0 - value, value)  # never minus zero


def space(
    *,
    shear: float,
    translate: tuple[str, float],
    degrees: float,
    enhance: float,
    bits: tuple[int, int],
) -> dict[str, Scale]:
    """The transforms that all policies share, each with its magnitudes.

    Args:
        shear: the steepest, as a slope.
        translate: "translate" and a fraction of width and height, or "translate_px" and pixels.
        degrees: the furthest turn.
        enhance: by how much factors differ from one, at the most.
        bits: how many posterize keeps, at its weakest and strongest.
    """
    name, distance = translate
    moves = dict.fromkeys(("shear_x", "shear_y"), shear)
    moves |= dict.fromkeys((f"{name}_x", f"{name}_y"), distance) | {"rotate": degrees}
    colors = dict.fromkeys(("brightness", "color", "contrast", "sharpness"), enhance)
    return {
        **{name: Scale(0, strongest, signed=True) for name, strongest in (moves | colors).items()},
        "posterize": Scale(*bits, whole=True),
        "solarize": Scale(1, 0),
        "auto_contrast": Scale(),
        "equalize": Scale(),
    }


def pick(names: Sequence[str], u: Floats) -> NDArray[np.str_]:
    """Uniforms as names, each as likely as the others."""
    return np.array(names)[(u * len(names)).astype(np.int64)]


def magnitudes(
    scales: Mapping[str, Scale], transform: NDArray[np.str_], number: Floats, bins: int, u: Floats
) -> Floats:
    """The magnitude of each transform, of which half are negative where there is a sign.

    Args:
        scales: those of the transforms.
        transform: names, of any shape.
        number: which of the magnitudes, 0 to `bins` - 1, of that shape.
        bins: how many there are.
        u: uniforms of that shape.
    """
    found = np.zeros(transform.shape)
    for name in np.unique(transform):
        scale = scales.get(str(name), Scale())
        found = np.where(transform == name, scale.magnitude(number, bins, u < 0.5), found)
    return found


def apply(
    transform: NDArray[np.str_], magnitude: Floats, size: NDArray[np.int64], style: Style
) -> tuple[Branch, ...]:
    """(B, n) transforms, one after the other; no two become one, as each rounds and clips."""

    def layer(names: NDArray[np.str_], strength: Floats) -> Branch:
        return choose(names, size, lambda name: chain("", TRANSFORMS[name](strength, size, style)))

    return tuple(map(layer, transform.T, magnitude.T))


Transform = Callable[[Floats, NDArray[np.int64], Style], Step | Sequence[Step]]


def _shear(axis: int) -> Transform:
    """About the corner at the top left, as in AutoAugment's code."""

    def lower(slope: Floats, size: NDArray[np.int64], style: Style) -> Warp:
        matrix = identity(len(slope))
        matrix[:, axis, 1 - axis] = slope
        return Warp(matrix, size, style.interpolation, Border(fill=style.fill))

    return lower


def _translate(axis: int, *, share: bool) -> Transform:
    """By whole pixels, cut off."""

    def lower(distance: Floats, size: NDArray[np.int64], style: Style) -> Warp:
        pixels = distance * size[:, 1 - axis] if share else distance
        matrix = identity(len(distance))
        # A share of a side may be a whole number but for its last bit.
        matrix[:, axis, 2] = -np.trunc(pixels.round(6))
        return Warp(matrix, size, style.interpolation, Border(fill=style.fill))

    return lower


def _rotate(degrees: Floats, size: NDArray[np.int64], style: Style) -> Warp:
    """About the centre, counter-clockwise as seen."""
    forward = rotation(degrees, np.ones(len(size)))
    matrix = about_centre(forward, np.zeros(size.shape), size)
    return Warp(matrix, size, style.interpolation, Border(fill=style.fill))


def _op(op: Op, parameter: str, *, plus: float = 0.0) -> Transform:
    """An op of ours, whose only parameter is the magnitude plus something."""
    return lambda magnitude, size, style: op.lower({parameter: magnitude + plus}, size)


def _always(op: Op, parameter: str) -> Transform:
    """An op of ours that is done or not: it has no magnitude."""
    return lambda magnitude, size, style: op.lower({parameter: np.ones(len(size))}, size)


TRANSFORMS: dict[str, Transform] = {
    "identity": lambda magnitude, size, style: (),
    "shear_x": _shear(0),
    "shear_y": _shear(1),
    "translate_x": _translate(0, share=True),
    "translate_y": _translate(1, share=True),
    "translate_px_x": _translate(0, share=False),
    "translate_px_y": _translate(1, share=False),
    "rotate": _rotate,
    "brightness": _op(Brightness(), "factor", plus=1),
    "color": _op(Saturation(), "factor", plus=1),
    "contrast": _op(Contrast(), "factor", plus=1),
    "sharpness": _op(Sharpen(), "factor", plus=1),
    "posterize": _op(Posterize(), "bits"),
    "solarize": _op(Solarize(), "threshold"),
    "auto_contrast": _always(AutoContrast(), "stretch"),
    "equalize": _always(Equalize(), "equalize"),
    "invert": _always(Invert(), "invert"),
    "grayscale": _always(Grayscale(), "grey"),
    "gaussian_blur": _op(GaussianBlur(), "sigma_px"),
}
