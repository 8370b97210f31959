"""Every number that any op draws, against the law that its documentation names.

And no two of an op's numbers are made of one draw: they are uncorrelated, but for those that a
definition ties together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats
from torchvision.transforms import v2

from augpipe.ops import find_op, make_op
from augpipe.rng import uniforms
from cases import CASES, SHAPES
from laws import (
    Continuous,
    Discrete,
    Law,
    Mixed,
    Where,
    always,
    beta,
    log_uniform,
    normal,
    one_of,
    searched,
    searched_angle,
    signed,
    transforms_of,
    uniform,
)

ROWS = 6000


class Spec(NamedTuple):
    """Parameters of an op, and the laws of what it then draws.

    Attributes:
        name: the op's.
        parameters: as a recipe spells them.
        laws: for a parameter, one law of all its numbers, or one for each place in its last axis.
        tied: parameters whose numbers depend on each other, or on others.
    """

    name: str
    parameters: Mapping[str, Any]
    laws: Mapping[str, Law | list[Law]]
    tied: tuple[str, ...] = ()


def turns(corners: np.ndarray) -> np.ndarray:
    """Directions of (..., 2) points, seen from the middle of the picture, in turns."""
    x, y = np.moveaxis(corners - 0.5, -1, 0)
    return np.arctan2(y, x) / (2 * np.pi) % 1


def half_axes(corners: np.ndarray) -> np.ndarray:
    """(N, 2): of the ellipse about the middle of the picture that (N, 1, k, 2) points lie on."""
    return (np.linalg.pinv((corners[:, 0] - 0.5) ** 2).sum(axis=-1)) ** -0.5


UNIT, SEED = uniform(0, 1), uniform(0, 2**32)
FIRST = partial(Continuous, of=lambda values: values[..., 0])
FILES = one_of(*(str(file) for file in Path(SHAPES).rglob("*.[jp][pn]g")))
RECTANGLE = {"area": uniform(0.1, 0.4), "ratio": log_uniform(0.5, 3), "place": UNIT}
ONE_SHADOW = {"num_shadows_limit": [1, 1], "shadow_dimension": 4, "shadow_roi": [0.5] * 4}
FALLING = {"density": uniform(0.2, 0.5), "slant": uniform(-20, 10), "seed": SEED}
MEMBERS = [{"hue": {"shift": [-0.1, 0.3]}}, {"gamma": {"gamma": [0.5, 4]}}]
MEMBER_NAMES = ("0.hue.shift", "1.gamma.gamma")


def acting(share: float) -> dict[str, Law | list[Law]]:
    """Of the members, each of which acts so often."""
    return {
        "0.hue.shift": Mixed(share, uniform(-0.1, 0.3), 0.0),
        "1.gamma.gamma": Mixed(share, log_uniform(0.5, 4), 1.0),
    }


SPECS = [
    Spec(
        "affine",
        {"degrees": [-10, 30], "translate": [0.1, 0.2], "scale": [0.5, 2], "shear": [-1, 2, 3, 4]},
        {
            "angle_deg": uniform(-10, 30),
            "shift": [uniform(-0.1, 0.1), uniform(-0.2, 0.2)],
            "scale": uniform(0.5, 2),
            "shear_deg": [uniform(-1, 2), uniform(3, 4)],
        },
    ),
    Spec(
        "aug_mix",
        {"alpha": 0.5, "mixture_width": 3, "severity": 3},
        {
            "share": beta(0.5, 0.5),
            "chains": [beta(0.5, 1.0)] * 3,
            "transform": [
                Discrete(
                    dict.fromkeys(transforms_of(v2.AugMix), deep / 13) | {"identity": 1 - deep}
                )
                for deep in (1, 2 / 3, 1 / 3)
            ],
            "magnitude": Where(
                "transform",
                {
                    "rotate": signed(0, 30 / 9, 60 / 9),
                    "shear_x": signed(0, 0.3 / 9, 0.6 / 9),
                    "solarize": one_of(1, 8 / 9, 7 / 9),
                    "equalize": always(0),
                },
            ),
        },
        tied=("chains", "magnitude"),
    ),
    Spec(
        "auto_augment",
        {},
        {
            "transform": [searched(0), searched(1)],
            "magnitude": [searched_angle(0), searched_angle(1)],
        },
        tied=("magnitude",),
    ),
    Spec("brightness", {"factor": [0.2, 3]}, {"factor": uniform(0.2, 3)}),
    Spec("channel_drop", {"channels": [1, 2]}, {"dropped": [one_of(0, 1)] * 3}, tied=("dropped",)),
    Spec("channel_shuffle", {}, {"order": one_of(1, 2, 3, 4, 5)}),
    Spec("clahe", {"clip_limit": [2, 9]}, {"clip_limit": uniform(2, 9)}),
    Spec(
        "coarse_dropout",
        {
            "num_holes_range": [2, 4],
            "hole_height_range": [0.1, 0.2],
            "hole_width_range": [0.3, 0.9],
        },
        {
            "count": one_of(2, 3, 4),
            "height": uniform(0.1, 0.2),
            "width": uniform(0.3, 0.9),
            "place": UNIT,
        },
    ),
    Spec(
        "color_jitter",
        {"brightness": [0, 3], "contrast": [1, 2], "saturation": [0.5, 1], "hue": [-0.4, 0.1]},
        {
            "brightness": uniform(0, 3),
            "contrast": uniform(1, 2),
            "saturation": uniform(0.5, 1),
            "hue": uniform(-0.4, 0.1),
            "order": [one_of(0, 1, 2, 3)] * 4,
        },
        tied=("order",),
    ),
    Spec(
        "color_matrix",
        {"matrix": np.eye(3).tolist(), "strength": [0.2, 2]},
        {"strength": uniform(0.2, 2)},
    ),
    Spec("contrast", {"factor": [0.2, 3]}, {"factor": uniform(0.2, 3)}),
    Spec("copy_paste", {"paste": 0.3}, {"paste": always(0.3), "seed": SEED, "partner": UNIT}),
    Spec("cutmix", {"alpha": 0.5}, {"lam": beta(0.5, 0.5), "centre": UNIT, "partner": UNIT}),
    Spec("cutout", {"n_holes": 3, "length": 9}, {"length_px": always(9), "centre": UNIT}),
    Spec("defocus", {"radius": [2, 5]}, {"radius_px": uniform(2, 5)}),
    Spec("downscale", {"scale_range": [0.1, 0.3]}, {"scale": uniform(0.1, 0.3)}),
    Spec("elastic", {"alpha": [30, 60]}, {"alpha": [always(30), always(60)], "seed": SEED}),
    Spec("fog", {"fog_coef_range": [0.1, 0.3]}, {"opacity": uniform(0.1, 0.3), "seed": SEED}),
    Spec(
        "fourier_domain_adaptation",
        {"reference": SHAPES, "beta_limit": [0.1, 0.3]},
        {"reference": FILES, "beta": uniform(0.1, 0.3)},
    ),
    Spec("gamma", {"gamma": [0.5, 4]}, {"gamma": log_uniform(0.5, 4)}),
    Spec("gaussian_blur", {"sigma": [0.5, 3]}, {"sigma_px": uniform(0.5, 3)}),
    Spec("gaussian_noise", {"sigma": [0.1, 0.3]}, {"sigma": uniform(0.1, 0.3), "seed": SEED}),
    Spec(
        "generator",
        {"model": "torch.nn:Identity", "blend_ratio": [0.2, 0.6]},
        {"blend_ratio": uniform(0.2, 0.6)},
    ),
    Spec(
        "grid_distortion",
        {"num_steps": 3, "distort_limit": [-0.5, 0.2]},
        {"steps_x": uniform(0.5, 1.2), "steps_y": uniform(0.5, 1.2)},
    ),
    Spec(
        "grid_mask",
        {"unit": [0.2, 0.9], "ratio": 0.3},
        {"unit": uniform(0.2, 0.9), "ratio": always(0.3), "offset": UNIT},
    ),
    Spec(
        "histogram_matching",
        {"reference": SHAPES, "blend_ratio": [0.1, 0.3]},
        {"reference": FILES, "blend_ratio": uniform(0.1, 0.3)},
    ),
    Spec(
        "hsv",
        {"hue": [-0.4, 0.1], "saturation": [0, 3], "value": [1, 2]},
        {"hue": uniform(-0.4, 0.1), "saturation": uniform(0, 3), "value": uniform(1, 2)},
    ),
    Spec("hue", {"shift": [-0.4, 0.1]}, {"shift": uniform(-0.4, 0.1)}),
    Spec("jpeg_compression", {"quality": [90, 95]}, {"quality": one_of(*range(90, 96))}),
    Spec("median_blur", {"kernel_size": [3, 9]}, {"kernel_px": one_of(3, 5, 7, 9)}),
    Spec("mixup", {"alpha": 0.2}, {"lam": beta(0.2, 0.2), "partner": UNIT}),
    Spec(
        "mosaic",
        {"size": 32, "center_range": [0.3, 0.6]},
        {"tiled": always(1), "center": uniform(0.3, 0.6), "partner": UNIT},
    ),
    Spec(
        "motion_blur",
        {"length": [3, 9], "angle": [-20, 50]},
        {"length_px": uniform(3, 9), "angle": uniform(-20, 50)},
    ),
    Spec("one_of", {"ops": MEMBERS, "p": 0.8}, acting(0.4), tied=MEMBER_NAMES),
    Spec("pca_lighting", {"std": 0.3}, {"alpha": normal(0.3)}),
    Spec("perspective", {"distortion_scale": 0.4}, {"inwards": uniform(0, 0.2)}),
    Spec("pixel_dropout", {"dropout_prob": 0.3}, {"dropout_prob": always(0.3), "seed": SEED}),
    Spec(
        "planckian",
        {"temperature": [2500, 12000]},
        {
            "temperature_k": Continuous(
                stats.uniform(1 / 12000, 1 / 2500 - 1 / 12000), of=np.reciprocal
            )
        },
    ),
    Spec("posterize", {"bits": [3, 6]}, {"bits": one_of(3, 4, 5, 6)}),
    Spec(
        "rain",
        {"density": [0.2, 0.5], "darkness": [0.4, 0.6], "slant_range": [-20, 10]},
        {"darkness": uniform(0.4, 0.6), **FALLING},
    ),
    Spec(
        "rand_augment",
        {},
        {
            "transform": one_of(*transforms_of(v2.RandAugment)),
            "magnitude": Where(
                "transform",
                {
                    "rotate": signed(9.0),
                    "shear_y": signed(0.09),
                    "color": signed(0.27),
                    "solarize": always(0.7),
                    "posterize": always(7),
                    "identity": always(0),
                },
            ),
        },
    ),
    Spec("random_crop", {"size": 8}, {"place": UNIT}),
    Spec("random_erasing", {"scale": [0.1, 0.4], "ratio": [0.5, 3]}, {**RECTANGLE, "seed": SEED}),
    Spec(
        "random_iou_crop",
        {"scale": [0.4, 0.9], "sampler_options": [0, 0.5, 0.7, 1], "trials": 3},
        {
            "min_overlap": one_of(0, 0.5, 0.7, 1),
            "crops": [uniform(0.4, 0.9), uniform(0.4, 0.9), UNIT, UNIT],
        },
    ),
    Spec(
        "random_order",
        {"ops": MEMBERS},
        {**acting(1.0), "order": [one_of(0, 1)] * 2},
        tied=("order",),
    ),
    Spec("random_resized_crop", {"size": 8, "scale": [0.1, 0.4], "ratio": [0.5, 3]}, RECTANGLE),
    Spec("rotate", {"degrees": [-10, 50]}, {"angle_deg": uniform(-10, 50)}),
    Spec("rotate90", {"turns": [0, 2, 3]}, {"turns": one_of(0, 2, 3)}),
    Spec(
        "salt_pepper",
        {"amount": [0.1, 0.4], "salt_vs_pepper": [0.2, 0.3]},
        {"amount": uniform(0.1, 0.4), "salt": uniform(0.2, 0.3), "seed": SEED},
    ),
    Spec("saturation", {"factor": [0.2, 3]}, {"factor": uniform(0.2, 3)}),
    Spec(
        "shadow",
        {"num_shadows_limit": [1, 3], "shadow_intensity_range": [0.2, 0.6]},
        {"intensity": [Mixed(share, uniform(0.2, 0.6), 0.0) for share in (1, 2 / 3, 1 / 3)]},
        tied=("intensity",),
    ),
    # So small that corners are centres.
    Spec(
        "shadow",
        {
            "num_shadows_limit": [2, 2],
            "size_range": [1e-9, 1e-9],
            "shadow_roi": [0.1, 0.2, 0.4, 0.9],
        },
        {"corners": [FIRST(stats.uniform(0.1, 0.3)), FIRST(stats.uniform(0.2, 0.7))]},
        tied=("corners",),
    ),
    # Round, about one point: the four corners lie in the first 0.8 of their quarters.
    Spec(
        "shadow",
        {**ONE_SHADOW, "size_range": [0.25, 0.25]},
        {"corners": Continuous(stats.uniform(0, 0.2), of=lambda xy: turns(xy) % 0.25)},
        tied=("corners",),
    ),
    Spec(
        "shadow",
        {**ONE_SHADOW, "size_range": [0.1, 0.4]},
        {"corners": Continuous(stats.uniform(0.1, 0.3), of=half_axes)},
        tied=("corners",),
    ),
    Spec("sharpen", {"sharpness_factor": [0.5, 4]}, {"factor": uniform(0.5, 4)}),
    Spec(
        "shift_scale_rotate",
        {"shift_limit": [0.1, 0.3], "scale_limit": [-0.5, 1], "rotate_limit": [-10, 50]},
        {"shift": uniform(0.1, 0.3), "scale": uniform(0.5, 2), "angle_deg": uniform(-10, 50)},
    ),
    Spec("shot_noise", {"scale": [0.1, 0.3]}, {"scale": uniform(0.1, 0.3), "seed": SEED}),
    Spec(
        "snow",
        {"density": [0.2, 0.5], "whiteness": [0.4, 0.6], "slant_range": [-20, 10]},
        {"whiteness": uniform(0.4, 0.6), **FALLING},
    ),
    Spec("solarize", {"threshold": [0.3, 0.9]}, {"threshold": uniform(0.3, 0.9)}),
    Spec("some_of", {"ops": MEMBERS, "n": [0, 1], "p": 0.8}, acting(0.2), tied=MEMBER_NAMES),
    Spec("sometimes", {"ops": MEMBERS, "p": 0.3}, acting(0.3), tied=MEMBER_NAMES),
    Spec(
        "three_augment",
        {"sigma": [1, 3], "threshold": 51},
        {
            "transform": one_of("grayscale", "solarize", "gaussian_blur"),
            "magnitude": Where(
                "transform",
                {"grayscale": always(0), "solarize": always(0.2), "gaussian_blur": uniform(1, 3)},
            ),
        },
    ),
    Spec("tone_curve", {"scale": 0.2, "per_channel": True}, {"bend": normal(0.2)}),
    Spec(
        "trivial_augment_wide",
        {},
        {
            "transform": one_of(*transforms_of(v2.TrivialAugmentWide, translate="translate_px")),
            "magnitude": Where(
                "transform",
                {
                    "rotate": signed(*np.linspace(0, 135, 31)),
                    "shear_x": signed(*np.linspace(0, 0.99, 31)),
                    "solarize": one_of(*np.linspace(1, 0, 31)),
                },
            ),
        },
    ),
    Spec("zoom_out", {"side_range": [1.5, 3]}, {"side": uniform(1.5, 3), "place": UNIT}),
]

EVERY_SPEC = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)


def drawn_by(spec: Spec) -> dict[str, np.ndarray]:
    """What the op draws for many samples; it acts in all of them, unless its parameters say so."""
    op = find_op(spec.name)
    act = {"p": 1} if "p" in op.model_fields else {}
    made = make_op({spec.name: act | dict(spec.parameters)})
    return dict(made.params(uniforms(7, 3, np.arange(ROWS), 0, f"{spec.name}#0", 1 + made.draws)))


@EVERY_SPEC
def test_numbers_follow_their_laws(spec):
    drawn = drawn_by(spec)
    for parameter, law in spec.laws.items():
        values = drawn[parameter]
        if not isinstance(law, list):
            law.check(values, drawn)
            continue
        assert len(law) == values.shape[-1]
        for place, own in enumerate(law):
            others = {k: v[..., place] for k, v in drawn.items() if v.shape == values.shape}
            own.check(values[..., place], others)


@EVERY_SPEC
def test_no_two_numbers_are_made_of_one_draw(spec):
    drawn = drawn_by(spec)
    free = [drawn[k] for k in spec.laws if k not in spec.tied and drawn[k].dtype.kind in "if"]
    columns = [column for values in free for column in values.reshape(ROWS, -1).T]
    columns = [column for column in columns if np.ptp(column) > 0]
    if len(columns) > 1:
        ranks = stats.rankdata(columns, axis=1)
        correlation = np.corrcoef(ranks) - np.eye(len(columns))
        assert np.abs(correlation).max() < 5 / np.sqrt(ROWS)


def test_every_op_that_draws_and_each_of_its_parameters_has_a_law():
    ops = {name: make_op({name: dict(case.typical)}) for name, case in CASES.items()}
    assert {spec.name for spec in SPECS} == {name for name, op in ops.items() if op.draws}
    known = [(spec.name, parameter) for spec in SPECS for parameter in spec.laws]
    assert {(spec.name, parameter) for spec in SPECS for parameter in drawn_by(spec)} == {*known}
