"""Blur, against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from augpipe.ops import GaussianBlur
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
