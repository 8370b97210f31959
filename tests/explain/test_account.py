"""What `augpipe explain` says, against plans that are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from augpipe import Pipeline
from augpipe.data.jpeg import region_decoder
from augpipe.explain import account_of, outline_of
from augpipe.explain.clock import Clock
from augpipe.loader.config import LoaderConfig
from augpipe.plan import why_apart

SIZE = (96, 128)


def account(ops, batch=None, *, config=None, **how):
    return account_of(Pipeline(ops, batch=batch), SIZE, LoaderConfig(**(config or {})), **how)


def lines(steps):
    """All steps, those before mixes too."""
    for line in steps:
        yield line
        for group in line.groups:
            yield from lines(group.outline.steps)


def test_each_step_has_its_ops_and_each_seam_its_reason():
    pipeline = Pipeline(
        ["horizontal_flip", {"rotate": {"degrees": 9}}, "hsv", {"resize": {"size": 32}}]
    )
    plan = pipeline.plan(SIZE, index=np.arange(8))
    told = outline_of(plan)
    assert [line.ops for line in told.steps] == [step.ops for step in plan.steps]
    assert told.steps[0].ops == ("horizontal_flip#0", "rotate#0")
    assert told.steps[0].apart is None
    assert [line.apart for line in told.steps[1:]] == [
        why_apart(*pair) for pair in pairwise(plan.steps)
    ]
    assert (told.resamplings, told.count, len(told.ops)) == (2, 3, 4)


def test_a_mix_tells_of_its_pictures_and_counts_what_is_alike_once():
    told = account([{"mosaic": {"size": 64}}, "hsv", {"mixup": {"p": 0.25}}]).worker
    (mixup,) = told.steps
    (pair,) = mixup.groups
    assert pair.pictures == (0, 1)
    mosaic, hsv = pair.outline.steps
    assert mosaic.groups[0].pictures == (0, 1, 2, 3)
    assert (told.count, told.resamplings, hsv.kind) == (4, 1, "kernel")
    assert 0.15 < mixup.drawn < 0.35


def test_pictures_decoded_for_a_sample_are_counted():
    decoding = account([{"mosaic": {"size": 64}}, {"mixup": {"p": 0.25}}]).decoding
    assert decoding.pictures == pytest.approx(4 * 1.25, abs=0.2)
    assert account(["hsv"]).decoding.pictures == 1


def test_what_is_decoded_is_what_the_plan_looks_at():
    half = account([{"center_crop": {"size": [48, 64]}}]).decoding
    assert half.regions == (region_decoder() is not None)
    assert 0.25 < half.seen < 0.35, "a quarter of the pixels, and a margin"
    assert account([{"resize": {"size": [12, 16]}}]).decoding.scales == {8: 1.0}
    assert account(["hsv"]).decoding.seen == 1


def test_of_a_branch_the_ways_are_named_with_their_shares():
    members = ["hsv", {"rotate": {"degrees": 10}}, "gaussian_blur"]
    (branch,) = account([{"random_order": {"ops": members}}]).worker.steps
    assert branch.branching.blends == 1
    shares = [way.share for way in branch.branching.ways]
    assert len(shares) == 6
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    (blend,) = account(["aug_mix"]).worker.steps
    assert (blend.branching.blends, blend.does) == (4, "4 ways blended")


def test_another_librarys_transform_runs_there():
    pytest.importorskip("albumentations", reason="albumentations is not installed")
    _, foreign = account(["hsv", "albumentations.GaussianBlur"]).worker.steps
    assert (foreign.runs_on, foreign.does) == ("albumentations", "a transform of albumentations")


def test_bytes_are_those_of_the_batch():
    told = account(
        [{"resize": {"size": [32, 48]}}, "views"],
        ["normalize"],
        config={"batch_size": 5, "dtype": "float16"},
    )
    assert (told.handed.shape, told.handed.dtype) == ((5, 2, 3, 32, 48), "uint8")
    assert told.handed.bytes == 5 * 2 * 3 * 32 * 48
    assert (told.trained_on.dtype, told.trained_on.bytes) == ("float16", 2 * told.handed.bytes)


def test_on_cuda_it_tells_the_kernels():
    later = account(
        [{"resize": {"size": 32}}], ["random_erasing", "equalize", "normalize"], device="cuda"
    )
    assert [line.runs_on for line in later.batch.steps] == [
        "triton 1, one kernel",
        "torch",
        "triton 3, one kernel",
    ]


def test_without_a_clock_no_time_is_told():
    told = account([{"mosaic": {"size": 64}}, "hsv"], ["normalize"])
    assert told.decoding.microseconds is None
    assert all(line.microseconds is None for line in lines((*told.worker.steps, *told.batch.steps)))


@pytest.mark.parametrize(
    "ops",
    [
        ["hsv", {"resize": {"size": 32}}],
        [{"mosaic": {"size": 64}}, "hsv", "mixup"],
        [{"copy_paste": {"p": 1}}, "hsv"],
        ["random_iou_crop", {"resize": {"size": [32, 32]}}, "views", "rand_augment"],
    ],
    ids=["plain", "mosaic", "objects", "views"],
)
def test_a_clock_times_every_step(ops):
    clock = Clock(SIZE, "cpu")
    told = account(ops, ["normalize"], clock=clock)
    assert told.decoding.microseconds > 0
    untimed = [
        line.ops
        for line in lines((*told.worker.steps, *told.batch.steps))
        if not line.microseconds and not any("mosaic" in op for op in line.ops)
    ]
    assert not untimed
    parts = [line.microseconds for line in told.worker.steps]
    assert told.worker.microseconds == sum(parts)


def test_where_there_is_no_such_device_its_steps_have_no_time():
    told = account(["hsv"], ["normalize"], device="cuda", clock=Clock(SIZE, None))
    assert told.worker.microseconds > 0
    assert told.batch.microseconds is None
