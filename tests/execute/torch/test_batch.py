"""What the torch executor refuses, and how rows of a batch stay apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from augpipe.errors import PlanError
from augpipe.execute.torch import batch as torch_batch
from augpipe.execute.torch import lower as torch_lower
from augpipe.execute.torch import stage as torch_stage
from augpipe.pipeline import Pipeline
from augpipe.plan import Kernel, Plan
from cases import CASES, CPU_ONLY, EVERY_CASE, single
from executors import on_cv2, on_torch
from pictures import noise, photo

SIZE = (75, 100)
OPS = [
    {"affine": {"degrees": 30, "scale": [0.3, 2]}},
    {"color_jitter": {"contrast": 0.5, "hue": 0.1}},
    {"gaussian_blur": {}},
    "random_erasing",
]


def batch(*pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("name", "parameters"), [case for case in EVERY_CASE if case.values[0] not in CPU_ONLY]
)
def test_a_row_does_not_depend_on_its_batch(name, parameters):
    pictures = [photo(), noise(), photo()[::-1], noise()[:, ::-1]]
    pipeline = single(name, parameters)
    whole = torch_batch.run(pipeline.plan(SIZE, index=np.arange(4)), batch(*pictures))
    for row, picture in enumerate(pictures):
        alone = torch_batch.run(pipeline.plan(SIZE, index=row), batch(picture))[0]
        assert torch.equal(whole[row], alone)


@pytest.mark.parametrize("pixels", [1, 2 * 75 * 100, 2**30], ids=["rows", "pairs", "whole"])
def test_pixels_do_not_depend_on_the_pieces_of_the_batch(pixels, monkeypatch):
    pictures = batch(photo(), noise(), photo()[::-1], noise()[:, ::-1], photo()[:, ::-1])
    ops = [
        *OPS,
        {"mixup": {"alpha": 1}},
        "cutmix",
        {"random_erasing": {"value": "random"}},
        "normalize",
    ]
    plan = Pipeline([], batch=ops).batch.plan(SIZE, index=np.arange(5))
    expected = torch_batch.run(plan, pictures)
    monkeypatch.setattr(torch_stage, "PIECE", pixels)
    assert torch.equal(torch_batch.run(plan, pictures), expected)


@pytest.mark.parametrize(
    "ops",
    [
        [*OPS, "normalize"],
        [{"resize": {"size": [90, 110]}}, "hsv", "posterize", "brightness", "equalize"],
        [{"random_erasing": {"p": 1}}, "saturation", {"one_of": {"ops": ["hsv", "sharpen"]}}],
        [{"motion_blur": {"p": 1}}, "barrier", "hsv", {"gaussian_noise": {"p": 1}}, "contrast"],
        ["horizontal_flip", {"random_erasing": {"value": [0, 99.7, 300], "p": 1}}, "sharpen"],
    ],
    ids=lambda ops: ops[-1] if isinstance(ops[-1], str) else "one_of",
)
def test_levels_that_stay_floats_between_steps_are_those_that_are_rounded(ops):
    """All steps in one go, in a processor's cache, and each on the uint8 that the last one gave."""
    pictures = batch(photo(), noise(), photo()[::-1])
    plan = Pipeline(ops).plan(SIZE, index=np.arange(3))
    expected, size = pictures, plan.size
    for step in plan.steps:
        alone = Plan(size, (step,))
        expected, size = torch_batch.run(alone, expected), alone.out_size
    assert torch.equal(torch_batch.run(plan, pictures), expected)


def test_no_fill_shows_at_the_rim_of_an_enlarged_picture():
    """Between the edge and the first pixels' centres, sampling looks beyond the edge."""
    white = torch.full((1, 3, *SIZE), 255, dtype=torch.uint8)
    plan = single("letterbox", {"size": [225, 350], "fill": 0}).plan(SIZE)
    out = torch_batch.run(plan, white)
    assert (out[..., 25:325] == 255).all()
    assert (out[..., :25] == 0).all()


@pytest.mark.parametrize("then", [[], ["horizontal_flip"], ["rotate90"]], ids=str)
def test_a_picture_that_is_moved_by_whole_pixels_is_not_sampled(then):
    crop = {"random_crop": {"size": [75, 75], "padding": 9, "fill": [3, 70.6, 255]}}
    plan = Pipeline([crop, *then]).plan((75, 75), index=np.arange(16))
    picture = noise(75, 75)
    done = on_torch(plan, picture)
    assert np.array_equal(done, on_cv2(plan, picture))
    assert len(np.unique(done[..., 1].reshape(16, -1) == 71, axis=0)) > 8  # each has its frame


def test_normalised_pictures_may_be_moved_into_fill_of_their_scale():
    pictures = torch.randn(4, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    crop = {"random_crop": {"size": list(SIZE), "padding": 30, "fill": 7.25}}
    out = torch_batch.run(Pipeline([crop]).plan(SIZE, index=np.arange(4)), pictures)
    kept = out != 7.25
    assert np.isin(out[kept].numpy(), pictures.numpy()).all()
    assert 0 < (~kept).sum() < kept.numel()


@pytest.mark.parametrize("name", CPU_ONLY)
def test_an_op_for_one_picture_at_a_time_is_refused(name):
    plan = single(name, CASES[name].typical).plan(SIZE)
    kernel = next(step.name for step in plan.steps if step.name not in torch_lower.KERNELS)
    with pytest.raises(PlanError, match=f"{name}#0: torch has no kernel '{kernel}'"):
        torch_batch.run(plan, batch(noise()))


@pytest.mark.parametrize(
    ("name", "parameters"), [case for case in EVERY_CASE if case.values[0] not in CPU_ONLY]
)
def test_the_batch_is_never_written_to(name, parameters):
    pictures = batch(noise(), photo())
    before = pictures.clone()
    done = torch_batch.run(single(name, parameters).plan(SIZE, index=np.arange(2)), pictures)
    assert torch.equal(pictures, before)
    done.zero_()
    assert torch.equal(pictures, before)


def test_normalised_pictures_may_be_erased():
    pictures = torch.randn(3, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    plan = Pipeline([{"random_erasing": {"p": 1, "value": -9}}]).plan(SIZE, index=np.arange(3))
    out = torch_batch.run(plan, pictures)
    assert out.dtype == torch.float32
    kept = out != -9
    assert torch.equal(out[kept], pictures[kept])
    assert 0 < (~kept).sum() < kept.numel()


@pytest.mark.parametrize(
    ("plan", "pictures", "message"),
    [
        (
            Pipeline([]).plan(SIZE, index=np.arange(2)),
            torch.zeros(3, 3, *SIZE, dtype=torch.uint8),
            r"the plan is for pictures of shape \(2, 3, 75, 100\), the batch has \(3, 3, 75, 100\)",
        ),
        (
            Pipeline([]).plan([SIZE, (10, 10)]),
            torch.zeros(2, 3, *SIZE, dtype=torch.uint8),
            "the plan is for pictures of shape",
        ),
        (
            Pipeline([]).plan(SIZE),
            torch.zeros(1, 3, *SIZE, dtype=torch.int64),
            r"pictures must be uint8 or float32, not torch\.int64",
        ),
        (
            Plan(np.array([SIZE]), (Kernel("erasee", {}, ops=("mine#0",)),)),
            torch.zeros(1, 3, *SIZE, dtype=torch.uint8),
            r"mine#0: torch has no kernel 'erasee'; did you mean 'erase'\?",
        ),
    ],
    ids=["rows", "sizes", "dtype", "kernel"],
)
def test_what_is_refused_says_why(plan, pictures, message):
    with pytest.raises(PlanError, match=message):
        torch_batch.run(plan, pictures)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
@pytest.mark.parametrize("ops", [[], ["hsv", "sharpen"], ["hsv", "normalize"]], ids=str)
def test_no_rows_give_none_of_the_type_and_form_that_others_have(ops, dtype):
    some, wanted = batch(noise()), {"dtype": dtype, "memory_format": torch.channels_last}
    one = torch_batch.run(Pipeline(ops).plan(SIZE, index=np.arange(1)), some, **wanted)
    none = torch_batch.run(Pipeline(ops).plan(SIZE, index=np.arange(0)), some[:0], **wanted)
    assert none.shape == (0, *one.shape[1:])
    assert (none.dtype, none.stride()) == (one.dtype, one.stride())


def test_the_size_of_no_rows_is_not_guessed():
    plan = Pipeline(["hsv", {"resize": {"size": [9, 9]}}]).plan(SIZE, index=np.arange(0))
    with pytest.raises(PlanError, match=r"resize#0: a plan without rows .* AugmentBatch"):
        torch_batch.run(plan, batch(noise())[:0])
