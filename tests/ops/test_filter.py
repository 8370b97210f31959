"""Filters, against SciPy, torchvision, and what their taps should be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve, gaussian_filter, median_filter, zoom
from torchvision.transforms.v2.functional import adjust_sharpness

from augpipe.errors import RecipeError
from augpipe.ops import Defocus, GaussianBlur, MotionBlur, make_op
from cases import single
from executors import distance


@pytest.mark.parametrize("size", [(75, 100), (5, 40), (1, 3), (1, 1)])
@pytest.mark.parametrize("sigma", [0.3, 1, 2.7, 8])
def test_blur_equals_scipy(sigma, size, execute, noise):
    picture = noise[: size[0], : size[1]]
    plan = single("gaussian_blur", {"sigma": [sigma, sigma]}).plan(size)
    radius = int(np.ceil(3 * sigma))
    expected = gaussian_filter(
        picture.astype(np.float64), (sigma, sigma, 0), mode="mirror", radius=(radius, radius, 0)
    )
    assert distance(execute(plan, picture)[0], expected).max() < 0.51  # rounding, and float32


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_blur_keeps_the_brightness(level, execute):
    even = np.full((40, 50, 3), level, np.uint8)
    plan = single("gaussian_blur", {"sigma": [0, 9]}).plan((40, 50), index=np.arange(16))
    assert (execute(plan, even) == level).all()


def test_sigma_zero_changes_nothing(execute, noise):
    plan = single("gaussian_blur", {"sigma": [0, 0]}).plan(noise.shape[:2])
    assert np.array_equal(execute(plan, noise)[0], noise)


def test_weights_sum_to_one_and_are_as_wide_as_each_row_asks():
    op = GaussianBlur(sigma=(0, 5))
    sigma = np.array([0.0, 0.2, 1.0, 5.0])
    taps = op.lower({"sigma_px": sigma}, np.tile([9, 9], (4, 1))).params["taps"]
    assert taps.shape == (4, 31)
    assert np.allclose(taps.sum(axis=1), 1)
    assert np.array_equal(taps, taps[:, ::-1])
    assert [np.trim_zeros(row).size for row in taps] == [1, 3, 7, 31]


def weights(op: MotionBlur | Defocus, rows: int = 1, **params: list[float]) -> np.ndarray:
    """(rows, n, n) taps of the drawn parameters."""
    drawn = {name: np.array(values, np.float64) for name, values in params.items()}
    return op.lower(drawn, np.tile([9, 9], (rows, 1))).params["taps"]


@pytest.mark.parametrize("size", [(75, 100), (5, 40), (1, 3), (1, 1)])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("motion_blur", {"length": [2, 19], "angle": [0, 180], "p": 1}),
        ("defocus", {"radius": [0.7, 6], "p": 1}),
        ("sharpen", {"sharpness_factor": [0, 4], "p": 1}),
    ],
)
def test_filters_equal_scipy(name, parameters, size, execute, noise):
    picture = noise[: size[0], : size[1]]
    plan = single(name, parameters).plan(size, index=np.arange(3))
    pictures = execute(plan, picture)
    for done, taps in zip(pictures, plan.steps[0].params["taps"], strict=True):
        mirrored = taps[::-1, ::-1, None]  # SciPy's convolution turns its weights
        expected = convolve(picture.astype(np.float64), mirrored, mode="mirror")
        assert distance(done, expected.clip(0, 255)).max() < 0.51  # rounding, and float32


@pytest.mark.parametrize(
    ("angle", "pixels"),
    [
        (0, [(0, -2), (0, -1), (0, 0), (0, 1), (0, 2)]),
        (90, [(-2, 0), (-1, 0), (0, 0), (1, 0), (2, 0)]),
    ],
)
def test_a_straight_line_of_five_pixels_has_five_taps(angle, pixels):
    (taps,) = weights(MotionBlur(length=(1, 5)), length_px=[5], angle=[angle])
    assert [(y - 2, x - 2) for y, x in np.argwhere(taps > 1e-9)] == pixels
    assert taps.max() < 2 * np.median(taps[taps > 1e-9])


def test_motion_is_as_long_and_turned_as_it_was_drawn():
    """By the taps' second moments: a line of length l has the variance l^2 / 12 along itself."""
    angle = np.arange(0, 180, 15.0)
    op = MotionBlur(length=(1, 21))
    taps = weights(op, len(angle), length_px=[21] * len(angle), angle=angle)
    grid = np.arange(-10, 11)
    for row, degrees in zip(taps, angle, strict=True):
        assert row.sum() == pytest.approx(1)
        yy, xx = (row * grid[:, None] ** 2).sum(), (row * grid**2).sum()
        xy = (row * grid[:, None] * grid).sum()
        assert yy + xx == pytest.approx(20**2 / 12, rel=0.05)
        turn = np.rad2deg(np.arctan2(2 * xy, xx - yy) / 2) % 180
        assert min(abs(turn - degrees), 180 - abs(turn - degrees)) < 1


def test_defocus_is_a_disc():
    radius = [0.5, 1, 3.3, 8]
    taps = weights(Defocus(radius=(0, 8)), len(radius), radius_px=radius)
    grid = np.hypot(np.arange(-8, 9)[:, None], np.arange(-8, 9))
    assert taps.sum(axis=(1, 2)) == pytest.approx(1)
    for row, r in zip(taps, radius, strict=True):
        assert (row[grid >= r + 0.5] == 0).all()
        assert np.ptp(row[grid <= r - 0.5]) < 1e-12 if r > 0.5 else row[8, 8] == 1
    area = 1 / taps[2:, 8, 8]
    assert area == pytest.approx(np.pi * np.square(radius[2:]), rel=0.05)


@pytest.mark.parametrize("factor", [0, 0.4, 1, 2, 5])
def test_sharpen_equals_torchvision_but_for_its_rounding(factor, execute, photo):
    parameters = {"sharpness_factor": [factor, factor], "p": 1}
    picture = execute(single("sharpen", parameters).plan(photo.shape[:2]), photo)[0]
    expected = adjust_sharpness(torch.from_numpy(photo).permute(2, 0, 1), factor)
    apart = distance(picture, expected.permute(1, 2, 0).numpy())[1:-1, 1:-1]
    # torchvision rounds the smoothed picture, which the blend multiplies, and then cuts off.
    assert apart.max() <= 1 + abs(1 - factor) / 2


@pytest.mark.parametrize("size", [(75, 100), (5, 40), (1, 3), (1, 1)])
def test_median_equals_scipy(size, execute, noise):
    picture = noise[: size[0], : size[1]]
    plan = single("median_blur", {"kernel_size": [3, 11], "p": 1}).plan(size, index=np.arange(9))
    ((_, drawn),) = plan.record
    assert set(drawn["kernel_px"]) <= {3, 5, 7, 9, 11}
    for done, side in zip(execute(plan, picture), drawn["kernel_px"], strict=True):
        expected = median_filter(picture, (side, side, 1), mode="nearest")
        assert np.array_equal(done, expected)


def test_median_draws_each_odd_side_alike():
    plan = single("median_blur", {"kernel_size": [3, 7], "p": 1}).plan(
        (8, 8), index=np.arange(3000)
    )
    ((_, drawn),) = plan.record
    sides, counts = np.unique(drawn["kernel_px"], return_counts=True)
    assert sides.tolist() == [3, 5, 7]
    assert np.abs(counts / 3000 - 1 / 3).max() < 0.04


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_downscale_keeps_the_means_of_blocks(interpolation, execute, noise):
    picture = noise[:60, :80]
    parameters = {"scale_range": [0.25, 0.25], "interpolation": interpolation, "p": 1}
    done = execute(single("downscale", parameters).plan((60, 80)), picture)[0]
    means = picture.reshape(15, 4, 20, 4, 3).mean(axis=(1, 3))
    if interpolation == "nearest":
        expected = means.repeat(4, axis=0).repeat(4, axis=1)
    else:
        expected = zoom(means, (4, 4, 1), order=1, mode="nearest", grid_mode=True)
    assert distance(done, expected).max() < 0.51


def test_downscale_covers_parts_of_pixels(execute):
    """Two of three: each of the two covers one pixel and a half."""
    picture = np.array([[[0] * 3, [90] * 3, [240] * 3]], np.uint8)
    plan = single("downscale", {"scale_range": [0.67, 0.67], "p": 1}).plan((1, 3))
    assert plan.steps[0].params["small"].tolist() == [[1, 2]]
    # The last pixel's middle lies in the second, the middle one's at the seam: it belongs right.
    assert execute(plan, picture)[0, 0, :, 0].tolist() == [30, 190, 190]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"median_blur": {"kernel_size": [3, 6]}}, "kernel_size: both ends of the range"),
        ({"median_blur": {"kernel_size": [7, 3]}}, r"written as \[low, high\]"),
        ({"median_blur": {"kernel_size": [3, 33]}}, "less than or equal to 31"),
        ({"motion_blur": {"length": [0.5, 3]}}, "at least one pixel long"),
        ({"defocus": {"radius": [-1, 3]}}, "radius"),
        ({"sharpen": {"sharpness_factor": 2}}, "sharpness_factor"),
    ],
)
def test_filters_that_cannot_be_are_refused(spec, message):
    with pytest.raises(RecipeError, match=message):
        make_op(spec)
