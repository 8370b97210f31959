"""One graph for a pipeline and a size: no graph break, nothing compiled again."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from augpipe.execute.torch import batch as torch_batch
from augpipe.execute.torch import compile as torch_compile
from augpipe.pipeline import Pipeline
from pictures import noise, photo

SIZE = (24, 32)
PICTURES = torch.from_numpy(
    np.stack([noise(*SIZE), photo(*SIZE), noise(*SIZE)[::-1], photo(*SIZE)[:, ::-1]])
).permute(0, 3, 1, 2)
# (rows, epoch): new parameters, a short last batch, a last batch of one picture.
BATCHES = [(4, 0), (4, 1), (3, 2), (1, 3), (4, 4)]
IMAGENET = [
    "horizontal_flip",
    {"affine": {"degrees": 15, "translate": [0.1, 0.1], "scale": [0.8, 1.2]}},
    {"color_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}},
    {"random_erasing": {"p": 0.5}},
    "normalize",
]
# What follows its parameters stands between two graphs.
WITH_SEAMS = [
    {"brightness": {"factor": [0.5, 1.5]}},
    {"median_blur": {"p": 0.5}},
    {"rand_augment": {"num_ops": 1}},
    "gaussian_blur",
    {"cutmix": {"p": 0.7}},
]


@pytest.fixture(autouse=True)
def nothing_compiled():
    """No graph is left of the test before."""
    torch._dynamo.reset()
    torch_compile._graph.cache_clear()


@pytest.fixture
def eagerly(monkeypatch):
    """Graphs are traced as ever, and run without being translated, which takes long."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


def assert_compiles_once(ops: list, largest: float) -> None:
    pipeline = Pipeline([], batch=ops).batch
    stance = "default"
    for rows, epoch in BATCHES:
        plan = pipeline.plan(SIZE, epoch=epoch, index=np.arange(rows))
        with torch.compiler.set_stance(stance):
            out = torch_batch.run(plan, PICTURES[:rows], compiled=True)
        expected = torch_batch.run(plan, PICTURES[:rows])
        assert (out.shape, out.dtype) == (expected.shape, expected.dtype)
        assert (out - expected.float()).abs().max() <= largest
        stance = "fail_on_recompile"


@pytest.mark.parametrize("ops", [IMAGENET[1:3], ["mixup", {"color_jitter": {"hue": 0.1}}]], ids=str)
@pytest.mark.usefixtures("eagerly")
def test_new_parameters_and_short_batches_compile_nothing(ops):
    assert_compiles_once(ops, 1)


@pytest.mark.usefixtures("eagerly")
def test_what_cannot_be_compiled_stands_between_graphs(monkeypatch):
    graphs = []
    graph = torch_compile._run_graph
    monkeypatch.setattr(
        torch_compile, "_run_graph", lambda stages, x: (graphs.append(stages), graph(stages, x))[1]
    )
    assert_compiles_once(WITH_SEAMS, 1)
    assert [len(stages) for stages in graphs] == [1, 2] * len(BATCHES)


@pytest.mark.usefixtures("eagerly")
def test_more_pipelines_than_torch_compiles_for_one_function():
    for number in range(10):
        plan = Pipeline([{"brightness": {"factor": [2, 2]}}]).plan((4 + number, 5))
        pictures = torch.full((1, 3, 4 + number, 5), 7, dtype=torch.uint8)
        assert (torch_batch.run(plan, pictures, compiled=True) == 14).all()


@pytest.mark.usefixtures("eagerly")
def test_type_and_memory_are_those_that_are_asked_for():
    plan = Pipeline(["normalize"]).plan(SIZE, index=np.arange(4))
    wanted = {"dtype": torch.bfloat16, "memory_format": torch.channels_last}
    out = torch_batch.run(plan, PICTURES, compiled=True, **wanted)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(out, torch_batch.run(plan, PICTURES, **wanted))


def test_translated_for_the_processor():
    assert_compiles_once([{"brightness": {"factor": [0.5, 1.5]}}, "normalize"], 1e-5)


@pytest.mark.slow
def test_the_imagenet_recipe_translated_for_the_processor():
    """Its unit is about 60 levels, and erased or not erased is no matter of rounding."""
    assert_compiles_once(IMAGENET, 1.01 / 255 / 0.225)
