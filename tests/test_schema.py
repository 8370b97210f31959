"""What is wrong in a setting is said with its place and its remedy."""

from __future__ import annotations

import pytest

from augpipe.errors import RecipeError
from augpipe.ops import make_op


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"affine": {"degres": 3}}, "affine.degres: unknown key; did you mean 'degrees'?"),
        (
            {"resize": {"size": 3, "qqq": 1}},
            "resize.qqq: unknown key; known: interpolation, max_size, side, size",
        ),
        ({"affine": {"p": 5}}, "affine.p: should be less than or equal to 1, not 5"),
        ({"affine": {"p": -0.1}}, "affine.p: should be greater than or equal to 0, not -0.1"),
        ({"resize": {"size": 0}}, "resize.size: should be greater than or equal to 1, not 0"),
        (
            {"resize": {"size": "abc"}},
            "resize.size: should be a valid integer, unable to parse string as an integer, "
            "not 'abc'",
        ),
        ({"affine": {"degrees": "abc"}}, "affine.degrees: should be a list, not 'abc'"),
        (
            {"affine": {"translate": [True, 0]}},
            "affine.translate[0]: should be a valid number, not true",
        ),
        ({"affine": {"degrees": [5]}}, "affine.degrees[1]: is required"),
        (
            {"affine": {"border": "wrap"}},
            "affine.border: should be 'constant', 'replicate' or 'reflect', not 'wrap'",
        ),
        ({"resize": {}}, "resize.size: is required"),
        ("resize", "resize.size: is required"),
        ({"affine": {"p": True}}, "affine.p: should be a valid number, not true"),
        ({"hsv": {"hue": False}}, "hsv.hue: should be a list, not false"),
        (
            {"affine": {"degrees": [5, -5]}},
            "affine.degrees: the range should be written as [low, high], not [5, -5]",
        ),
        (
            {"affine": {"shear": [5, -5]}},
            "affine.shear: each range should be written as low, high, not [5, -5]",
        ),
        (
            {"affine": {"degrees": -3}},
            "affine.degrees: a single number is the half-width of a range and must not be "
            "negative, not -3",
        ),
        (
            {"hsv": {"hue": 0.7}},
            "hsv.hue: hue is a shift in turns, between -0.5 and 0.5, not 0.7",
        ),
        (
            {"affine": {"scale": [0, 1]}},
            "affine.scale[0]: should be greater than 0, not 0",
        ),
        (
            {"affine": {"degrees": [0, float("nan")]}},
            "affine.degrees[1]: should be a finite number, not nan",
        ),
        (
            {"gaussian_blur": {"sigma": [0, float("inf")]}},
            "gaussian_blur.sigma[1]: should be a finite number, not inf",
        ),
        (
            {"normalize": {"std": [1, 0, 1]}},
            "normalize.std[1]: should be greater than 0, not 0",
        ),
    ],
)
def test_a_wrong_setting_is_named(spec, message):
    with pytest.raises(RecipeError) as caught:
        make_op(spec)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        ({"affine": {"degrees": 10}}, "degrees", (-10, 10)),
        ({"affine": {"degrees": 0}}, "degrees", (0, 0)),
        ({"affine": {"degrees": [-5, 10]}}, "degrees", (-5, 10)),
        ({"affine": {"shear": 8}}, "shear", (-8, 8, 0, 0)),
        ({"affine": {"shear": [1, 2]}}, "shear", (1, 2, 0, 0)),
        ({"affine": {"shear": [1, 2, 3, 4]}}, "shear", (1, 2, 3, 4)),
        ({"affine": {"fill": 7}}, "fill", (7, 7, 7)),
        ({"color_jitter": {"brightness": 0.25}}, "brightness", (0.75, 1.25)),
        ({"color_jitter": {"contrast": 3}}, "contrast", (0, 4)),
        ({"color_jitter": {"hue": 0.5}}, "hue", (-0.5, 0.5)),
        ({"resize": {"size": 9}}, "size", 9),
        ({"resize": {"size": [9, 8]}}, "size", (9, 8)),
    ],
)
def test_one_number_stands_for_a_range(spec, field, value):
    assert getattr(make_op(spec), field) == value


def test_settings_do_not_change():
    op = make_op({"affine": {"degrees": 10}})
    with pytest.raises(ValueError, match="frozen"):
        op.p = 0.5
