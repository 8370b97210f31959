"""Fog, snow, rain, shadow: what they change, what they leave, and by how much."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe.errors import RecipeError
from augpipe.execute.cv2 import weather as cv2_weather
from augpipe.ops import make_op
from augpipe.pipeline import Pipeline
from augpipe.plan import Kernel, Recolor
from cases import single

SIZE = (90, 120)
GREY = np.full((*SIZE, 3), 100, np.uint8)
ROWS = np.arange(24)
NAMES = ["fog", "rain", "shadow", "snow"]
STILL = {
    "fog": {"fog_coef_range": [0, 0]},
    "rain": {"density": [0, 0], "darkness": [0, 0]},
    "shadow": {"shadow_intensity_range": [0, 0]},
    "snow": {"density": [0, 0], "whiteness": [0, 0]},
}


def plan_of(name, parameters=None, size=SIZE, rows=ROWS):
    return single(name, {"p": 1, **(parameters or {})}).plan(size, index=rows)


@pytest.mark.parametrize("name", NAMES)
def test_no_strength_changes_nothing(name, execute, noise):
    assert (execute(plan_of(name, STILL[name], noise.shape[:2]), noise) == noise).all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_changes_its_place(name):
    for step in plan_of(name).steps:
        assert isinstance(step, Recolor) or (isinstance(step, Kernel) and not step.moves)


@pytest.mark.parametrize("name", NAMES)
def test_rows_differ(name, execute):
    shown = execute(plan_of(name), GREY).reshape(len(ROWS), -1)
    assert len(np.unique(shown, axis=0)) == len(ROWS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (200, 2)], ids=str)
def test_any_size(name, size, execute):
    picture = np.full((*size, 3), 90, np.uint8)
    assert execute(plan_of(name, None, size, ROWS[:4]), picture).shape == (4, *size, 3)


def test_fog_is_on_average_as_opaque_as_it_says(execute):
    """The clip at 0 and 1 hardly matters here."""
    parameters = {"fog_coef_range": [0.5, 0.5], "patch_size": 0.1, "color": 255}
    opacity = (execute(plan_of("fog", parameters), GREY) - 100.0) / 155
    assert opacity.mean() == pytest.approx(0.5, abs=0.02)
    # The octaves' variances add up: 1 + 1/4 + 1/16 + 1/64 of that of the coarsest.
    assert opacity.std() == pytest.approx(0.5 * 0.25 * np.sqrt(85 / 64), rel=0.15)


def test_even_fog_is_one_matrix_and_fuses(execute):
    fog = {"fog": {"fog_coef_range": [0.5, 0.5], "patchiness": 0, "color": [200, 0, 50], "p": 1}}
    plan = Pipeline([fog, {"brightness": {"factor": [0.5, 0.5]}}]).plan(SIZE, index=ROWS[:2])
    assert [type(step) for step in plan.steps] == [Recolor]
    assert (execute(plan, GREY) == [75, 25, 38]).all()


def test_fog_covers_without_edges(execute):
    """Neighbours differ little, however dense it is."""
    shown = execute(plan_of("fog", {"fog_coef_range": [0.6, 0.6]}), GREY).astype(int)
    assert max(np.abs(np.diff(shown, axis=axis)).max() for axis in (1, 2)) < 30
    assert np.ptp(shown, axis=(1, 2)).min() > 20


@pytest.mark.parametrize("name", ["rain", "snow"])
def test_what_falls_covers_more_as_it_grows_denser(name, execute):
    other = {"rain": "darkness", "snow": "whiteness"}[name]
    shares = [
        (execute(plan_of(name, {"density": [d, d], other: [0, 0]}), GREY) != 100).mean()
        for d in (0.1, 0.3, 0.9)
    ]
    assert 0 < shares[0] < shares[1] < shares[2] < 0.9
    assert shares[1] / shares[0] == pytest.approx(3, rel=0.35)


def test_rain_runs_along_its_slant(execute):
    """Pictures of streaks vary least along the streaks."""
    size = (160, 160)
    dark = np.zeros((*size, 3), np.uint8)
    for slant in (-30, 0, 30):
        plan = plan_of("rain", {"slant_range": [slant, slant], "density": [0.3, 0.3]}, size)
        shown = execute(plan, dark)[..., 0].astype(float)
        down = 10
        change = {
            angle: np.abs(
                np.roll(shown, (down, round(down * np.tan(np.deg2rad(angle)))), (1, 2)) - shown
            ).mean()
            for angle in (-30, 0, 30)
        }
        assert min(change, key=change.get) == slant


def test_flakes_are_round_and_spread_evenly(execute):
    size = (200, 200)
    dark = np.zeros((*size, 3), np.uint8)
    plan = plan_of("snow", {"whiteness": [0, 0], "slant_range": [0, 0]}, size)
    mean = execute(plan, dark)[..., 0].mean(axis=0)
    quarters = [part.mean() for half in np.split(mean, 2) for part in np.split(half, 2, axis=1)]
    assert np.ptp(quarters) < 0.25 * np.mean(quarters)
    # No columns or rows of the cells are to be seen.
    assert mean.mean(axis=0).std() < 0.2 * mean.mean()


def test_each_particle_stays_in_its_cell():
    """Or a batch, which asks one cell for each pixel, would cut it off."""
    for name in ("rain", "snow"):
        (step,) = (step for step in plan_of(name).steps if isinstance(step, Kernel))
        radius, length, soft = np.moveaxis(step.params["shape"], 2, 0)
        size = np.stack([2 * radius + soft, 2 * radius + soft + length], axis=2)
        assert (step.params["room"] >= 0).all()
        assert (step.params["room"] + size <= step.params["cell"] + 1e-9).all()


def test_snow_makes_paler_and_rain_darker(execute, noise):
    size = noise.shape[:2]
    none = {"density": [0, 0]}
    pale = execute(plan_of("snow", {**none, "whiteness": [0.4, 0.4]}, size), noise)
    dark = execute(plan_of("rain", {**none, "darkness": [0.4, 0.4]}, size), noise)
    assert np.abs(dark - noise * 0.6).max() <= 1
    grey = noise @ [0.299, 0.587, 0.114]
    target = 0.5 * grey[..., None] + 255 * np.array([0.47, 0.48, 0.5])
    assert np.abs(pale - (0.6 * noise + 0.4 * target)).max() <= 1


def test_shadows_darken_by_their_intensity_and_no_more(execute):
    parameters = {"shadow_intensity_range": [0.4, 0.4], "num_shadows_limit": [3, 3]}
    shown = execute(plan_of("shadow", parameters), GREY)
    assert shown.max() == 100
    assert (shown.min(axis=(1, 2, 3)) == 60).mean() > 0.9  # some are hardly inside


def test_a_shadow_is_the_polygon_of_its_corners():
    """Against a test of every pixel's centre with the winding of the corners."""
    op = make_op({"shadow": {"p": 1, "num_shadows_limit": [1, 1], "softness": 1e-6}})
    params = op.sample(np.random.default_rng(0).random((6, op.draws)))
    step = op.lower(params, np.tile(SIZE, (6, 1)))
    y, x = np.indices(SIZE) + 0.5
    for row in range(6):
        shown = cv2_weather.KERNELS["shadow"](GREY, {k: v[row] for k, v in step.params.items()})
        corners = params["corners"][row, 0] * SIZE[::-1]
        sides = [
            (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
            for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)
        ]
        inside = np.min(sides, axis=0) > 0
        # Half a pixel to either side of the edge is soft.
        assert ((shown[..., 0] < 100) != inside).sum() <= 2 * sum(SIZE)
        full = 100 * (1 - params["intensity"][row, 0])
        assert np.abs(shown[inside].mean() - full) < 4


def test_shadow_centres_lie_in_the_region():
    op = make_op({"shadow": {"shadow_roi": [0.2, 0.6, 0.4, 0.9], "size_range": [1e-6, 1e-6]}})
    corners = op.sample(np.random.default_rng(0).random((200, op.draws)))["corners"]
    assert (corners >= [0.19, 0.59]).all()
    assert (corners <= [0.41, 0.91]).all()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"fog": {"fog_coef_range": [0.5, 2]}}, "fog.fog_coef_range"),
        ({"snow": {"slant_range": 60}}, "45 degrees at most"),
        ({"rain": {"density": [0.5, 0.1]}}, r"written as \[low, high\]"),
        ({"shadow": {"num_shadows_limit": [0, 1]}}, "shadow.num_shadows_limit"),
        ({"shadow": {"shadow_roi": [0.5, 0, 0.1, 1]}}, "x0 <= x1"),
    ],
)
def test_values_out_of_range_are_named(spec, message):
    with pytest.raises(RecipeError, match=message):
        make_op(spec)
