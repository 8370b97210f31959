"""What fusion changes: nothing but the number of roundings and resamplings.

The oracle is the same chain with a barrier after each op: the draws stay, and each op works on what
the one before left. They are compared where no op has seen its border, on a picture that bends
little, so that what a resampling costs is bounded: at most 1/8 of the second derivatives, here
below 0.4 levels, and half a level of rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import minimum_filter

from augpipe.ops import find_op
from augpipe.pipeline import Pipeline
from cases import SHAPES
from executors import Executor, distance
from pictures import noise

SIZE = (120, 160)
ROWS = np.arange(6)
PER_OP = 1.0


def smooth() -> np.ndarray:
    """(120, 160, 3): waves of 60 pixels and more."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] + 0.5
    waves = [np.sin((x * (1 + c / 2) + y * (2 - c / 2)) / 26 + c) for c in range(3)]
    return (128 + 60 * np.stack(waves, axis=2)).round().astype(np.uint8)


WARPS: dict[str, list[dict[str, Any]]] = {
    "turned twice": [{"rotate": {"degrees": 25}}, {"affine": {"degrees": 30, "shear": 6}}],
    "enlarged": [
        {"affine": {"degrees": 20, "translate": [0.1, 0.1], "scale": [1, 1.3]}},
        {"horizontal_flip": {}},
        {"resize": {"size": [200, 210]}},
    ],
    "from aside": [
        {"perspective": {"distortion_scale": 0.2, "p": 1}},
        {"shift_scale_rotate": {"rotate_limit": 20, "scale_limit": [0, 0.2], "p": 1}},
        {"random_resized_crop": {"size": [100, 130], "scale": [0.5, 0.6], "ratio": [1.3, 1.4]}},
    ],
    "whole pixels, then others": [
        {"random_crop": {"size": [100, 140]}},
        {"vertical_flip": {}},
        {"rotate90": {"turns": [2]}},
        {"zoom_out": {"side_range": [1.2, 1.2], "p": 1}},
        {"rotate": {"degrees": 30}},
    ],
}
# Several ops on colours are one step, too; and how far that may be from several, in levels. Each
# matrix rounds by half a level; tables round alike however they are put together.
COLORS: dict[str, tuple[list[dict[str, Any]], float]] = {
    "matrices": (
        [
            {"brightness": {"factor": [0.7, 1]}},
            {"contrast": {"factor": [0.7, 1.1]}},
            {"saturation": {"factor": [0.5, 1.2]}},
            {"color_matrix": {"matrix": np.full((3, 3), 1 / 3).tolist(), "strength": [0, 0.5]}},
            {"planckian": {"temperature": [5000, 8000]}},
        ],
        3.0,
    ),
    "tables": (
        [
            {"gamma": {"gamma": [0.8, 1.2]}},
            {"solarize": {"threshold": 0.6}},
            {"tone_curve": {"scale": 0.05}},
            {"posterize": {"bits": [5, 8]}},
            {"invert": {}},
        ],
        0.0,
    ),
}


def with_barriers(ops: list[Any]) -> list[Any]:
    return [part for op in ops for part in (op, "barrier")]


def pair(ops: list[Any], execute: Executor, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B, H, W, 3) twice: in as few steps as possible, and one by one."""
    fused, apart = Pipeline(ops), Pipeline(with_barriers(ops))
    assert len(fused.plan(SIZE).steps) == 1
    plans = [pipeline.plan(picture.shape[:2], index=ROWS) for pipeline in (fused, apart)]
    return execute(plans[0], picture), execute(plans[1], picture)


@pytest.mark.parametrize("name", WARPS)
def test_one_resampling_equals_several(name, execute):
    ops = WARPS[name]
    once, one_by_one = pair(ops, execute, smooth())
    white = [execution == 255 for execution in pair(ops, execute, np.full_like(smooth(), 255))]
    inside = minimum_filter((white[0] & white[1]).astype(np.uint8), (1, 5, 5, 1)) == 1
    assert inside.mean(axis=(1, 2, 3)).min() > 0.2
    apart = distance(once, one_by_one)[inside]
    assert apart.max() <= PER_OP * len(ops)
    assert apart.mean() <= 0.25 * len(ops)


@pytest.mark.parametrize("name", COLORS)
def test_one_recolouring_equals_several(name, execute):
    ops, largest = COLORS[name]
    once, one_by_one = pair(ops, execute, smooth())
    assert distance(once, one_by_one).max() <= largest


@pytest.mark.parametrize("degrees", [7, 45, 133])
def test_turning_there_and_back_by_two_resamplings_is_nearly_where_it_began(degrees, execute):
    there, back = ({"rotate": {"degrees": [a, a]}} for a in (degrees, -degrees))
    picture = smooth()
    turned = execute(Pipeline([there, "barrier", back]).plan(SIZE), picture)[0]
    middle = np.s_[35:85, 55:105]
    assert distance(turned[middle], picture[middle]).max() <= 2 * PER_OP


# Strength zero of each op that has any, by its own parameters and not by `p`.
STILL: dict[str, dict[str, Any]] = {
    "affine": {},
    "brightness": {"factor": 0},
    "center_crop": {"size": list(SIZE)},
    "color_jitter": {},
    "color_matrix": {"matrix": np.ones((3, 3)).tolist(), "strength": [0, 0]},
    "contrast": {"factor": 0},
    "defocus": {"radius": [0, 0.5]},
    "downscale": {"scale_range": [1, 1]},
    "elastic": {"alpha": 0},
    "fog": {"fog_coef_range": [0, 0]},
    "fourier_domain_adaptation": {"reference": SHAPES, "beta_limit": [0, 0]},
    "gamma": {"gamma": [1, 1]},
    "gaussian_blur": {"sigma": [0, 0]},
    "gaussian_noise": {"sigma": [0, 0]},
    "grid_distortion": {"distort_limit": 0},
    "grid_mask": {"ratio": 1},
    "histogram_matching": {"reference": SHAPES, "blend_ratio": [0, 0]},
    "hsv": {"hue": 0, "saturation": 0, "value": 0},
    "hue": {"shift": 0},
    "letterbox": {"size": list(SIZE)},
    "median_blur": {"kernel_size": [1, 1]},
    "motion_blur": {"length": [1, 1]},
    "pad": {"min_size": list(SIZE)},
    "pca_lighting": {"std": 0},
    "perspective": {"distortion_scale": 0},
    "pixel_dropout": {"dropout_prob": 0},
    "planckian": {"temperature": [6500, 6500]},
    "posterize": {"bits": 8},
    "rain": {"density": [0, 0], "darkness": [0, 0]},
    "random_crop": {"size": list(SIZE)},
    "random_resized_crop": {"size": list(SIZE), "scale": [1, 1], "ratio": [4 / 3, 4 / 3]},
    "resize": {"size": list(SIZE)},
    "rotate": {"degrees": 0},
    "rotate90": {"turns": [0]},
    "salt_pepper": {"amount": [0, 0]},
    "saturation": {"factor": 0},
    "shadow": {"shadow_intensity_range": [0, 0]},
    "sharpen": {"sharpness_factor": [1, 1]},
    "shift_scale_rotate": {"shift_limit": 0, "scale_limit": 0, "rotate_limit": 0},
    "shot_noise": {"scale": [0, 0]},
    "snow": {"density": [0, 0], "whiteness": [0, 0]},
    "tone_curve": {"scale": 0},
    "zoom_out": {"side_range": [1, 1]},
}


@pytest.mark.parametrize("name", STILL)
def test_no_strength_is_no_change(name, execute):
    acts = {"p": 1} if "p" in find_op(name).model_fields else {}
    picture = noise(*SIZE)
    plan = Pipeline([{name: {**STILL[name], **acts}}]).plan(SIZE, index=ROWS)
    assert (execute(plan, picture) == picture).all()
