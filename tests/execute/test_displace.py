"""Distortions: the field of both executors, its inverse, and a painted point found again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from augpipe.execute import displace, lattice
from augpipe.execute.torch.lattice import lattice_of, smooth_field
from augpipe.plan import Kernel
from cases import single
from executors import on_cv2, on_torch

SIZE = (90, 120)
ELASTIC = {"alpha": 50, "sigma": 5, "p": 1}
# Just before it folds, everywhere smooth, different along each axis.
STRONG = {"alpha": [160, 100], "sigma": [10, 8], "p": 1}
GRID = {"num_steps": 5, "distort_limit": 0.8, "p": 1}
CASES = [("elastic", ELASTIC), ("elastic", STRONG), ("grid_distortion", GRID)]


def kernel(name, parameters, rows=8, size=SIZE):
    ((step),) = single(name, parameters).plan(size, index=np.arange(rows)).steps
    assert isinstance(step, Kernel)
    assert step.moves
    return step


def of_row(step, row):
    return {name: value[row] for name, value in step.params.items()}


def source_of(name, values, xy, size=SIZE):
    """Where output points come from, by interpolating nothing."""
    if name == "elastic":
        return displace._displaced(values, xy)[0]
    sides = [(values["steps_x"], size[1]), (values["steps_y"], size[0])]
    return np.stack(
        [
            np.interp(at, np.linspace(0, extent, len(s) + 1), np.append(0, np.cumsum(s)))
            for at, (s, extent) in zip(xy.T, sides, strict=True)
        ],
        axis=1,
    )


def test_weights_sum_to_one_and_slopes_are_their_derivatives():
    at = np.linspace(-20, 50, 333)
    first, weights = lattice.taps(at, np.array(7.3))
    assert weights.sum(axis=1) == pytest.approx(1)
    # The centre of mass of the four is the place itself: straight lines are kept.
    assert ((first[:, None] + np.arange(4)) * weights).sum(axis=1) * 7.3 == pytest.approx(at)
    step = 1e-5
    same = lattice.taps(at + step, np.array(7.3))[0] == first
    ahead = lattice.taps(at + step, np.array(7.3))[1]
    difference = (ahead - weights)[same] / step
    assert difference == pytest.approx(lattice.slopes(at, np.array(7.3))[same], abs=1e-4)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_places_are_the_map_at_the_centres_of_pixels(name, parameters):
    values = of_row(kernel(name, parameters), 3)
    x, y = displace.places(name, values, SIZE)
    assert x.shape == y.shape == SIZE
    assert x.dtype == y.dtype == np.float32
    grid = np.stack(np.meshgrid(np.arange(SIZE[1]) + 0.5, np.arange(SIZE[0]) + 0.5), axis=-1)
    exact = source_of(name, values, grid.reshape(-1, 2)).reshape(grid.shape)
    assert np.abs(np.stack([x, y], axis=-1) - exact).max() < 1e-4


def test_both_executors_have_the_same_field():
    step = kernel("elastic", {"alpha": 900, "sigma": [9, 3], "p": 1})
    spacing = lattice.spacing_of(step.params["sigma"])
    arrays, extent = lattice_of(step.params["seed"], spacing, SIZE)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    theirs = smooth_field(tensors, extent)
    for row in range(8):
        values = of_row(step, row)
        amplitude = lattice.amplitude_of(values["deviation"])
        x, y = displace.places("elastic", values, SIZE)
        ours = np.stack([x - lattice.centres(SIZE[1]), y - lattice.centres(SIZE[0])[:, None]])
        apart = np.abs(ours - theirs[row].numpy() * amplitude[:, None, None])
        assert apart.max() < 1e-4  # pixels; the displacement is up to 90


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_points_are_the_inverse(name, parameters):
    step = kernel(name, parameters)
    rng = np.random.default_rng(0)
    for row in range(8):
        values = of_row(step, row)
        out = rng.uniform((0, 0), SIZE[::-1], (200, 2))
        source = source_of(name, values, out)
        found = displace.points(name, values, SIZE, source)
        assert np.abs(source_of(name, values, found) - source).max() < 1e-3
        assert np.abs(found - out).max() < 1e-3


def test_where_a_field_folds_points_still_come_from_their_source():
    step = kernel("elastic", {"alpha": 1500, "sigma": 8, "p": 1})
    for row in range(8):
        values = of_row(step, row)
        source = np.random.default_rng(row).uniform((0, 0), SIZE[::-1], (100, 2))
        found = displace.points("elastic", values, SIZE, source)
        assert np.abs(source_of("elastic", values, found) - source).max() < 1e-3


@pytest.mark.parametrize("name", ["elastic", "grid_distortion"])
def test_no_points_give_none(name):
    values = of_row(kernel(name, {"p": 1}), 0)
    assert displace.points(name, values, SIZE, np.zeros((0, 2))).shape == (0, 2)


def test_a_grid_leaves_the_edge_and_what_lies_beyond_where_it_is():
    values = of_row(kernel("grid_distortion", GRID), 0)
    xy = np.array([[-5.0, -1.0], [0, 0], [120, 90], [130, 91]])
    assert displace.points("grid_distortion", values, SIZE, xy) == pytest.approx(xy)


@pytest.mark.parametrize("execute", [on_cv2, on_torch])
@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_a_painted_point_is_found_again(name, parameters, execute):
    plan = single(name, parameters).plan(SIZE, index=np.arange(6))
    y, x = np.indices(SIZE) + 0.5
    for at in [(40.0, 30.0), (83.3, 61.7)]:
        blob = 255 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 1.2**2))
        picture = np.repeat(blob.round().astype(np.uint8)[:, :, None], 3, axis=2)
        for row, found in enumerate(execute(plan, picture)):
            want = displace.points(name, of_row(plan.steps[0], row), SIZE, np.array([at]))[0]
            spot = ndimage.center_of_mass(np.where(found[:, :, 0] > 100, found[:, :, 0], 0))
            assert np.abs(np.array(spot)[::-1] + 0.5 - want).max() < 0.5


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_masks_move_as_nearest_pictures_do(name, parameters, noise):
    nearest = {**parameters, "interpolation": "nearest"}
    small = np.ascontiguousarray(noise[:60, :70])
    plan = single(name, nearest).plan(small.shape[:2], index=np.arange(6))
    for execute in (on_cv2, on_torch):
        for row, picture in enumerate(execute(plan, small)):
            moved = displace.mask(name, of_row(plan.steps[0], row), small[:, :, 0])
            assert moved.dtype == np.uint8
            assert (moved != picture[:, :, 0]).mean() < 0.001  # where rounding decides


@pytest.mark.parametrize("name", ["elastic", "grid_distortion"])
@pytest.mark.parametrize("size", [(1, 1), (1, 37), (300, 2)], ids=str)
def test_any_size(name, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    plan = single(name, {"p": 1}).plan(size, index=np.arange(4))
    ours, theirs = on_cv2(plan, picture), on_torch(plan, picture)
    assert ours.shape == theirs.shape == (4, *size, 3)
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
    values = of_row(plan.steps[0], 0)
    assert displace.mask(name, values, np.ones(size, np.int64)).shape == size
