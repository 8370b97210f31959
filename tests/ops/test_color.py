"""Ops that change colours, against torchvision, colorsys and the formula."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as F  # noqa: N812 (its name everywhere)

from augpipe.ops import ColorJitter
from augpipe.pipeline import Pipeline
from augpipe.plan import Recolor
from cases import single
from executors import distance

ROWS = np.arange(24)
ROUNDING = 0.51  # half a level, and what float32 adds
# OpenCV multiplies 8-bit pixels with a matrix in fixed point, of ten bits after the comma.
MATRIX_ROUNDING = 0.75


def jittered(picture: np.ndarray, drawn: dict) -> np.ndarray:
    """torchvision's four functions one after the other, on float64."""
    functions = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]
    factors = [drawn[name] for name in ("brightness", "contrast", "saturation", "hue")]
    pixels = torch.from_numpy(picture).permute(2, 0, 1).double() / 255
    for which in map(int, drawn["order"]):
        pixels = functions[which](pixels, factors[which])
        assert pixels.min() >= 0, "the oracle clamps after each function; use milder factors"
        assert pixels.max() <= 1
    return 255 * pixels.permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    ("hue", "largest"),
    [
        (0, MATRIX_ROUNDING),
        # Three steps round: a matrix, the hue, a matrix; each may pass on what came before.
        (0.1, 2.5),
    ],
)
def test_jitter_equals_torchvision(hue, largest, execute, photo):
    muted = photo // 2 + 60  # so that nothing is clamped
    jitter = {"brightness": 0.15, "contrast": 0.15, "saturation": 0.15, "hue": hue}
    plan = single("color_jitter", jitter).plan(muted.shape[:2], index=ROWS)
    for row, ours in enumerate(execute(plan, muted)):
        (drawn,) = plan.params(row)
        assert distance(ours, jittered(muted, drawn)).max() < largest


# torchvision's weights of grey sum to 0.9999, so its mean is 0.02 levels darker.
FACTORS = {
    "brightness": (F.adjust_brightness, ROUNDING),
    "contrast": (F.adjust_contrast, ROUNDING + 0.03),
    "saturation": (F.adjust_saturation, MATRIX_ROUNDING + 0.05),
}


@pytest.mark.parametrize("name", FACTORS)
def test_one_factor_equals_torchvision(name, execute, noise):
    function, largest = FACTORS[name]
    plan = single(name, {"factor": [0, 2]}).plan(noise.shape[:2], index=ROWS)
    pixels = torch.from_numpy(noise).permute(2, 0, 1).double() / 255
    for row, ours in enumerate(execute(plan, noise)):
        (drawn,) = plan.params(row)
        theirs = 255 * function(pixels, drawn["factor"]).permute(1, 2, 0).numpy()
        assert distance(ours, theirs).max() < largest


@pytest.mark.parametrize("shift", [-0.5, -0.3, 0.01, 0.25, 0.5])
def test_hue_equals_torchvision(shift, execute, noise):
    plan = single("hue", {"shift": [shift, shift]}).plan(noise.shape[:2])
    pixels = torch.from_numpy(noise).permute(2, 0, 1).double() / 255
    theirs = 255 * F.adjust_hue(pixels, shift).permute(1, 2, 0).numpy()
    assert distance(execute(plan, noise)[0], theirs).max() < ROUNDING


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_one_op_equals_the_jitter_of_it_alone(name, execute, noise):
    field = "shift" if name == "hue" else "factor"
    alone = single(name, {field: [0.3, 0.3]}).plan(noise.shape[:2])
    jitter = single("color_jitter", {name: [0.3, 0.3]}).plan(noise.shape[:2])
    assert np.array_equal(execute(alone, noise), execute(jitter, noise))


def test_half_a_turn_there_and_half_a_turn_on_is_where_it_began(execute, photo):
    half = single("hue", {"shift": [0.5, 0.5]}).plan(photo.shape[:2])
    assert distance(execute(half, execute(half, photo)[0])[0], photo).max() <= 1


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("brightness", {"factor": [0, 0]}, 0),
        ("brightness", {"factor": [300, 300]}, 255),
        ("saturation", {"factor": [9, 9]}, None),
        ("contrast", {"factor": [50, 50]}, None),
    ],
)
def test_levels_never_wrap(name, parameters, expected, execute):
    greys = np.arange(1, 255, dtype=np.uint8).repeat(3).reshape(1, 254, 3)
    out = execute(single(name, parameters).plan((1, 254)), greys)[0]
    if expected is not None:
        assert (out == expected).all()
    assert (np.diff(out[0].astype(int), axis=0) >= 0).all()


@pytest.mark.parametrize(
    "case", [("hue", {"shift": 0.5}), ("saturation", {"factor": [0, 9]})], ids=lambda case: case[0]
)
def test_white_and_grey_stay_what_they_are(case, execute):
    greys = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert (execute(single(*case).plan((16, 16), index=ROWS), greys) == greys).all()


def test_jitter_without_hue_is_one_matrix():
    plan = single("color_jitter", {"brightness": 0.4, "contrast": 0.4}).plan((8, 8), index=ROWS)
    assert [type(step) for step in plan.steps] == [Recolor]
    twice = Pipeline([{"color_jitter": {"contrast": 0.4}}, {"color_jitter": {"contrast": 0.4}}])
    assert len(twice.plan((8, 8)).steps) == 1


def test_all_orders_are_drawn_equally_often():
    op = ColorJitter(hue=0.1)
    order = op.sample(np.random.default_rng(0).random((4800, op.draws)))["order"]
    assert (np.sort(order, axis=1) == np.arange(4)).all()
    _, counts = np.unique(order, axis=0, return_counts=True)
    assert len(counts) == 24
    assert np.abs(counts - 200).max() < 5 * np.sqrt(200)


def test_contrast_zero_is_the_mean_grey(execute, photo):
    plan = single("color_jitter", {"contrast": [0, 0]}).plan(photo.shape[:2])
    grey = float((photo.mean(axis=(0, 1)) * [0.299, 0.587, 0.114]).sum())
    assert distance(execute(plan, photo)[0], np.full_like(photo, 0) + grey).max() < MATRIX_ROUNDING


def test_hsv_equals_colorsys(execute, noise):
    few = noise[:12, :12]
    plan = single("hsv", {"hue": 0.5, "saturation": [0, 2], "value": [0, 2]}).plan(
        few.shape[:2], index=ROWS
    )
    for row, ours in enumerate(execute(plan, few)):
        (drawn,) = plan.params(row)
        for pixel, got in zip(few.reshape(-1, 3), ours.reshape(-1, 3), strict=True):
            h, s, v = colorsys.rgb_to_hsv(*(pixel / 255))
            expected = colorsys.hsv_to_rgb(
                (h + drawn["hue"]) % 1,
                min(s * drawn["saturation"], 1),
                min(v * drawn["value"], 1),
            )
            assert distance(got, 255 * np.array(expected)).max() < ROUNDING


def test_hsv_leaves_white_and_grey_without_colour(execute):
    greys = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    plan = single("hsv", {"hue": 0.5, "saturation": [0, 5], "value": [1, 1]}).plan(
        greys.shape[:2], index=ROWS
    )
    assert (execute(plan, greys) == greys).all()


@pytest.mark.parametrize("parameters", [{}, {"mean": [0, 0.5, 1], "std": [0.01, 1, 100]}])
def test_normalize_is_its_formula(parameters, execute, noise):
    pipeline = single("normalize", parameters)
    (op,) = pipeline
    ours = execute(pipeline.plan(noise.shape[:2]), noise)[0]
    assert ours.dtype == np.float32
    assert np.allclose(ours, (noise / 255 - op.mean) / op.std, rtol=1e-6, atol=1e-5)
