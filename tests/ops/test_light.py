"""Ops that change the light, against the paper, physics and the formula."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from augpipe.errors import RecipeError
from augpipe.ops import PcaLighting, Planckian
from augpipe.ops.base import normal
from cases import single
from executors import distance


def test_normal_is_the_inverse_of_the_distribution():
    u = np.random.default_rng(0).random((40, 3))
    assert np.allclose(normal(u), stats.norm.ppf(u), rtol=1e-12, atol=1e-12)
    assert np.isfinite(normal(np.array([0.0, 1 - 2**-53]))).all()


def test_lighting_is_alexnets(execute, photo):
    """One offset for all pixels: eigenvectors times eigenvalues times normal numbers."""
    muted = photo // 2 + 60
    values = [0.2175, 0.0188, 0.0045]
    vectors = [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
    plan = single("pca_lighting", {}).plan(muted.shape[:2], index=np.arange(8))
    for row, ours in enumerate(execute(plan, muted)):
        (drawn,) = plan.params(row)
        offset = np.array(vectors) @ (np.array(values) * drawn["alpha"])
        assert distance(ours, muted + 255 * offset).max() <= 0.501


def test_lighting_draws_normal_numbers():
    alpha = PcaLighting(std=0.3).sample(np.random.default_rng(0).random((1000, 3)))["alpha"]
    for column in alpha.T:
        assert stats.kstest(column / 0.3, "norm").pvalue > 0.01


def test_no_spread_is_no_change(execute, noise):
    plan = single("pca_lighting", {"std": 0}).plan(noise.shape[:2])
    assert np.array_equal(execute(plan, noise)[0], noise)


def gains(kelvin: float) -> np.ndarray:
    """What becomes of a grey of one, in red, green and blue."""
    op = Planckian(temperature=(kelvin, kelvin))
    step = op.lower({"temperature_k": np.array([kelvin])}, np.array([[1, 1]]))
    return np.diag(step.matrix[0, :, :3])


def black_body(kelvin: float) -> np.ndarray:
    """(3,): linear sRGB, from Planck's law and Wyman's fit of the CIE 1931 observer (2013)."""

    def lobe(x: np.ndarray, mean: float, left: float, right: float) -> np.ndarray:
        return np.exp(-0.5 * ((x - mean) / np.where(x < mean, left, right)) ** 2)

    nm = np.arange(360.0, 831.0)
    power = 1 / ((nm * 1e-9) ** 5 * np.expm1(1.4388e-2 / (nm * 1e-9 * kelvin)))
    observer = [
        1.056 * lobe(nm, 599.8, 37.9, 31.0)
        + 0.362 * lobe(nm, 442.0, 16.0, 26.7)
        - 0.065 * lobe(nm, 501.1, 20.4, 26.2),
        0.821 * lobe(nm, 568.8, 46.9, 40.5) + 0.286 * lobe(nm, 530.9, 16.3, 31.1),
        1.217 * lobe(nm, 437.0, 11.8, 36.0) + 0.681 * lobe(nm, 459.0, 26.0, 13.8),
    ]
    xyz = [integrate.trapezoid(power * part, nm) for part in observer]
    to_srgb = [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.204, 1.057]]
    return np.array(to_srgb) @ xyz


@pytest.mark.parametrize("kelvin", [2500, 3000, 4000, 5000, 8000, 10000, 15000])
def test_planckian_follows_plancks_law(kelvin):
    light = black_body(kelvin) / black_body(6500)
    expected = (light / light[1]) ** (1 / 2.2)
    assert np.allclose(gains(kelvin), expected, rtol=0.03)


def test_less_kelvin_is_warmer():
    red, green, blue = np.array([gains(kelvin) for kelvin in range(2000, 15001, 500)]).T
    assert (np.diff(red) < 0).all()
    assert (np.diff(blue) > 0).all()
    assert np.allclose(green, 1)
    assert np.allclose(gains(6500), 1)


def test_temperatures_are_uniform_in_their_reciprocal():
    op = Planckian(temperature=(2000, 8000))
    kelvin = op.sample(np.random.default_rng(0).random((1000, 1)))["temperature_k"]
    low, high = 1 / 8000, 1 / 2000
    assert stats.kstest((1 / kelvin - low) / (high - low), "uniform").pvalue > 0.01


@pytest.mark.parametrize("temperature", [[1000, 6500], [3000, 40000], [9000, 3000]])
def test_temperatures_beyond_the_approximation_are_refused(temperature):
    with pytest.raises(RecipeError, match=r"planckian\.temperature"):
        single("planckian", {"temperature": temperature})
