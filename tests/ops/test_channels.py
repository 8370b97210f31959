"""Ops that mix channels, against torchvision and plain indexing; how they fuse."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as F  # noqa: N812 (its name everywhere)

from augpipe.errors import RecipeError
from augpipe.pipeline import Pipeline
from cases import single
from executors import distance

ROWS = np.arange(600)
SEPIA = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]


def test_grayscale_equals_torchvision_and_pillow(execute, noise):
    """torchvision on floats, as its uint8 truncates."""
    pixels = torch.from_numpy(noise).permute(2, 0, 1).double()
    ours = execute(single("grayscale", {"p": 1}).plan(noise.shape[:2]), noise)[0]
    assert (ours == ours[..., :1]).all()
    assert distance(ours[..., 0], F.rgb_to_grayscale(pixels)[0]).max() < 0.8
    theirs = np.asarray(Image.fromarray(noise).convert("L"))
    assert distance(ours[..., 0], theirs).max() <= 1
    assert distance(ours[..., 0], theirs).mean() < 0.05


def test_invert_equals_torchvision(execute, noise):
    theirs = F.invert(torch.from_numpy(noise)).numpy()
    plan = single("invert", {"p": 1}).plan(noise.shape[:2])
    assert np.array_equal(execute(plan, noise)[0], theirs)


def test_inverting_twice_is_nothing(execute, noise):
    plan = Pipeline([{"invert": {"p": 1}}, {"invert": {"p": 1}}]).plan(noise.shape[:2])
    assert len(plan.steps) == 1
    assert np.array_equal(execute(plan, noise)[0], noise)


def test_shuffle_draws_each_other_order_equally_often(execute):
    picture = np.array([[[10, 20, 30]]], np.uint8)
    plan = single("channel_shuffle", {"p": 1}).plan((1, 1), index=ROWS)
    seen, counts = np.unique(execute(plan, picture)[:, 0, 0], axis=0, return_counts=True)
    assert seen.tolist() == [list(order) for order in permutations((10, 20, 30))][1:]
    assert np.abs(counts - len(ROWS) / 5).max() < 5 * np.sqrt(len(ROWS) / 5)


@pytest.mark.parametrize(("channels", "counts"), [((1, 1), {1}), ((2, 2), {2}), ((1, 2), {1, 2})])
def test_drop_fills_so_many_channels_and_each_as_often(channels, counts, execute, noise):
    few = noise[:4, :4]
    drop = {"channels": list(channels), "fill": 77, "p": 1}
    plan = single("channel_drop", drop).plan((4, 4), index=ROWS)
    out = execute(plan, few)
    dropped = (out == 77).all(axis=(1, 2))
    kept = (out == few).all(axis=(1, 2))
    assert (dropped ^ kept).all()
    assert set(dropped.sum(axis=1)) == counts
    shares = dropped.sum(axis=0) / dropped.sum()
    assert np.abs(shares - 1 / 3).max() < 0.06


def test_all_channels_cannot_be_dropped():
    with pytest.raises(RecipeError, match=r"channel_drop\.channels\[1\]: should be less than or"):
        single("channel_drop", {"channels": [1, 3]})
    with pytest.raises(RecipeError, match=r"channel_drop\.channels: the range should be written"):
        single("channel_drop", {"channels": [2, 1]})


@pytest.mark.parametrize("strength", [0, 0.4, 1])
@pytest.mark.parametrize("offset", [None, [0.1, 0, -0.2]])
def test_color_matrix_is_its_formula(offset, strength, execute, noise):
    matrix = np.array(SEPIA)
    rows = matrix if offset is None else np.hstack([matrix, np.array(offset)[:, None]])
    mapped = noise @ matrix.T + 255 * np.array(offset or [0, 0, 0])
    expected = ((1 - strength) * noise + strength * mapped).clip(0, 255)
    parameters = {"matrix": rows.tolist(), "strength": [strength, strength]}
    ours = execute(single("color_matrix", parameters).plan(noise.shape[:2]), noise)[0]
    assert distance(ours, expected).max() < 1


@pytest.mark.parametrize(
    "matrix", [[[1, 0], [0, 1]], [[1, 0, 0]] * 2, [[1, 0, 0], [0] * 4, [1] * 3]]
)
def test_a_matrix_of_another_shape_is_refused(matrix):
    with pytest.raises(RecipeError, match="color_matrix"):
        single("color_matrix", {"matrix": matrix})


def test_runs_of_colour_ops_are_one_matrix():
    ops = ["grayscale", "channel_shuffle", "invert", {"color_matrix": {"matrix": SEPIA}}]
    more = ["channel_drop", "brightness", "contrast", "saturation", "pca_lighting", "planckian"]
    assert len(Pipeline([*ops, *more]).plan((8, 8)).steps) == 1
