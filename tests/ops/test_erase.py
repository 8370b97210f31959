"""Erasing, against torchvision's distribution and a painted rectangle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import RandomErasing as TorchvisionErasing

from augpipe.errors import RecipeError
from augpipe.ops import RandomErasing, make_op
from augpipe.pipeline import Pipeline
from cases import single
from executors import on_cv2


def boxes(parameters: dict, size: tuple[int, int], rows: int) -> np.ndarray:
    """(rows, 4): half-open x0, y0, x1, y1."""
    plan = single("random_erasing", parameters).plan(size, index=np.arange(rows))
    (kernel,) = plan.steps
    return kernel.params["boxes"][:, 0]


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
    for picture, (x0, y0, x1, y1) in zip(
        execute(plan, noise), kernel.params["boxes"][:, 0], strict=True
    ):
        expected = noise.copy()
        expected[y0:y1, x0:x1] = (255, 0, 255)
        assert np.array_equal(picture, expected)


def test_after_normalize_the_value_is_in_normalised_units(execute, noise):
    plan = Pipeline(["normalize", {"random_erasing": {"p": 1, "value": -2.5}}]).plan(
        noise.shape[:2]
    )
    picture = execute(plan, noise)[0]
    x0, y0, x1, y1 = plan.steps[-1].params["boxes"][0, 0]
    assert picture.dtype == np.float32
    assert (picture[y0:y1, x0:x1] == -2.5).all()
    assert (picture != -2.5).any()


@pytest.mark.parametrize("before", [[], ["normalize"]], ids=["levels", "normalised"])
def test_a_random_value_is_another_in_each_pixel(before, execute, noise):
    erasing = {"random_erasing": {"p": 1, "scale": [0.5, 0.5], "value": "random"}}
    plan = Pipeline([*before, erasing]).plan(noise.shape[:2], index=np.arange(4))
    still = execute(Pipeline(before).plan(noise.shape[:2], index=np.arange(4)), noise)
    pictures = execute(plan, noise)
    holes = []
    for picture, old, box in zip(
        pictures, still, plan.steps[-1].params["boxes"][:, 0], strict=True
    ):
        x0, y0, x1, y1 = box
        holes.append(picture[y0:y1, x0:x1].reshape(-1, 3))
        outside = np.ones(picture.shape[:2], bool)
        outside[y0:y1, x0:x1] = False
        assert np.array_equal(picture[outside], old[outside])
    pixels = np.concatenate(holes).astype(np.float64)
    law = stats.norm if before else stats.randint(0, 256)
    assert abs(pixels.mean() - law.mean()) < 5 * law.std() / np.sqrt(pixels.size)
    assert pixels.std() == pytest.approx(law.std(), rel=0.02)
    assert np.abs(np.corrcoef(pixels.T) - np.eye(3)).max() < 0.05
    assert not np.array_equal(holes[0][:100], holes[1][:100])


def erased_share(op: str, parameters: dict, size: tuple[int, int], rows: int) -> np.ndarray:
    """(rows,): how much of a white picture turns black."""
    plan = single(op, parameters).plan(size, index=np.arange(rows))
    return 1 - on_cv2(plan, np.full((*size, 3), 255, np.uint8)).mean(axis=(1, 2, 3)) / 255


@pytest.mark.parametrize("size", [(32, 32), (20, 50)])
@pytest.mark.parametrize("length", [8, 16])
def test_cutout_erases_what_is_left_after_clipping(size, length):
    """Over a side n a square of side l <= n covers l - l^2 / 4n on average; kept inside, l."""
    rows = 4000
    share = erased_share("cutout", {"length": length}, size, rows)
    expected = np.prod([length - length**2 / (4 * n) for n in size]) / np.prod(size)
    assert abs(share.mean() - expected) < 4 * share.std() / np.sqrt(rows)
    inside = length**2 / np.prod(size)
    assert abs(share.mean() - inside) > 20 * share.std() / np.sqrt(rows)


def test_cutout_is_centred_on_every_pixel_alike():
    plan = single("cutout", {"length": 1, "n_holes": 3}).plan((6, 9), index=np.arange(6000))
    boxes = plan.steps[0].params["boxes"]
    assert (boxes[:, :, 2:] - boxes[:, :, :2] == 1).all()
    for hole in range(3):
        counts = np.bincount(boxes[:, hole, 1] * 9 + boxes[:, hole, 0], minlength=54)
        assert stats.chisquare(counts).pvalue > 0.001


def test_cutout_holes_are_drawn_apart():
    boxes = single("cutout", {"n_holes": 2}).plan((64, 64), index=np.arange(3000))
    first, second = boxes.steps[0].params["boxes"][:, :, 0].T
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.08


def test_coarse_dropout_draws_what_it_is_asked_for():
    size, rows = np.array([200, 300]), 3000
    parameters = {
        "num_holes_range": [2, 5],
        "hole_height_range": [0.1, 0.3],
        "hole_width_range": [0.05, 0.1],
        "p": 1,
    }
    plan = single("coarse_dropout", parameters).plan(size, index=np.arange(rows))
    boxes = plan.steps[0].params["boxes"]
    extent = (boxes[..., 2:] - boxes[..., :2])[..., ::-1]
    taken = extent.prod(axis=2) > 0
    counts = np.bincount(taken.sum(axis=1), minlength=6)
    assert counts[:2].sum() == 0
    assert stats.chisquare(counts[2:]).pvalue > 0.001
    assert boxes.min() >= 0
    assert (boxes <= [300, 200, 300, 200]).all()
    share = extent[taken] / size
    for axis, (low, high) in enumerate([(0.1, 0.3), (0.05, 0.1)]):
        assert low - 0.003 <= share[:, axis].min() < share[:, axis].max() <= high + 0.003
        assert share[:, axis].mean() == pytest.approx((low + high) / 2, rel=0.02)
        room = size[axis] - extent[taken][:, axis]
        place = boxes[taken][:, 1 - axis] / room
        assert stats.kstest(place, "uniform").statistic < 0.03


@pytest.mark.parametrize("ratio", [0.4, 0.6])
def test_grid_mask_keeps_the_published_share(ratio):
    """Chen et al.: 1 - (1 - r)^2 is kept, wherever the grid begins."""
    rows = 400
    share = erased_share("grid_mask", {"p": 1, "ratio": ratio, "unit": [0.2, 1]}, (90, 120), rows)
    assert abs(share.mean() - (1 - ratio) ** 2) < 4 * share.std() / np.sqrt(rows) + 0.005


def test_grid_mask_is_a_grid(execute, noise):
    parameters = {"p": 1, "unit": [0.2, 0.4], "ratio": 0.5, "fill": 7}
    plan = single("grid_mask", parameters).plan(noise.shape[:2], index=np.arange(6))
    values = plan.steps[0].params
    for row, picture in enumerate(execute(plan, noise)):
        unit, hole = values["unit"][row], values["hole"][row]
        top, left = values["offset"][row]
        expected = noise.copy()
        for y in range(top - unit, 75, unit):
            for x in range(left - unit, 100, unit):
                expected[max(y, 0) : max(y + hole, 0), max(x, 0) : max(x + hole, 0)] = 7
        assert np.array_equal(picture, expected)


ERASERS = ["coarse_dropout", "cutout", "grid_mask", "pixel_dropout", "random_erasing"]


@pytest.mark.parametrize("name", ERASERS)
def test_erasing_never_writes_into_the_source(name, execute, noise):
    before = noise.copy()
    if execute is on_cv2:
        noise.flags.writeable = False
    pictures = execute(single(name, {"p": 1}).plan(noise.shape[:2], index=np.arange(3)), noise)
    assert (pictures != before).any()
    assert np.array_equal(noise, before)


@pytest.mark.parametrize("name", [name for name in ERASERS if name != "random_erasing"])
def test_erasers_may_follow_normalize(name, execute, noise):
    fill = "drop_value" if name == "pixel_dropout" else "fill"
    plan = Pipeline(["normalize", {name: {"p": 1, fill: -2.5}}]).plan(noise.shape[:2])
    picture = execute(plan, noise)[0]
    blank = (picture == -2.5).all(axis=2)
    assert picture.dtype == np.float32
    assert np.array_equal(
        picture[~blank], execute(Pipeline(["normalize"]).plan((75, 100)), noise)[0][~blank]
    )
    assert 0 < blank.mean() < 0.6


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"cutout": {"n_holes": 65}}, "n_holes: should be less than or equal to 64"),
        ({"cutout": {"length": 0}}, "length: should be greater than or equal to 1"),
        ({"coarse_dropout": {"num_holes_range": [3, 2]}}, "written as"),
        ({"grid_mask": {"unit": [0, 1]}}, "unit"),
        ({"random_erasing": {"value": "rainbow"}}, "value"),
    ],
)
def test_what_cannot_be_erased_is_refused(spec, message):
    with pytest.raises(RecipeError, match=message):
        make_op(spec)
