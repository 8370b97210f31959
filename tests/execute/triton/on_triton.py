"""Triton's executor against torch's on a processor: a file of tests that asks for its own process.

Triton decides as it is imported whether it compiles or interprets, so `test_triton_batch` runs this
file with TRITON_INTERPRET=1, and once more with CUDA where there is any.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from augpipe.errors import PlanError
from augpipe.execute import warp
from augpipe.execute.torch import batch as torch_batch
from augpipe.execute.triton import batch as triton_batch
from augpipe.execute.triton import program as triton_program
from augpipe.execute.triton import sample as triton_sample
from augpipe.execute.triton.segments import cut
from augpipe.execute.triton.words import PUT_KERNEL
from augpipe.pipeline import Pipeline
from augpipe.plan import Kernel, Lookup, Plan, Recolor
from cases import CASES, CPU_ONLY, TORCH_ONLY, Case, Tolerance, single, tolerance
from pictures import noise, photo

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Three blocks of pixels, the last of them not full; and less than one.
SIZE, TINY = (24, 31), (7, 9)
SAME = Tolerance(largest=0, mean=0)

# The interpreter takes a second for a few thousand pixels: less of what is large.
SMALLER = {
    ("gaussian_blur", "extreme"): {"sigma": [0, 6]},
    ("letterbox", "extreme"): {"size": [40, 9], "fill": [255, 0, 128]},
    ("random_resized_crop", "typical"): {"size": [20, 28]},
    ("pad", "extreme"): {"padding": 5, "min_size": [50, 1], "border": "reflect"},
    ("resize", "extreme"): {"size": [60, 3]},
    ("resize", "typical"): {"size": [30, 24]},
    ("ten_crop", "extreme"): {"size": [21, 1], "vertical_flip": True},
    ("zoom_out", "extreme"): {"side_range": [2, 2], "fill": [255, 0, 128], "p": 1},
}
COLORS = [
    {"color_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "p": 0.7}},
    {"gaussian_noise": {"sigma": [0, 0.2]}},
    {"gamma": {"gamma": [0.5, 2]}},
    {"salt_pepper": {"amount": [0, 0.3]}},
    {"random_erasing": {"value": "random", "p": 0.7}},
]
# Branches, shapes, histograms, and filters that are no Gaussian blur.
LEFT_TO_TORCH = {
    "aug_mix",
    "auto_augment",
    "auto_contrast",
    "clahe",
    "defocus",
    "downscale",
    "elastic",
    "equalize",
    "fog",
    "fourier_domain_adaptation",
    "grid_distortion",
    "histogram_matching",
    "median_blur",
    "motion_blur",
    "rand_augment",
    "random_order",
    "shadow",
    "sharpen",
    "three_augment",
    "trivial_augment_wide",
}
ON_TRITON = [name for name in CASES if name not in {*CPU_ONLY, *TORCH_ONLY, *LEFT_TO_TORCH}]


def batch(rows: int, size: tuple[int, int] = SIZE) -> Tensor:
    """Rows none of which is another's."""
    both = [photo(*size), noise(*size)]
    stack = np.stack([np.roll(both[row % 2], row, axis=0) for row in range(rows)])
    return torch.from_numpy(stack).permute(0, 3, 1, 2).contiguous()


def on_batch(ops: list, rows: int = 4, size: tuple[int, int] = SIZE, **key: int) -> Plan:
    pipeline = Pipeline(batch=ops).batch or Pipeline([])
    return pipeline.plan(size, index=np.arange(rows), **key)


def run(plan: Plan, images: Tensor, **wish: object) -> Tensor:
    return triton_batch.run(plan, images.to(DEVICE), **wish).cpu()


def assert_agree(plan: Plan, images: Tensor, limit: Tolerance = SAME) -> None:
    ours, theirs = run(plan, images), torch_batch.run(plan, images)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    apart = (ours.double() - theirs.double()).abs()
    assert apart.max() <= limit.largest
    assert apart.mean() <= limit.mean


@pytest.mark.parametrize("kind", Case._fields)
@pytest.mark.parametrize("name", ON_TRITON)
def test_an_op_agrees_with_torch(name, kind):
    """To the bit, except where pixels are interpolated."""
    parameters = SMALLER.get((name, kind)) or getattr(CASES[name], kind)
    plan = single(name, parameters).plan(SIZE, seed=3, index=np.arange(3))
    where = {segment.where for segment in cut(plan.steps)}
    assert where != {"torch"}
    interpolates = "blur" in where or any(getattr(s, "interpolation", None) for s in plan.steps)
    assert_agree(plan, batch(3), tolerance(name, kind) if interpolates else SAME)


@pytest.mark.parametrize("name", LEFT_TO_TORCH)
def test_what_is_left_to_torch_is_all_of_the_op(name):
    plan = single(name, CASES[name].typical).plan(SIZE)
    assert {segment.where for segment in cut(plan.steps)} == {"torch"}


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("border", ["constant", "replicate", "reflect"])
def test_every_border_agrees(border, interpolation):
    affine = {
        "degrees": 180,
        "translate": [0.4, 0.4],
        "scale": [0.3, 3],
        "border": border,
        "interpolation": interpolation,
        "fill": [255, 40, 3],
    }
    limit = SAME if interpolation == "nearest" else Tolerance(1, 0.001)
    assert_agree(single("affine", affine).plan(SIZE, index=np.arange(6)), batch(6), limit)


@pytest.mark.parametrize("fill", [[0, 0, 0], [255, 0, 128]])
def test_the_strongest_perspective_agrees(fill):
    ops = [{"perspective": {"distortion_scale": 0.6, "p": 1, "fill": fill}}]
    assert_agree(Pipeline(ops).plan(SIZE, index=np.arange(4)), batch(4), Tolerance(1, 0.001))


def test_rows_are_shrunk_each_by_its_own_factors_before_they_are_sampled():
    ops = [{"random_resized_crop": {"size": [5, 7], "scale": [0.01, 1], "ratio": [0.3, 3]}}]
    plan = Pipeline(ops).plan(SIZE, index=np.arange(6))
    assert_agree(plan, batch(6), tolerance("random_resized_crop", "extreme"))


TURNS = [
    [[1, 0], [0, 1]],
    [[0, 1], [1, 0]],
    [[-1, 0], [0, 1]],
    [[0, -1], [1, 0]],
    [[0, -1], [-1, 0]],
]


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_crops_are_read_not_computed(turn):
    """Turned, mirrored, off centre; with one row that is no crop, and without."""
    out = (9, 12)
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    matrix[:2, 2] = np.rint([16, 11] - matrix[:2, :2] @ [6, 4.6])
    plan = Pipeline([{"rotate": {"degrees": 20}}]).plan(SIZE, index=np.arange(2))
    step = plan.steps[0]
    size = np.tile(out, (2, 1))
    for other in (matrix, step.matrix[1]):
        both = replace(step, matrix=np.stack([matrix, other]), size=size)
        assert_agree(replace(plan, steps=(both,)), batch(2), Tolerance(1, 0.001))
        crop = warp.as_crop(matrix, out, SIZE)
        image = batch(2)[0].permute(1, 2, 0).numpy()
        done = run(replace(plan, steps=(both,)), batch(2))[0].permute(1, 2, 0).numpy()
        assert np.array_equal(done, crop.take(image))


def test_a_chain_of_colours_agrees_to_the_bit():
    assert_agree(Pipeline(["horizontal_flip", *COLORS]).plan(SIZE, index=np.arange(2)), batch(2))


def test_a_chain_with_a_warp_before_the_means_agrees():
    ops = [{"affine": {"degrees": 20, "scale": [0.5, 2]}}, "hsv", {"contrast": {"factor": [0, 2]}}]
    assert_agree(Pipeline(ops).plan(SIZE, index=np.arange(3)), batch(3), Tolerance(3, 0.01))


def test_what_torch_alone_can_do_stands_between_what_triton_can():
    ops = ["horizontal_flip", {"median_blur": {"p": 1}}, "hsv", {"equalize": {"p": 1}}, "posterize"]
    plan = Pipeline(ops).plan(SIZE, index=np.arange(3))
    assert [segment.where for segment in cut(plan.steps)] == ["fused", "torch"] * 2 + ["fused"]
    assert_agree(plan, batch(3))


@pytest.mark.parametrize("mode", ["elem", "pair", "batch"])
@pytest.mark.parametrize("mix", [["mixup"], ["cutmix"], ["mixup", "cutmix"]])
def test_rows_are_mixed_as_they_are_in_the_end(mix, mode):
    """Partners are turned, coloured and measured before, and the mix once more behind."""
    contrast = {"contrast": {"factor": [0.2, 2]}}
    mixes = [{name: {"mode": mode, "alpha": 1, "p": 0.8}} for name in mix]
    ops = ["horizontal_flip", contrast, COLORS[-1], *mixes, contrast, "hsv", {"normalize": {}}]
    assert_agree(on_batch(ops, 3, TINY, seed=2), batch(3, TINY))


@pytest.mark.parametrize("out", [None, torch.channels_last, torch.contiguous_format], ids=str)
@pytest.mark.parametrize("given", [torch.channels_last, torch.contiguous_format], ids=str)
@pytest.mark.parametrize("dtype", [None, torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_types_and_formats_are_as_wished(dtype, given, out):
    plan = on_batch(["horizontal_flip", "posterize", {"normalize": {}}], 2, TINY)
    images = batch(2, TINY)
    done = run(plan, images.contiguous(memory_format=given), dtype=dtype, memory_format=out)
    assert done.is_contiguous(memory_format=out or given)
    expected = torch_batch.run(plan, images)
    # Triton's interpreter cuts off what bfloat16 cannot hold; compiled, it is rounded.
    cut_off = 2**-7 if dtype is torch.bfloat16 and DEVICE == "cpu" else 0
    expected = expected.to(dtype or expected.dtype)
    torch.testing.assert_close(done, expected, rtol=cut_off, atol=0)


@pytest.mark.parametrize("last", ["hsv", "gaussian_blur", {"median_blur": {"p": 1}}], ids=str)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16], ids=str)
def test_levels_stay_levels_in_any_type(last, dtype):
    plan, images = on_batch(["hsv", last], 2, TINY), batch(2, TINY)
    done = run(plan, images, dtype=dtype, memory_format=torch.channels_last)
    assert done.dtype == dtype
    assert done.is_contiguous(memory_format=torch.channels_last)
    apart = (done.double() - torch_batch.run(plan, images).double()).abs()
    assert apart.max() <= (last == "gaussian_blur")


@pytest.mark.parametrize("ops", [[], ["barrier"], ["posterize"]], ids=str)
def test_pictures_with_gaps_are_read_as_they_are(ops):
    wide = batch(4, (24, 40))
    images = wide[::2, :, :, 3:34]
    plan = on_batch(ops, 2)
    before = wide.clone()
    assert torch.equal(run(plan, images), torch_batch.run(plan, images.contiguous()))
    assert torch.equal(wide, before)


@pytest.mark.parametrize("value", [[0.5, -9, 3], "random"], ids=str)
def test_normalised_pictures_may_be_erased_and_turned(value):
    images = torch.randn(3, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    ops = ["horizontal_flip", {"random_erasing": {"p": 1, "value": value}}]
    plan = Pipeline(ops).plan(SIZE, index=np.arange(3))
    assert_agree(plan, images)
    assert_agree(on_batch([{"normalize": {}}, *ops[1:]], 3), batch(3))


def test_where_normalised_pixels_go_may_be_said():
    asked = []

    def empty(shape: torch.Size) -> Tensor:
        asked.append(torch.empty(shape, device=DEVICE))
        return asked[-1]

    plan = on_batch(["hsv", {"median_blur": {"p": 1}}, {"normalize": {}}], 2)
    done = triton_batch.run(plan, batch(2).to(DEVICE), empty=empty)
    assert [one.data_ptr() for one in asked] == [done.data_ptr()]
    assert torch.equal(done.cpu(), torch_batch.run(plan, batch(2)))


def test_a_row_does_not_depend_on_its_batch():
    ops = [
        {"affine": {"degrees": 30, "scale": [0.3, 2]}},
        *COLORS,
        {"gaussian_blur": {"sigma": [0, 1]}},
    ]
    images = batch(3, TINY)
    whole = run(Pipeline(ops).plan(TINY, index=np.arange(3)), images)
    for rows in (1, 2):
        part = run(Pipeline(ops).plan(TINY, index=np.arange(rows)), images[:rows])
        assert torch.equal(part, whole[:rows])


@pytest.mark.parametrize(
    ("images", "wish", "message"),
    [
        (batch(3), {}, "the plan is for pictures of shape"),
        (batch(2, (9, 9)), {}, "the plan is for pictures of shape"),
        (batch(2).long(), {}, "pictures must be uint8 or float32"),
        (batch(2), {"dtype": torch.uint8}, "normalised pictures are no whole levels"),
    ],
    ids=["rows", "size", "dtype", "levels"],
)
def test_what_is_refused_says_why(images, wish, message):
    with pytest.raises(PlanError, match=message):
        run(on_batch(["hsv", {"normalize": {}}], 2), images, **wish)


@pytest.mark.parametrize(
    "ops",
    [
        ["horizontal_flip", *COLORS, "coarse_dropout", "grid_mask", "mixup", {"normalize": {}}],
        [{"affine": {"degrees": 30}}, {"contrast": {"factor": [0, 2], "p": 0.5}}, "cutmix"],
    ],
)
def test_what_is_compiled_depends_on_the_pipeline_alone(ops):
    """Neither on what is drawn, nor on how many rows there are, nor on how many boxes."""

    def compiled(rows: int, epoch: int) -> set[int]:
        (segment,) = cut(on_batch(ops, rows, epoch=epoch).steps)
        program = triton_program.assemble(segment, rows, SIZE, SIZE)
        return {hash(tuple(program.arguments().items()))}

    assert set.union(*(compiled(*key) for key in [(8, 0), (8, 1), (8, 2), (1, 3), (3, 4)])) == (
        compiled(8, 5)
    )


def test_tables_of_names_and_numbers_fit_each_other():
    assert triton_program._KERNELS.keys() == PUT_KERNEL.keys()
    assert triton_sample.HORIZON == warp.HORIZON
    assert triton_sample.NEAREST_NUDGE == warp.NEAREST_NUDGE
    rows = np.zeros(1)
    for name in PUT_KERNEL:
        assert [s.where for s in cut([Kernel(name, {"any": rows})])] == ["fused"]
    assert {s.where for s in cut([Recolor(rows), Lookup(rows)], levels=False)} == {"torch"}


@pytest.mark.parametrize("ops", [["hsv", "gaussian_blur"], ["hsv", "normalize"]], ids=str)
def test_no_rows_give_none_of_the_same_type(ops):
    some, none = run(on_batch(ops, 1), batch(1)), run(on_batch(ops, 0), batch(1)[:0])
    assert (none.shape, none.dtype) == ((0, *some.shape[1:]), some.dtype)
