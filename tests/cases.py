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
    "auto_contrast": Case({"p": 0.5}, {"p": 1}),
    "barrier": Case({}, {}),
    "brightness": Case({"p": 0.8}, {"factor": [0, 20]}),
    "center_crop": Case({"size": [24, 30]}, {"size": [1, 7]}),
    "channel_drop": Case({"p": 0.5}, {"channels": [1, 2], "fill": 127.5, "p": 1}),
    "channel_shuffle": Case({"p": 0.5}, {"p": 1}),
    "clahe": Case({"p": 0.5}, {"clip_limit": [0.001, 60], "tiles": [3, 64], "p": 1}),
    "coarse_dropout": Case(
        {"p": 0.5},
        {
            "num_holes_range": [1, 64],
            "hole_height_range": [1e-4, 1],
            "hole_width_range": [1e-4, 1],
            "fill": [255, 0.4, 300],
            "p": 1,
        },
    ),
    "color_jitter": Case(
        {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "p": 0.8},
        {"brightness": 3, "contrast": 3, "saturation": 3, "hue": 0.5},
    ),
    "color_matrix": Case(
        {"matrix": [[0.4, 0.5, 0.1], [0.3, 0.6, 0.1], [0, 0.2, 0.8]], "strength": [0.5, 1]},
        {"matrix": [[2, 0, -2, 0.5], [0, -3, 0, 1], [1, 1, 1, -1]], "strength": [0, 2]},
    ),
    "contrast": Case({"p": 0.8}, {"factor": [0, 20]}),
    "cutout": Case({"p": 0.5}, {"n_holes": 64, "length": 9, "fill": [255, 0.4, 300]}),
    "defocus": Case({"p": 0.5}, {"radius": [0, 9], "p": 1}),
    "downscale": Case({"p": 0.5}, {"scale_range": [1e-4, 1], "interpolation": "bilinear", "p": 1}),
    "equalize": Case({"p": 0.5}, {"p": 1}),
    "gamma": Case({"gamma": [0.5, 0.8], "p": 0.8}, {"gamma": [0.01, 100]}),
    "gaussian_blur": Case({"sigma": [0.5, 2.0], "p": 0.5}, {"sigma": [0, 30]}),
    "gaussian_noise": Case({"p": 0.5}, {"sigma": [0, 3], "per_channel": False, "p": 1}),
    "grayscale": Case({"p": 0.5}, {"p": 1}),
    "grid_mask": Case({"p": 0.5}, {"unit": [1e-4, 1], "ratio": 0.01, "fill": 255, "p": 1}),
    "horizontal_flip": Case({"p": 0.5}, {"p": 1}),
    "hsv": Case({"p": 0.8}, {"hue": 0.5, "saturation": [0, 5], "value": [0, 5]}),
    "hue": Case({"p": 0.8}, {"shift": 0.5}),
    "invert": Case({"p": 0.5}, {"p": 1}),
    "jpeg_compression": Case({"p": 0.5}, {"quality": [1, 100], "p": 1}),
    "letterbox": Case({"size": [48, 64]}, {"size": [200, 33], "fill": [255, 0, 128]}),
    "median_blur": Case({"p": 0.5}, {"kernel_size": [1, 15], "p": 1}),
    "motion_blur": Case({"p": 0.5}, {"length": [1, 30], "angle": [-720, 720], "p": 1}),
    "normalize": Case({}, {"mean": [0, 0, 0], "std": [0.01, 1, 100]}),
    "one_of": Case(
        {"ops": [{"affine": {"degrees": 30}}, {"gaussian_blur": {}}, {"hsv": {}}], "p": 0.8},
        {"ops": [{"one_of": {"ops": ["horizontal_flip"]}}]},
    ),
    "pad": Case(
        {"padding": [3, 5, 7, 0]},
        {"padding": 150, "min_size": [401, 1], "border": "reflect"},
    ),
    "pca_lighting": Case({"p": 0.8}, {"std": 3}),
    "perspective": Case({"p": 0.8}, {"distortion_scale": 0.6, "p": 1, "fill": [255, 0, 128]}),
    "pixel_dropout": Case(
        {"p": 0.5}, {"dropout_prob": 1, "per_channel": True, "drop_value": [255, 0.4, 300], "p": 1}
    ),
    "planckian": Case({"p": 0.8}, {"temperature": [2000, 15000]}),
    "posterize": Case({"p": 0.5}, {"bits": [1, 8], "p": 1}),
    "random_crop": Case(
        {"size": [24, 30], "padding": 4},
        {"size": [99, 7], "padding": [20, 0], "pad_if_needed": True, "border": "replicate"},
    ),
    "random_erasing": Case({"p": 0.5}, {"p": 1, "scale": [1e-4, 1], "ratio": [0.05, 20]}),
    "random_resized_crop": Case(
        {"size": [48, 64]}, {"size": [33, 7], "scale": [1e-4, 1], "ratio": [0.05, 20]}
    ),
    "resize": Case({"size": [50, 40]}, {"size": [200, 3]}),
    "rotate": Case({"degrees": 15, "p": 0.8}, {"degrees": 180, "border": "reflect"}),
    # Turns that keep each picture's shape, which one batch needs; the others have tests of their
    # own. So have canvases of random size (zoom_out).
    "rotate90": Case({"turns": [2], "p": 0.5}, {"turns": [3]}),
    "salt_pepper": Case({"p": 0.5}, {"amount": [0, 1], "salt_vs_pepper": [0, 1], "p": 1}),
    "saturation": Case({"p": 0.8}, {"factor": [0, 20]}),
    "sharpen": Case({"p": 0.5}, {"sharpness_factor": [0, 50], "p": 1}),
    "shift_scale_rotate": Case(
        {"p": 0.8},
        {"shift_limit": 0.5, "scale_limit": [-0.9, 7], "rotate_limit": 180, "fill": 255, "p": 1},
    ),
    "shot_noise": Case({"p": 0.5}, {"scale": [0, 9], "per_channel": False, "p": 1}),
    "solarize": Case({"p": 0.5}, {"threshold": [0, 1], "p": 1}),
    "some_of": Case(
        {"ops": [{"affine": {"degrees": 30}}, {"color_jitter": {"brightness": 0.4}}], "n": [0, 2]},
        {"ops": ["horizontal_flip", "vertical_flip", "random_erasing"], "n": 3},
    ),
    "sometimes": Case({"ops": ["hsv", "gaussian_blur"]}, {"ops": ["horizontal_flip"], "p": 1}),
    "to_float": Case({}, {}),
    "tone_curve": Case({"p": 0.8}, {"scale": 1, "per_channel": True}),
    "vertical_flip": Case({"p": 0.5}, {"p": 1}),
    "zoom_out": Case(
        {"side_range": [1.5, 1.5], "p": 1},
        {"side_range": [4, 4], "fill": [255, 0, 128], "p": 1},
    ),
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

# OpenCV multiplies pixels with a matrix that mixes channels in fixed point.
_FIXED_POINT = Tolerance(largest=1, mean=0.06)

TOLERANCES: dict[str, Tolerance] = {
    "auto_contrast-typical": _EXACT,
    "auto_contrast-extreme": _EXACT,
    "center_crop-typical": _EXACT,
    "center_crop-extreme": _EXACT,
    "channel_drop-typical": _EXACT,
    "channel_drop-extreme": _EXACT,
    "channel_shuffle-typical": _EXACT,
    "channel_shuffle-extreme": _EXACT,
    "coarse_dropout-typical": _EXACT,
    "coarse_dropout-extreme": _EXACT,
    # OpenCV's matrix works in fixed point, so the first of three steps may differ by one level.
    # What follows multiplies that by up to 1.4 * 1.4, and through the hue once more; in the
    # extreme by 4 * 4.
    "color_jitter-typical": Tolerance(largest=4, mean=0.06),
    "color_jitter-extreme": Tolerance(largest=16, mean=0.04),
    "color_matrix-typical": _FIXED_POINT,
    "color_matrix-extreme": _FIXED_POINT,
    "cutout-typical": _EXACT,
    "cutout-extreme": _EXACT,
    "equalize-typical": _EXACT,
    "equalize-extreme": _EXACT,
    "gamma-typical": _EXACT,
    "gamma-extreme": _EXACT,
    "downscale-typical": _HALVES,
    "downscale-extreme": _HALVES,
    "gaussian_noise-typical": _EXACT,
    "gaussian_noise-extreme": _EXACT,
    "grayscale-typical": _FIXED_POINT,
    "grayscale-extreme": _FIXED_POINT,
    "grid_mask-typical": _EXACT,
    "grid_mask-extreme": _EXACT,
    "horizontal_flip-typical": _EXACT,
    "horizontal_flip-extreme": _EXACT,
    "invert-typical": _EXACT,
    "invert-extreme": _EXACT,
    "letterbox-typical": _HALVES,
    "letterbox-extreme": _HALVES,
    "median_blur-typical": _EXACT,
    "median_blur-extreme": _EXACT,
    # Floats, whose unit is about 60 levels; in the extreme the values reach 100.
    "normalize-typical": Tolerance(largest=1e-6, mean=1e-6),
    "normalize-extreme": Tolerance(largest=1e-5, mean=1e-5),
    "pad-typical": _EXACT,
    "pad-extreme": _EXACT,
    "pixel_dropout-typical": _EXACT,
    "pixel_dropout-extreme": _EXACT,
    "posterize-typical": _EXACT,
    "posterize-extreme": _EXACT,
    "random_crop-typical": _EXACT,
    "random_crop-extreme": _EXACT,
    "random_erasing-typical": _EXACT,
    "random_erasing-extreme": _EXACT,
    "random_resized_crop-typical": _HALVES,
    "random_resized_crop-extreme": _HALVES,
    "resize-typical": _HALVES,
    "resize-extreme": _HALVES,
    "rotate90-typical": _EXACT,
    "rotate90-extreme": _EXACT,
    "salt_pepper-typical": _EXACT,
    "salt_pepper-extreme": _EXACT,
    "saturation-typical": _FIXED_POINT,
    "saturation-extreme": _FIXED_POINT,
    "shot_noise-typical": _EXACT,
    "shot_noise-extreme": _EXACT,
    "solarize-typical": _EXACT,
    "solarize-extreme": _EXACT,
    "tone_curve-typical": _EXACT,
    "tone_curve-extreme": _EXACT,
    # Where the affine rounds apart, the jitter multiplies by up to 1.4.
    "some_of-typical": Tolerance(largest=2, mean=0.02),
    "vertical_flip-typical": _EXACT,
    "vertical_flip-extreme": _EXACT,
    "zoom_out-typical": _EXACT,
    "zoom_out-extreme": _EXACT,
}


def tolerance(name: str, kind: str) -> Tolerance:
    """How far the executors may differ in this op with these parameters."""
    return TOLERANCES.get(f"{name}-{kind}", DEFAULT)


# Ops of which torch has no kernel, and why; the general tests leave torch out for these alone.
CPU_ONLY: dict[str, str] = {
    "jpeg_compression": "a codec works on one picture at a time",
}

# Each op with each of its parameter sets, as (name, parameters) for `parametrize`.
EVERY_CASE = [
    pytest.param(name, parameters, id=f"{name}-{kind}")
    for name, case in CASES.items()
    for kind, parameters in zip(Case._fields, case, strict=True)
]


def single(name: str, parameters: Parameters) -> Pipeline:
    """A pipeline of that op alone."""
    return Pipeline([{name: dict(parameters)}])
