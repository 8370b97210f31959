"""What Triton's executor takes on; its other tests, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from augpipe.execute import batch
from augpipe.execute.torch import batch as torch_batch
from augpipe.execute.triton.segments import cut, describe
from augpipe.pipeline import Pipeline
from pictures import noise

SIZE = (33, 41)


def run_alone(file: str, cache: Path, *, interpret: bool) -> None:
    """The tests of a file; Triton decides as it is imported whether it compiles."""
    set_here = {"TRITON_INTERPRET": str(int(interpret)), "TRITON_CACHE_DIR": str(cache)}
    env = {**os.environ, **set_here}
    command = [sys.executable, "-m", "pytest", str(Path(__file__).with_name(file))]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr


needs_triton = pytest.mark.skipif(not batch.has_triton(), reason="needs triton")


@needs_triton
def test_interpreted_kernels_agree_with_torch(tmp_path):
    run_alone("on_triton.py", tmp_path, interpret=True)


@needs_triton
def test_kernels_compile_for_a_gpu_that_is_not_there(tmp_path):
    run_alone("for_hopper.py", tmp_path, interpret=False)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_compiled_kernels_agree_with_torch(tmp_path):
    run_alone("on_triton.py", tmp_path, interpret=False)


def steps_of(ops: list) -> tuple:
    return (Pipeline(batch=ops).batch or Pipeline([])).plan(SIZE, index=np.arange(4)).steps


@pytest.mark.parametrize(
    ("ops", "where"),
    [
        ([], []),
        (["horizontal_flip", "hsv", "random_erasing", {"normalize": {}}], ["fused"]),
        (["hsv", "horizontal_flip", "posterize"], ["fused", "fused"]),
        (["hsv", "mixup", "posterize", {"normalize": {}}], ["fused"]),
        (["mixup", "hsv", "cutmix", "posterize"], ["fused", "fused"]),
        (
            ["hsv", "gaussian_blur", {"gaussian_blur": {}}, "hsv"],
            ["fused", "blur", "blur", "fused"],
        ),
        (["hsv", "median_blur", "equalize", "hsv"], ["fused", "torch", "fused"]),
        ([{"normalize": {}}, "random_erasing", "grid_mask"], ["fused"]),
        (["rand_augment"], ["torch"]),
    ],
    ids=str,
)
def test_segments_are_as_long_as_can_be(ops, where):
    steps = steps_of(ops)
    segments = cut(steps)
    assert [segment.where for segment in segments] == where
    assert tuple(step for segment in segments for step in segment.steps) == steps


def test_what_runs_where_can_be_read():
    ops = ["horizontal_flip", {"contrast": {"factor": [0.5, 2]}}, "gaussian_blur", "median_blur"]
    assert describe(Pipeline(batch=ops).batch.plan(SIZE, index=np.arange(4))) == [
        ("horizontal_flip#0 + contrast#0", "triton, one kernel, and 1 to measure means"),
        ("gaussian_blur#0", "triton, two passes"),
        ("median_blur#0", "torch"),
    ]


def test_a_batch_in_main_memory_goes_to_torch():
    plan = Pipeline(batch=["hsv", {"normalize": {}}]).batch.plan(SIZE, index=np.arange(2))
    images = torch.from_numpy(np.stack([noise(*SIZE)] * 2)).permute(0, 3, 1, 2)
    done = batch.run(plan, images, dtype=torch.float16)
    assert torch.equal(done, torch_batch.run(plan, images, dtype=torch.float16))
