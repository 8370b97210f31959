"""In which type and memory a batch comes out of the torch executor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from augpipe.errors import PlanError
from augpipe.execute.torch import batch as torch_batch
from augpipe.pipeline import Pipeline
from pictures import noise, photo

SIZE = (75, 100)
PICTURES = torch.from_numpy(np.stack([photo(), noise()])).permute(0, 3, 1, 2).contiguous()
FLOATS = [torch.float16, torch.bfloat16, torch.float32]
FORMATS = [torch.contiguous_format, torch.channels_last]


def run(ops: list, pictures: torch.Tensor = PICTURES, **wanted) -> torch.Tensor:
    return torch_batch.run(Pipeline(ops).plan(SIZE, index=np.arange(2)), pictures, **wanted)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("ops", [["hsv"], ["hsv", "normalize"], []], ids=str)
def test_a_type_is_a_cast_of_the_last_step(ops, dtype, memory_format):
    out = run(ops, dtype=dtype, memory_format=memory_format)
    assert out.dtype == dtype
    assert out.is_contiguous(memory_format=memory_format)
    assert torch.equal(out, run(ops).to(dtype))


def test_whole_levels_stay_whole_unless_they_are_asked_to_be_floats():
    assert run(["hsv"]).dtype == run(["hsv"], dtype=torch.uint8).dtype == torch.uint8
    assert run(["normalize"]).dtype == torch.float32
    assert run([], dtype=torch.float32).max() == 255


def test_normalised_pictures_are_no_whole_levels():
    with pytest.raises(PlanError, match=r"cannot be torch\.uint8; ask for a float type"):
        run(["normalize"], dtype=torch.uint8)


def test_a_type_that_holds_no_pictures_is_refused():
    message = r"cannot be torch\.int64; choose one of uint8, float16, bfloat16, float32"
    with pytest.raises(PlanError, match=message):
        run([], dtype=torch.int64)


@pytest.mark.parametrize("ops", [[{"affine": {"degrees": 30}}, "color_jitter", "normalize"], []])
def test_how_a_batch_lies_in_memory_changes_no_pixel(ops):
    last = PICTURES.contiguous(memory_format=torch.channels_last)
    out = run(ops, last)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(out, run(ops))
    assert run(ops, last, memory_format=torch.contiguous_format).is_contiguous()


def test_neighbours_in_memory_need_not_be_neighbours_in_the_picture():
    wide = PICTURES.repeat_interleave(2, dim=3)[..., ::2]
    assert torch.equal(run(["hsv"], wide), run(["hsv"]))


def test_floats_are_put_where_the_caller_wants_them():
    given = []

    def empty(shape: torch.Size) -> torch.Tensor:
        given.append(torch.empty(shape))
        return given[-1]

    out = run(["normalize"], empty=empty)
    assert out is given[0]
    assert torch.equal(out, run(["normalize"]))
    for dtype in (torch.float16, torch.bfloat16):
        run(["normalize"], empty=empty, dtype=dtype)
    run(["hsv"], empty=empty)
    assert len(given) == 1
