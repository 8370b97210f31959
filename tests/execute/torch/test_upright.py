"""Rows that stand upright go along one axis after the other, and come to the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pictures
from augpipe.execute.torch import batch as torch_batch
from augpipe.execute.torch import upright
from augpipe.execute.torch.lower import lower
from augpipe.execute.torch.warp import Sight
from augpipe.pipeline import Pipeline
from augpipe.plan import Plan
from cases import CASES, single, tolerance
from executors import distance, on_cv2, on_torch

ROWS = np.arange(16)
SIZE = (75, 100)
GOES_UPRIGHT = ["random_resized_crop", "resize", "letterbox", "zoom_out"]


def sights(plan: Plan) -> list[Sight]:
    """How the rows of a plan of one warp are sampled, those that are."""
    (stage, *_) = lower(plan, floating=False, fixed=False)
    return [kind for kind in stage.kinds if isinstance(kind, Sight)]


@pytest.mark.parametrize("picture", [pictures.photo, pictures.noise])
@pytest.mark.parametrize("kind", ["typical", "extreme"])
@pytest.mark.parametrize("name", GOES_UPRIGHT)
def test_opencv_comes_to_the_same_pixels(name, kind, picture, monkeypatch):
    monkeypatch.setattr(upright, "PAYS", 0)
    plan = single(name, getattr(CASES[name], kind)).plan(SIZE, seed=3, index=ROWS)
    apart, limit = (
        distance(on_cv2(plan, picture()), on_torch(plan, picture())),
        tolerance(name, kind),
    )
    assert apart.max() <= limit.largest
    assert apart.mean() <= limit.mean


@pytest.mark.parametrize("scale", [[0.1, 0.2], [0.7, 0.9]], ids=["magnified", "minified"])
def test_what_is_sampled_place_by_place_is_the_same(scale, monkeypatch):
    crop = {"random_resized_crop": {"size": [41, 53], "scale": scale, "ratio": [0.5, 2]}}
    plan = Pipeline([crop, "horizontal_flip", "vertical_flip"]).plan(SIZE, index=ROWS)
    assert not any(sight.upright for sight in sights(plan))
    placed = on_torch(plan, pictures.noise())
    monkeypatch.setattr(upright, "PAYS", 0)
    assert all(sight.upright for sight in sights(plan))
    apart = distance(on_torch(plan, pictures.noise()), placed)
    assert apart.max() <= 1
    assert apart.mean() < 5e-3


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ({"resize": {"size": [90, 110]}}, True),
        ({"resize": {"size": [60, 80]}}, False),
        ({"resize": {"size": [90, 110], "interpolation": "nearest"}}, False),
        ({"affine": {"degrees": [9, 9], "fill": 9}}, False),
        ({"affine": {"scale": [0.73, 0.73], "fill": 9}}, False),
    ],
    ids=["large", "small", "nearest", "turned", "left"],
)
def test_who_goes_upright(op, expected):
    (sight,) = sights(Pipeline([op]).plan((100, 120), index=[0]))
    assert bool(sight.upright) is expected


def test_a_picture_of_one_pixel_fills_the_output():
    one = torch.tensor([9, 99, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    out = torch_batch.run(Pipeline([{"resize": {"size": [96, 96]}}]).plan((1, 1), index=[0]), one)
    assert torch.equal(out, one.expand(1, 3, 96, 96))
