"""Erasing, against torchvision's distribution and a painted rectangle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import RandomErasing as TorchvisionErasing

from augpipe.ops import RandomErasing
from augpipe.pipeline import Pipeline
from cases import single


def boxes(parameters: dict, size: tuple[int, int], rows: int) -> np.ndarray:
    """(rows, 4): half-open x0, y0, x1, y1."""
    plan = single("random_erasing", parameters).plan(size, index=np.arange(rows))
    (kernel,) = plan.steps
    return kernel.params["box"]


def torchvision_rectangles(op: RandomErasing, size: tuple[int, int], rows: int) -> np.ndarray:
    """(rows, 4): top, left, height, width; nothing is erased where all of the picture would be."""
    picture = torch.empty(3, *size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = [
            TorchvisionErasing.get_params(picture, op.scale, op.ratio, [0.0])[:4]
            for _ in range(rows)
        ]
    rectangles = np.array(drawn)
    return rectangles[~(rectangles[:, 2:] == size).all(axis=1)]


@pytest.mark.parametrize(
    ("size", "parameters"),
    [((224, 224), {}), ((75, 100), {}), ((200, 120), {"scale": [0.2, 0.9], "ratio": [0.2, 5]})],
)
def test_rectangles_are_distributed_as_in_torchvision(size, parameters):
    rows = 1500
    op = RandomErasing(p=1, **parameters)
    ours = boxes({"p": 1, **parameters}, size, rows)
    ours = ours[ours[:, 2] > ours[:, 0]]
    theirs = torchvision_rectangles(op, size, rows)
    extent = ours[:, 2:] - ours[:, :2]
    assert len(theirs) == pytest.approx(len(ours), abs=rows * 0.01)
    assert stats.ks_2samp(extent.prod(axis=1), theirs[:, 2:].prod(axis=1)).pvalue > 0.01
    assert stats.ks_2samp(extent[:, 0] / extent[:, 1], theirs[:, 3] / theirs[:, 2]).pvalue > 0.01
    assert stats.ks_2samp(ours[:, 0], theirs[:, 1]).pvalue > 0.01
    assert stats.ks_2samp(ours[:, 1], theirs[:, 0]).pvalue > 0.01


def test_p_erases_its_share():
    drawn = boxes({"p": 0.25}, (64, 64), 4000)
    hits = (drawn[:, 2] > drawn[:, 0]).mean()
    assert abs(hits - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 4000)


@pytest.mark.parametrize("size", [(75, 100), (9, 400), (2, 3), (1, 1)])
def test_rectangles_lie_inside_of_the_picture(size):
    drawn = boxes({"p": 1, "scale": [1e-4, 1], "ratio": [0.05, 20]}, size, 500)
    assert drawn.min() >= 0
    assert (drawn[:, :2] <= drawn[:, 2:]).all()
    assert (drawn[:, 2:] <= size[::-1]).all()


def test_nothing_is_erased_where_nothing_fits(execute, noise):
    plan = single("random_erasing", {"p": 1, "scale": [0.5, 0.5], "ratio": [90, 99]}).plan(
        (75, 100)
    )
    assert np.array_equal(execute(plan, noise)[0], noise)


def test_the_rectangle_and_nothing_else_is_filled(execute, noise):
    plan = single("random_erasing", {"p": 1, "value": [255, 0.4, 300]}).plan(
        noise.shape[:2], index=np.arange(8)
    )
    (kernel,) = plan.steps
    for picture, (x0, y0, x1, y1) in zip(execute(plan, noise), kernel.params["box"], strict=True):
        expected = noise.copy()
        expected[y0:y1, x0:x1] = (255, 0, 255)
        assert np.array_equal(picture, expected)


def test_after_normalize_the_value_is_in_normalised_units(execute, noise):
    plan = Pipeline(["normalize", {"random_erasing": {"p": 1, "value": -2.5}}]).plan(
        noise.shape[:2]
    )
    picture = execute(plan, noise)[0]
    x0, y0, x1, y1 = plan.steps[-1].params["box"][0]
    assert picture.dtype == np.float32
    assert (picture[y0:y1, x0:x1] == -2.5).all()
    assert (picture != -2.5).any()
