"""How parameters reach the device, and the form of stages in which no parameter is looked at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from augpipe.execute.torch import batch as torch_batch
from augpipe.execute.torch.carry import carry_out
from augpipe.execute.torch.lower import lower
from augpipe.execute.torch.stage import Stage, acting, pack, upload, walk
from augpipe.pipeline import Pipeline
from cases import CPU_ONLY, EVERY_CASE, TORCH_ONLY, single, tolerance
from pictures import noise, photo

SIZE = (75, 100)
ROWS = 4
PICTURES = torch.from_numpy(np.stack([photo(), noise(), photo()[::-1], noise()[:, ::-1]])).permute(
    0, 3, 1, 2
)
CPU = torch.device("cpu")
ON_BATCHES = [case for case in EVERY_CASE if case.values[0] not in CPU_ONLY]
# A user's model is watched for what is not finite, so it is waited for.
OURS = [case for case in ON_BATCHES if case.values[0] not in TORCH_ONLY]


def stage(**arrays: np.ndarray) -> Stage:
    return Stage(None, arrays)


def fixed(pipeline: Pipeline, pictures: torch.Tensor) -> torch.Tensor:
    """The pictures through the form that devices and compilers are given."""
    rows = len(pictures)
    parts = lower(pipeline.plan(SIZE, seed=3, index=np.arange(rows)), floating=False, fixed=True)
    with torch.no_grad():
        return carry_out(parts, pictures, upload(parts, rows, pictures.device), range(rows))


def test_arrays_of_any_type_and_shape_arrive():
    rng = np.random.default_rng(0)
    types = [np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_]
    shapes = [(), (1,), (3,), (2, 3), (5, 0)]
    stages = [
        stage(**{f"{i}": rng.integers(0, 2, (ROWS, *shape)).astype(kind) for i, shape in enum})
        for kind in types
        for enum in [list(enumerate(shapes))]
    ]
    loaded = upload(stages, ROWS, CPU)
    for each in stages:
        for rows in (range(ROWS), range(1, 3), [3, 0, 0], []):
            for name, tensor in loaded.of(each, rows).items():
                expected = torch.from_numpy(each.arrays[name][list(rows)])
                assert tensor.dtype == expected.dtype
                assert torch.equal(tensor, expected)


def test_all_parameters_travel_together():
    ops = [
        {"affine": {"degrees": 9}},
        "color_jitter",
        "random_erasing",
        "rand_augment",
        "normalize",
    ]
    parts = lower(Pipeline(ops).plan(SIZE, index=np.arange(ROWS)), floating=False, fixed=True)
    loaded = upload(parts, ROWS, CPU)
    tensors = [t for part in walk(parts) for t in loaded.tensors[part].values() if t.numel()]
    assert len(tensors) > 10
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == 1


def test_no_rows_and_no_arrays_can_be_packed():
    table, layout = pack([(stage(), {})], 0, CPU)
    assert table.shape == (0, 0)
    assert list(layout.values()) == [()]


def test_rows_on_which_a_stage_acts():
    assert acting(np.array([True, False])) == [True, None]
    assert acting(np.array([0.0, 0.5])) == [None, True]


@pytest.mark.parametrize(("name", "parameters"), ON_BATCHES)
def test_one_form_for_all_rows_gives_what_each_gets_alone(name, parameters, request):
    pipeline = single(name, parameters)
    plan = pipeline.plan(SIZE, seed=3, index=np.arange(ROWS))
    alone = torch_batch.run(plan, PICTURES)
    together = fixed(pipeline, PICTURES)
    assert together.dtype == alone.dtype
    apart = (together.double() - alone.double()).abs()
    limit = tolerance(name, request.node.callspec.id.rpartition("-")[2])
    assert apart.max() <= max(limit.largest, 1)
    assert apart.mean() <= max(limit.mean, 0.005)


@pytest.mark.parametrize(("name", "parameters"), OURS)
def test_the_device_is_never_waited_for(name, parameters):
    """A meta device has shapes and no values: whoever wants to look at one fails."""
    out = fixed(single(name, parameters), PICTURES.to("meta"))
    alone = torch_batch.run(
        single(name, parameters).plan(SIZE, seed=3, index=np.arange(ROWS)), PICTURES
    )
    assert (out.shape, out.dtype) == (alone.shape, alone.dtype)


def test_exact_rows_stay_exact_beside_others():
    """Pictures of floats, which no rounding would save."""
    pictures = torch.randn(ROWS, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    plan = Pipeline(["vertical_flip", {"horizontal_flip": {"p": 0.5}}]).plan(
        SIZE, index=np.arange(ROWS)
    )
    parts = lower(plan, floating=True, fixed=True)
    out = carry_out(parts, pictures, upload(parts, ROWS, CPU), range(ROWS))
    assert torch.equal(out, torch_batch.run(plan, pictures))
