"""One plan, two executors: the same parameters to the bit, pixels within the stated tolerances."""

from __future__ import annotations

import copy
from dataclasses import fields

import numpy as np
import pytest
import torch

import pictures
from augpipe.pipeline import Pipeline
from augpipe.plan import Plan
from cases import CASES, CPU_ONLY, TORCH_ONLY, Case, Tolerance, single, tolerance
from executors import distance, on_cv2, on_torch

ROWS = np.arange(16)
ON_BOTH = [name for name in CASES if name not in CPU_ONLY | TORCH_ONLY]
CHAIN = [
    "horizontal_flip",
    {"affine": {"degrees": 20, "translate": [0.1, 0.1], "shear": 5}},
    {"random_resized_crop": {"size": [40, 48]}},
    {"color_jitter": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2}},
    {"gaussian_blur": {"p": 0.5}},
    {"hsv": {}},
    {"random_erasing": {}},
]


def assert_agree(plan: Plan, picture: np.ndarray, limit: Tolerance, *, device: str = "cpu") -> None:
    ours, theirs = on_cv2(plan, picture), on_torch(plan, picture, device)
    assert ours.shape == theirs.shape == (len(plan), *plan.out_size[0], 3)
    assert ours.dtype == theirs.dtype
    apart = distance(ours, theirs)
    assert apart.max() <= limit.largest
    assert apart.mean() <= limit.mean


@pytest.mark.parametrize("size", [(75, 100), (64, 64), (31, 130)], ids=str)
@pytest.mark.parametrize("picture", [pictures.photo, pictures.noise])
@pytest.mark.parametrize("kind", Case._fields)
@pytest.mark.parametrize("name", ON_BOTH)
def test_executors_agree(name, kind, picture, size):
    plan = single(name, getattr(CASES[name], kind)).plan(size, seed=3, index=ROWS)
    assert_agree(plan, picture(*size), tolerance(name, kind))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("picture", [pictures.photo, pictures.noise])
@pytest.mark.parametrize("kind", Case._fields)
@pytest.mark.parametrize("name", ON_BOTH)
def test_a_gpu_agrees_with_opencv_as_the_processor_does(name, kind, picture):
    plan = single(name, getattr(CASES[name], kind)).plan((75, 100), seed=3, index=ROWS)
    assert_agree(plan, picture(), tolerance(name, kind), device="cuda")


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("border", ["constant", "replicate", "reflect"])
def test_executors_agree_on_every_border(border, interpolation, noise):
    affine = {
        "degrees": 180,
        "translate": [0.4, 0.4],
        "scale": [0.6, 3],
        "border": border,
        "interpolation": interpolation,
        "fill": [255, 40, 3],
    }
    limit = Tolerance(0, 0) if interpolation == "nearest" else Tolerance(1, 0.001)
    assert_agree(single("affine", affine).plan(noise.shape[:2], index=ROWS), noise, limit)


@pytest.mark.parametrize("picture", [pictures.photo, pictures.noise])
def test_executors_agree_on_a_chain(picture):
    """Each of five steps may differ by a level, and the last ones multiply."""
    plan = Pipeline(CHAIN).plan((75, 100), seed=1, index=np.arange(32))
    assert_agree(plan, picture(), Tolerance(largest=6, mean=0.1))


def flattened(plan: Plan) -> list:
    """Every array of a plan."""
    values = [getattr(step, field.name) for step in plan.steps for field in fields(step)]
    values += [params for _, params in plan.record]
    mappings = [value for value in values if isinstance(value, dict)]
    return [value for value in values if isinstance(value, np.ndarray)] + [
        array for mapping in mappings for array in mapping.values()
    ]


def test_parameters_are_those_of_the_plan_and_stay_so(execute, photo):
    plan = Pipeline(CHAIN).plan(photo.shape[:2], index=ROWS)
    before = copy.deepcopy(flattened(plan))
    execute(plan, photo)
    assert all(map(np.array_equal, flattened(plan), before))
    assert Pipeline(CHAIN)(photo, index=5).record == plan.params(5)
