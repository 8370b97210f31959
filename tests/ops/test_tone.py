"""Ops on tones, against torchvision, Pillow and OpenCV; how tables fuse."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from scipy import stats
from torchvision.transforms.v2 import functional as F  # noqa: N812 (its name everywhere)

from augpipe.errors import RecipeError
from augpipe.ops import Gamma, Posterize, Solarize, ToneCurve
from augpipe.pipeline import Pipeline
from augpipe.plan import Lookup, Plan
from cases import single
from executors import distance, on_cv2, on_torch

RAMP = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
TABLES = [
    {"gamma": {"gamma": [0.3, 3]}},
    {"posterize": {"bits": [2, 6]}},
    {"solarize": {"threshold": [0, 1]}},
    {"tone_curve": {"scale": 0.5, "per_channel": True}},
]
DIAGONAL = [{"brightness": {"factor": [0.4, 1.6]}}, "invert", "planckian", "channel_drop"]


def planes(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


def pictures(noise: np.ndarray, photo: np.ndarray) -> list[np.ndarray]:
    """With all levels, few levels, one level, one pixel, and one bright pixel more."""
    bright = np.zeros((40, 50, 3), np.uint8)
    bright[3, 4] = 255, 9, 0
    return [noise, photo, noise // 4 + 90, noise // 100, bright, noise[:1, :1], noise[:1]]


@pytest.mark.parametrize("gamma", [0.2, 0.8, 1, 1.5, 4])
def test_gamma_equals_torchvision(gamma, execute):
    ours = execute(single("gamma", {"gamma": [gamma, gamma]}).plan((1, 256)), RAMP)[0]
    theirs = 255 * F.adjust_gamma(planes(RAMP).double() / 255, gamma)
    assert distance(ours, theirs.permute(1, 2, 0)).max() <= 0.501


def test_the_logarithm_of_gamma_is_uniform():
    gamma = Gamma(gamma=(0.5, 2)).sample(np.random.default_rng(0).random((1000, 1)))["gamma"]
    assert stats.kstest((np.log2(gamma) + 1) / 2, "uniform").pvalue > 0.01


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize_equals_torchvision_and_pillow(bits, execute, noise):
    ours = execute(single("posterize", {"bits": bits, "p": 1}).plan(noise.shape[:2]), noise)[0]
    assert np.array_equal(planes(ours), F.posterize(planes(noise), bits))
    assert np.array_equal(ours, ImageOps.posterize(Image.fromarray(noise), bits))
    assert len(np.unique(ours)) == 2**bits  # so one bit is not black


def test_posterize_draws_each_number_and_is_stronger_with_fewer():
    u = np.linspace(0, 1, 400, endpoint=False)[:, None]
    bits = Posterize(bits=(3, 6)).sample(u)["bits"]
    assert (np.diff(bits) <= 0).all()
    assert np.unique(bits, return_counts=True)[1].tolist() == [100] * 4
    assert set(bits) == {3, 4, 5, 6}


@pytest.mark.parametrize("bits", [0, 9, [0, 4], [6, 2], 2.5])
def test_impossible_bits_are_refused(bits):
    with pytest.raises(RecipeError, match=r"posterize\.bits"):
        single("posterize", {"bits": bits})


@pytest.mark.parametrize("level", [0, 1, 100, 128, 254, 255])
def test_solarize_equals_torchvision_and_pillow(level, execute, noise):
    parameters = {"threshold": level / 255, "p": 1}
    ours = execute(single("solarize", parameters).plan(noise.shape[:2]), noise)[0]
    assert np.array_equal(planes(ours), F.solarize(planes(noise), level))
    assert np.array_equal(ours, ImageOps.solarize(Image.fromarray(noise), level))


def test_solarize_is_stronger_with_a_lower_threshold():
    threshold = Solarize(threshold=(0.2, 0.9)).sample(np.array([[0.0], [0.5], [1.0]]))["threshold"]
    assert np.allclose(threshold, [0.9, 0.55, 0.2])


def test_tone_curves_never_fall_and_keep_black_and_white(execute):
    plan = single("tone_curve", {"scale": 2}).plan((1, 256), index=np.arange(64))
    out = execute(plan, RAMP)[:, 0].astype(int)
    assert (out[:, 0] == 0).all()
    assert (out[:, -1] == 255).all()
    assert (np.diff(out, axis=1) >= 0).all()
    assert (out == out[:, :, :1]).all()
    apart = single("tone_curve", {"scale": 2, "per_channel": True}).plan((1, 256))
    assert (np.ptp(execute(apart, RAMP)[0, 0].astype(int), axis=1) > 9).any()


def test_a_tone_curve_without_a_bend_is_straight(execute):
    plan = single("tone_curve", {"scale": 0}).plan((1, 256))
    assert np.array_equal(execute(plan, RAMP)[0], RAMP)


def test_tone_curves_bend_normally():
    bend = ToneCurve(scale=0.2, per_channel=True).sample(np.random.default_rng(0).random((300, 6)))
    assert stats.kstest(bend["bend"].ravel() / 0.2, "norm").pvalue > 0.01


def test_auto_contrast_equals_torchvision_and_pillow(execute, noise, photo):
    """Theirs truncate what their floats make of a fraction; ours is exact."""
    for picture in pictures(noise, photo):
        plan = single("auto_contrast", {"p": 1}).plan(picture.shape[:2])
        ours = execute(plan, picture)[0]
        low, high = (getattr(picture.astype(int), what)((0, 1)) for what in ("min", "max"))
        exact = (picture - low) * 255 // np.maximum(high - low, 1)
        assert np.array_equal(ours, np.where(high > low, exact, picture))
        for theirs in (
            F.autocontrast(planes(picture)).permute(1, 2, 0).numpy(),
            np.asarray(ImageOps.autocontrast(Image.fromarray(picture))),
        ):
            assert distance(ours, theirs).max() <= 1


def test_equalize_equals_torchvision_and_pillow(execute, noise, photo):
    for picture in pictures(noise, photo):
        ours = execute(single("equalize", {"p": 1}).plan(picture.shape[:2]), picture)[0]
        assert np.array_equal(planes(ours), F.equalize(planes(picture)))
        assert np.array_equal(ours, ImageOps.equalize(Image.fromarray(picture)))


@pytest.mark.parametrize("tiles", [(8, 8), (1, 1), (3, 5), (64, 2)])
@pytest.mark.parametrize("limit", [0.01, 1, 2.7, 40])
def test_clahe_of_grey_equals_opencv(limit, tiles, execute, photo):
    grey = photo[:64, :90, :1].repeat(3, axis=2)  # which the tiles divide, or pad on both sides
    clahe = {"clip_limit": [limit, limit], "tiles": list(tiles), "p": 1}
    ours = execute(single("clahe", clahe).plan(grey.shape[:2]), grey)[0]
    below, beside = -64 % tiles[0], -90 % tiles[1]
    wide = cv2.copyMakeBorder(grey[..., 0], 0, below, 0, beside, cv2.BORDER_REFLECT_101)
    theirs = cv2.createCLAHE(limit, tiles[::-1]).apply(wide)[:64, :90]
    assert np.array_equal(ours, theirs[..., None].repeat(3, axis=2))


def test_clahe_lifts_all_channels_alike(execute, photo):
    muted = photo // 2 + 60
    lift = execute(single("clahe", {"p": 1}).plan(photo.shape[:2]), muted)[0].astype(int) - muted
    inside = np.abs(lift).max(axis=2) < 60  # nothing was clamped
    assert inside.mean() > 0.5
    assert (lift == lift[..., :1])[inside].all()
    assert np.abs(lift).max() > 20


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 300), (3, 2), (7, 8)], ids=str)
@pytest.mark.parametrize("name", ["auto_contrast", "equalize", "clahe"])
def test_executors_agree_on_small_pictures(name, size, noise):
    picture = np.resize(noise, (*size, 3))
    plan = single(name, {"p": 1}).plan(size)
    assert np.array_equal(on_cv2(plan, picture), on_torch(plan, picture))


def test_one_level_stays(execute):
    flat = np.full((20, 30, 3), (0, 77, 255), np.uint8)
    for name in ("auto_contrast", "equalize"):
        assert np.array_equal(execute(single(name, {"p": 1}).plan((20, 30)), flat)[0], flat)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *((table, other) for table in TABLES for other in [*TABLES, *DIAGONAL]),
        *((other, table) for table in TABLES for other in DIAGONAL),
    ],
    ids=str,
)
def test_tables_and_diagonal_matrices_are_one_step(first, second, execute):
    """To the bit what they are one after the other: each of them rounds and clamps."""
    pipeline = Pipeline([first, second])
    plan = pipeline.plan((1, 256), index=np.arange(8))
    assert [type(step) for step in plan.steps] == [Lookup]
    one, other = (
        execute(Plan(plan.size, (op.lower(params, plan.size),)), RAMP)[:, 0]
        for op, (_, params) in zip(pipeline, plan.record, strict=True)
    )
    chained = np.take_along_axis(other, one.astype(int), axis=1)
    assert np.array_equal(execute(plan, RAMP)[:, 0], chained)


@pytest.mark.parametrize("name", ["auto_contrast", "equalize", "clahe"])
def test_what_is_measured_does_not_fuse(name):
    plan = Pipeline(["gamma", name, "brightness"]).plan((8, 8))
    assert len(plan.steps) == 3
    assert "is a pass of its own" in plan.explain()
