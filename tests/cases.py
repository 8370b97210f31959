"""Every op with typical and with extreme parameters, and how far two executors may differ.

A new op gets one row in `CASES`. It gets one in `TOLERANCES` only where the default is not true of
it or could be tighter, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from augpipe.pipeline import Pipeline

Parameters = Mapping[str, Any]


class Case(NamedTuple):
    """Parameters of one op, as a recipe spells them."""

    typical: Parameters
    extreme: Parameters


CASES: dict[str, Case] = {
    "affine": Case(
        {"degrees": 15, "translate": [0.1, 0.1], "scale": [0.8, 1.25], "shear": 8, "p": 0.8},
        {
            "degrees": 180,
            "translate": [0.5, 0.5],
            "scale": [0.1, 8],
            "shear": [-40, 40, -20, 20],
            "fill": [255, 0, 128],
        },
    ),
    "center_crop": Case({"size": [24, 30]}, {"size": [1, 7]}),
    "color_jitter": Case(
        {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "p": 0.8},
        {"brightness": 3, "contrast": 3, "saturation": 3, "hue": 0.5},
    ),
    "gaussian_blur": Case({"sigma": [0.5, 2.0], "p": 0.5}, {"sigma": [0, 30]}),
    "horizontal_flip": Case({"p": 0.5}, {"p": 1}),
    "hsv": Case({"p": 0.8}, {"hue": 0.5, "saturation": [0, 5], "value": [0, 5]}),
    "normalize": Case({}, {"mean": [0, 0, 0], "std": [0.01, 1, 100]}),
    "random_erasing": Case({"p": 0.5}, {"p": 1, "scale": [1e-4, 1], "ratio": [0.05, 20]}),
    "random_resized_crop": Case(
        {"size": [48, 64]}, {"size": [33, 7], "scale": [1e-4, 1], "ratio": [0.05, 20]}
    ),
    "resize": Case({"size": [50, 40]}, {"size": [200, 3]}),
    "vertical_flip": Case({"p": 0.5}, {"p": 1}),
}


class Tolerance(NamedTuple):
    """Largest and mean difference between two executors' pixels, in levels of 255."""

    largest: float
    mean: float


# Both round to whole levels; where the exact value lies near a half they may round apart.
DEFAULT = Tolerance(largest=1, mean=0.001)

# A mean of four pixels often ends in a half; OpenCV rounds it up, torch to the even neighbour.
_HALVES = Tolerance(largest=1, mean=0.15)
_EXACT = Tolerance(largest=0, mean=0)

TOLERANCES: dict[str, Tolerance] = {
    "center_crop-typical": _EXACT,
    "center_crop-extreme": _EXACT,
    # OpenCV's matrix works in fixed point, so the first of three steps may differ by one level.
    # What follows multiplies that by up to 1.4 * 1.4, and through the hue once more; in the
    # extreme by 4 * 4.
    "color_jitter-typical": Tolerance(largest=4, mean=0.06),
    "color_jitter-extreme": Tolerance(largest=16, mean=0.04),
    "horizontal_flip-typical": _EXACT,
    "horizontal_flip-extreme": _EXACT,
    # Floats, whose unit is about 60 levels; in the extreme the values reach 100.
    "normalize-typical": Tolerance(largest=1e-6, mean=1e-6),
    "normalize-extreme": Tolerance(largest=1e-5, mean=1e-5),
    "random_erasing-typical": _EXACT,
    "random_erasing-extreme": _EXACT,
    "random_resized_crop-typical": _HALVES,
    "random_resized_crop-extreme": _HALVES,
    "resize-typical": _HALVES,
    "resize-extreme": _HALVES,
    "vertical_flip-typical": _EXACT,
    "vertical_flip-extreme": _EXACT,
}


def tolerance(name: str, kind: str) -> Tolerance:
    """How far the executors may differ in this op with these parameters."""
    return TOLERANCES.get(f"{name}-{kind}", DEFAULT)


# Each op with each of its parameter sets, as (name, parameters) for `parametrize`.
EVERY_CASE = [
    pytest.param(name, parameters, id=f"{name}-{kind}")
    for name, case in CASES.items()
    for kind, parameters in zip(Case._fields, case, strict=True)
]


def single(name: str, parameters: Parameters) -> Pipeline:
    """A pipeline of that op alone."""
    return Pipeline([{name: dict(parameters)}])
