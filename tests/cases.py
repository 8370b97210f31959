"""Every op with typical and with extreme parameters, and how far two executors may differ.

A new op gets one row in `CASES`. It gets one in `TOLERANCES` only where the default is not true of
it or could be tighter, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from augpipe.pipeline import Pipeline

Parameters = Mapping[str, Any]


SHAPES = str(Path(__file__).parents[1] / "samples" / "shapes")


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
    "aug_mix": Case(
        {"p": 0.5},
        {
            "severity": 10,
            "mixture_width": 5,
            "chain_depth": 4,
            "alpha": 0.1,
            "all_ops": False,
            "interpolation": "nearest",
            "fill": [255, 0, 128],
            "p": 1,
        },
    ),
    "auto_augment": Case({"p": 0.5}, {"policy": "svhn", "interpolation": "bilinear", "p": 1}),
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
    "copy_paste": Case({"paste": 1, "p": 0.5}, {"paste": 0.1}),
    "cutmix": Case({"alpha": 8, "p": 0.5}, {"alpha": 0.01, "correct_lam": False}),
    "cutout": Case({"p": 0.5}, {"n_holes": 64, "length": 9, "fill": [255, 0.4, 300]}),
    "defocus": Case({"p": 0.5}, {"radius": [0, 9], "p": 1}),
    "downscale": Case({"p": 0.5}, {"scale_range": [1e-4, 1], "interpolation": "bilinear", "p": 1}),
    "elastic": Case(
        {"p": 0.5},
        {
            "alpha": [900, 200],
            "sigma": [9, 3],
            "fill": [255, 0, 128],
            "p": 1,
        },
    ),
    "equalize": Case({"p": 0.5}, {"p": 1}),
    "fourier_domain_adaptation": Case(
        {"reference": SHAPES, "p": 0.5},
        {"reference": [SHAPES, f"{SHAPES}/star/00.jpg"], "beta_limit": [0, 0.5], "p": 1},
    ),
    "fog": Case(
        {"p": 0.5},
        {"fog_coef_range": [0, 1], "patchiness": 1, "patch_size": 0.02, "color": 255, "p": 1},
    ),
    "gamma": Case({"gamma": [0.5, 0.8], "p": 0.8}, {"gamma": [0.01, 100]}),
    "gaussian_blur": Case({"sigma": [0.5, 2.0], "p": 0.5}, {"sigma": [0, 30]}),
    "gaussian_noise": Case({"p": 0.5}, {"sigma": [0, 3], "per_channel": False, "p": 1}),
    "five_crop": Case({"size": [24, 30]}, {"size": [1, 30]}),
    "generator": Case(
        {"model": "models:Negative", "p": 0.5},
        {"model": "torch.nn:Identity", "scale": "signed", "blend_ratio": [0, 1], "p": 1},
    ),
    "grayscale": Case({"p": 0.5}, {"p": 1}),
    "grid_distortion": Case({"p": 0.5}, {"num_steps": 64, "distort_limit": [-0.99, 1], "p": 1}),
    "grid_mask": Case({"p": 0.5}, {"unit": [1e-4, 1], "ratio": 0.01, "fill": 255, "p": 1}),
    "histogram_matching": Case(
        {"reference": SHAPES, "p": 0.5},
        {"reference": f"{SHAPES}/star", "blend_ratio": [0, 1], "p": 1},
    ),
    "horizontal_flip": Case({"p": 0.5}, {"p": 1}),
    "hsv": Case({"p": 0.8}, {"hue": 0.5, "saturation": [0, 5], "value": [0, 5]}),
    "hue": Case({"p": 0.8}, {"shift": 0.5}),
    "invert": Case({"p": 0.5}, {"p": 1}),
    "jpeg_compression": Case({"p": 0.5}, {"quality": [1, 100], "p": 1}),
    "letterbox": Case({"size": [48, 64]}, {"size": [200, 33], "fill": [255, 0, 128]}),
    "median_blur": Case({"p": 0.5}, {"kernel_size": [1, 15], "p": 1}),
    "mixup": Case({"alpha": 8, "p": 0.5}, {"alpha": 0.01}),
    # The size of the tests' pictures, which a letterbox of that size leaves as they are.
    "mosaic": Case({"size": [75, 100], "p": 0.5}, {"size": [75, 100], "center_range": [0, 1]}),
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
    "rand_augment": Case(
        {"p": 0.5},
        {"num_ops": 3, "magnitude": 30, "interpolation": "bilinear", "fill": [255, 0, 128]},
    ),
    "rain": Case(
        {"p": 0.5},
        {
            "density": [0, 1],
            "darkness": [0, 1],
            "drop_length": 1,
            "drop_width": 0.1,
            "drop_color": [255, 0, 128],
            "slant_range": 45,
            "p": 1,
        },
    ),
    "random_crop": Case(
        {"size": [24, 30], "padding": 4},
        {"size": [99, 7], "padding": [20, 0], "pad_if_needed": True, "border": "replicate"},
    ),
    "random_erasing": Case({"p": 0.5}, {"p": 1, "scale": [1e-4, 1], "ratio": [0.05, 20]}),
    # Without boxes it does nothing; see test_crop_boxes.
    "random_iou_crop": Case({"p": 0.5}, {"scale": [0.1, 1], "trials": 3}),
    "random_order": Case(
        {"ops": [{"affine": {"degrees": 30}}, "posterize", {"horizontal_flip": {}}], "p": 0.8},
        {"ops": ["random_erasing", {"random_order": {"ops": ["invert", "vertical_flip"]}}]},
    ),
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
    "shadow": Case(
        {"p": 0.5},
        {
            "num_shadows_limit": [1, 8],
            "shadow_dimension": 16,
            "shadow_intensity_range": [0, 1],
            "size_range": [1e-4, 1],
            "softness": 1,
            "p": 1,
        },
    ),
    "sharpen": Case({"p": 0.5}, {"sharpness_factor": [0, 50], "p": 1}),
    "shift_scale_rotate": Case(
        {"p": 0.8},
        {"shift_limit": 0.5, "scale_limit": [-0.9, 7], "rotate_limit": 180, "fill": 255, "p": 1},
    ),
    "shot_noise": Case({"p": 0.5}, {"scale": [0, 9], "per_channel": False, "p": 1}),
    "snow": Case(
        {"p": 0.5},
        {
            "density": [0, 1],
            "whiteness": [0, 1],
            "flake_size": 0.5,
            "slant_range": 45,
            "p": 1,
        },
    ),
    "solarize": Case({"p": 0.5}, {"threshold": [0, 1], "p": 1}),
    "some_of": Case(
        {"ops": [{"affine": {"degrees": 30}}, {"color_jitter": {"brightness": 0.4}}], "n": [0, 2]},
        {"ops": ["horizontal_flip", "vertical_flip", "random_erasing"], "n": 3},
    ),
    "sometimes": Case({"ops": ["hsv", "gaussian_blur"]}, {"ops": ["horizontal_flip"], "p": 1}),
    "ten_crop": Case({"size": [24, 30]}, {"size": [31, 1], "vertical_flip": True}),
    "three_augment": Case({"p": 0.5}, {"sigma": [0, 9], "threshold": 0, "p": 1}),
    "to_float": Case({}, {}),
    "tone_curve": Case({"p": 0.8}, {"scale": 1, "per_channel": True}),
    "trivial_augment_wide": Case({"p": 0.5}, {"num_magnitude_bins": 2, "p": 1}),
    "vertical_flip": Case({"p": 0.5}, {"p": 1}),
    "views": Case({}, {"n": 64}),
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

# A level apart, on either side of a threshold: solarize, posterize or equalize part them further.
# Of few pixels: those of the executors' own differences that meet one.
_THRESHOLD = Tolerance(largest=255, mean=0.02)

TOLERANCES: dict[str, Tolerance] = {
    "aug_mix-typical": Tolerance(largest=64, mean=0.005),
    "auto_augment-typical": _THRESHOLD,
    "auto_augment-extreme": _THRESHOLD,
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
    "histogram_matching-typical": _EXACT,
    "histogram_matching-extreme": _EXACT,
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
    "rand_augment-typical": _THRESHOLD,
    "rand_augment-extreme": _THRESHOLD,
    "random_crop-typical": _EXACT,
    "random_crop-extreme": _EXACT,
    "random_erasing-typical": _EXACT,
    "random_erasing-extreme": _EXACT,
    # Posterize to 4 bits after the affine: levels between which it rounds are 16 apart.
    "random_order-typical": Tolerance(largest=16, mean=0.001),
    "random_order-extreme": _EXACT,
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
    "snow-typical": _FIXED_POINT,
    "snow-extreme": _FIXED_POINT,
    "solarize-typical": _EXACT,
    "solarize-extreme": _EXACT,
    "three_augment-typical": _FIXED_POINT,
    "three_augment-extreme": _FIXED_POINT,
    "tone_curve-typical": _EXACT,
    "tone_curve-extreme": _EXACT,
    # Where the affine rounds apart, the jitter multiplies by up to 1.4.
    "some_of-typical": Tolerance(largest=2, mean=0.02),
    "trivial_augment_wide-typical": _FIXED_POINT,
    "trivial_augment_wide-extreme": _FIXED_POINT,
    "five_crop-typical": _EXACT,
    "five_crop-extreme": _EXACT,
    "ten_crop-typical": _EXACT,
    "ten_crop-extreme": _EXACT,
    "vertical_flip-typical": _EXACT,
    "vertical_flip-extreme": _EXACT,
    "zoom_out-typical": _EXACT,
    "zoom_out-extreme": _EXACT,
}


def tolerance(name: str, kind: str) -> Tolerance:
    """How far the executors may differ in this op with these parameters."""
    return TOLERANCES.get(f"{name}-{kind}", DEFAULT)


_PARTNERS = "partners are rows of a dataset, which workers open (of batches, see test_mix)"

# Ops of which torch has no kernel, and why; the general tests leave torch out for these alone.
CPU_ONLY: dict[str, str] = {
    "copy_paste": _PARTNERS,
    "cutmix": _PARTNERS,
    "jpeg_compression": "a codec works on one picture at a time",
    "mixup": _PARTNERS,
    "mosaic": _PARTNERS,
}

# Ops that OpenCV refuses, and why; the general tests leave OpenCV out for these alone.
TORCH_ONLY: dict[str, str] = {
    "generator": "a model runs on whole batches, on their device",
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
