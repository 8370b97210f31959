"""Elastic and grid distortions: their laws, and what they are compared with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from albumentations import GridDistortion as Theirs
from scipy import stats
from torchvision.transforms import v2

from augpipe.errors import RecipeError
from augpipe.execute import displace
from augpipe.execute.lattice import centres
from augpipe.ops import make_op
from augpipe.pipeline import Pipeline
from cases import single
from executors import on_cv2

SIZE = (160, 200)


def fields(parameters, rows=24, size=SIZE):
    """(rows, 2, H, W): displacements in pixels."""
    (step,) = single("elastic", {**parameters, "p": 1}).plan(size, index=np.arange(rows)).steps
    found = []
    for row in range(rows):
        values = {name: value[row] for name, value in step.params.items()}
        x, y = displace.places("elastic", values, size)
        found.append(np.stack([x - centres(size[1]), y - centres(size[0])[:, None]]))
    return np.array(found)


def peer_fields(alpha, sigma, rows=24, size=SIZE):
    """torchvision's, without the rim, where it mirrors its noise."""
    peer = v2.ElasticTransform(alpha=alpha, sigma=sigma)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = [peer.make_params([torch.zeros(3, *size)])["displacement"][0] for _ in range(rows)]
    return torch.stack(drawn).permute(0, 3, 1, 2).numpy() * (
        np.array(size[::-1])[:, None, None] / 2
    )


@pytest.mark.parametrize(
    ("alpha", "sigma"), [(50.0, 5.0), (200.0, 2.0), ([80.0, 30.0], [4.0, 7.0])]
)
def test_the_root_mean_square_is_torchvisions(alpha, sigma):
    inner = np.s_[:, :, 30:-30, 30:-30]
    ours, theirs = (
        np.sqrt((f[inner] ** 2).mean(axis=(0, 2, 3)))
        for f in (fields({"alpha": alpha, "sigma": sigma}), peer_fields(alpha, sigma))
    )
    assert ours == pytest.approx(theirs, rel=0.1)  # both are estimates
    smooth = np.sqrt(3 * np.pi * np.prod(np.broadcast_to(sigma, 2)))
    assert ours == pytest.approx(np.broadcast_to(alpha, 2) / 4 / smooth, rel=0.05)


def test_fields_are_as_smooth_as_torchvisions():
    """The correlation of points up to four sigma apart."""
    ours, theirs = (
        [
            (f[..., 30:-50, 30:-50] * np.roll(f, -lag, axis=-1)[..., 30:-50, 30:-50]).mean()
            / (f[..., 30:-50, 30:-50] ** 2).mean()
            for lag in (2, 5, 10, 20)
        ]
        for f in (fields({}, 48), peer_fields(50.0, 5.0, 48))
    )
    assert ours == pytest.approx(theirs, abs=0.05)


def test_rows_and_axes_are_independent_and_centred():
    field = fields({"sigma": 3})
    assert abs(field.mean()) < 0.05
    flat = field.reshape(48, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(48)).max() < 0.25  # of some 280 independent places


def test_a_larger_picture_shows_more_of_the_same_field():
    assert np.allclose(fields({}, 2)[..., :60, :70], fields({}, 2, (60, 70)), atol=1e-4)


def test_alpha_zero_changes_nothing(execute, noise):
    plan = single("elastic", {"alpha": 0, "p": 1}).plan(noise.shape[:2], index=np.arange(3))
    assert (execute(plan, noise) == noise).all()


def test_one_cell_or_no_limit_changes_nothing(execute, noise):
    for parameters in ({"num_steps": 1}, {"distort_limit": 0}):
        plan = single("grid_distortion", {**parameters, "p": 1}).plan(
            noise.shape[:2], index=np.arange(3)
        )
        assert (execute(plan, noise) == noise).all()


def test_elastic_shows_its_fill_beside_the_picture(execute):
    white = np.full((40, 50, 3), 255, np.uint8)
    plan = single("elastic", {"alpha": 500, "fill": [255, 0, 40], "p": 1}).plan(
        (40, 50), index=np.arange(8)
    )
    shown = execute(plan, white)
    assert (shown[..., 0] == 255).all()
    assert (shown == [255, 0, 40]).all(axis=-1).any()


def test_a_grid_stays_within_the_picture(execute, noise):
    """The edge pixels of a framed picture are those of the frame, and nothing else comes in."""
    framed = np.full((60, 80, 3), 100, np.uint8)
    framed[12:-12, 16:-16] = 200
    plan = single("grid_distortion", {"distort_limit": 0.9, "p": 1}).plan(
        (60, 80), index=np.arange(16)
    )
    shown = execute(plan, framed)
    assert shown.min() == 100
    assert (shown[:, [0, -1]] == 100).all()
    assert (shown[:, :, [0, -1]] == 100).all()


def test_grid_steps_are_uniform():
    op = make_op({"grid_distortion": {"distort_limit": [-0.3, 0.3]}})
    steps = op.sample(np.random.default_rng(0).random((400, op.draws)))
    for side in ("steps_x", "steps_y"):
        assert steps[side].shape == (400, 5)
        assert stats.kstest((steps[side].ravel() - 0.7) / 0.6, "uniform").pvalue > 0.001


def test_the_grid_is_albumentations_grid():
    """Where the picture can be cut into whole cells; its own cells are whole pixels."""
    size = (75, 100)
    steps = np.random.default_rng(1).uniform(0.7, 1.3, (2, 5))
    peer = Theirs(p=1)
    drawn = iter([*steps[0], 1.0, *steps[1], 1.0])
    peer.py_random = type("Fixed", (), {"uniform": lambda self, *_: next(drawn) - 1})()
    maps = peer.get_params_dependent_on_data({"shape": (*size, 3)}, {})
    op = make_op({"grid_distortion": {"p": 1}})
    step = op.lower({"steps_x": steps[:1], "steps_y": steps[1:]}, np.array([size]))
    values = {name: value[0] for name, value in step.params.items()}
    x, y = displace.places("grid_distortion", values, size)
    # Its first pixel shows the near edge and its last the far one, and not their own centres.
    assert np.abs(x - 0.5 - maps["map_x"]).max() < 1.3
    assert np.abs(y - 0.5 - maps["map_y"]).max() < 1.3
    assert np.abs(x - 0.5 - maps["map_x"]).mean() < 0.6


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"elastic": {"alpha": -1}}, "elastic.alpha"),
        ({"elastic": {"sigma": 0.5}}, "elastic.sigma"),
        ({"elastic": {"sigma": [3, 0]}}, "elastic.sigma"),
        ({"grid_distortion": {"num_steps": 0}}, "grid_distortion.num_steps"),
        ({"grid_distortion": {"distort_limit": [-1, 0]}}, "above -1, at most 1"),
        ({"grid_distortion": {"distort_limit": 2}}, "above -1, at most 1"),
    ],
)
def test_values_out_of_range_are_named(spec, message):
    with pytest.raises(RecipeError, match=message):
        make_op(spec)


def test_different_rows_are_distorted_differently(photo):
    for name in ("elastic", "grid_distortion"):
        plan = Pipeline([{name: {"p": 1}}]).plan(photo.shape[:2], index=np.arange(4))
        shown = on_cv2(plan, photo)
        assert len(np.unique(shown.reshape(4, -1), axis=0)) == 4
