"""Steps and how they fold, against matrix products and a sequential colour oracle."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe.pipeline import Pipeline
from augpipe.plan import (
    Border,
    Kernel,
    Plan,
    Recolor,
    Warp,
    chain,
    fold,
    fuse,
    needs_mean,
    why_apart,
)
from augpipe.recolor import IDENTITY_RECOLOR, compose_recolor
from augpipe.shrink import shrink_factors

ROWS = 5
SIZE = np.tile([40, 60], (ROWS, 1))

EXPLAINED = """\
375x500 -> 64x64: 9 ops, 7 steps, 4 resamplings
  1  warp    horizontal_flip#0 + affine#0 + random_resized_crop#0  [-> 224x224, bilinear, fill 0 0 0]
      not one step: one moves pixels, the other changes their colour
  2  recolor color_jitter#0  [one colour matrix, mean measured once]
      not one step: one moves pixels, the other changes their colour
  3  warp    resize#0  [-> 64x64, nearest]
      not one step: different interpolation: nearest, then bilinear
  4  warp    affine#1  [-> 64x64, bilinear, reflect]
      not one step: different border: reflect, then replicate
  5  warp    affine#2  [-> 64x64, bilinear, replicate]
      not one step: gaussian blur is a pass of its own
  6  kernel  gaussian_blur#0  [gaussian blur]
      not one step: gaussian blur is a pass of its own
  7  kernel  hsv#0  [hsv]
then, on each batch:
64x64 -> 64x64: 2 ops, 2 steps, 0 resamplings
  1  kernel  random_erasing#0  [erase]
      not one step: erase is a pass of its own
  2  kernel  normalize#0  [normalize]"""  # noqa: E501 (as it is printed)


def matrices(seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(ROWS, 3, 3))
    drawn[:, 2] = (0, 0, 1)
    return drawn


def warp(seed: int = 0, **settings) -> Warp:
    return Warp(matrices(seed), SIZE, **settings)


def recolor(seed: int) -> Recolor:
    return Recolor(np.random.default_rng(seed).normal(size=(ROWS, 3, 7)))


def kernel(name: str = "gaussian_blur") -> Kernel:
    return Kernel(name, {})


def scaling(x: float, y: float) -> np.ndarray:
    return np.diag([x, y, 1.0])[None]


def rotation(degrees: float, scale: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    matrix[:2] *= scale
    return matrix[None]


def test_two_warps_lead_from_the_last_output_through_the_first():
    first, second = warp(0, ops=("a#0",)), Warp(matrices(1), SIZE // 2, ops=("b#0",))
    one = fuse(first, second)
    assert isinstance(one, Warp)
    point = np.array([3.0, 5.0, 1.0])
    for row in range(ROWS):
        stepwise = first.matrix[row] @ (second.matrix[row] @ point)
        assert np.allclose(one.matrix[row] @ point, stepwise)
    assert np.array_equal(one.size, second.size)
    assert one.ops == ("a#0", "b#0")


@pytest.mark.parametrize("asks", [{"interpolation": "nearest"}, {"border": Border("reflect")}])
def test_a_warp_that_asks_for_nothing_merges_with_any(asks):
    ((name, value),) = asks.items()
    for pair in ((warp(0), warp(1, **asks)), (warp(0, **asks), warp(1))):
        one = fuse(*pair)
        assert getattr(one, name) == value
    assert getattr(fuse(warp(0), warp(1)), name) is None
    assert getattr(fuse(warp(0, **asks), warp(1, **asks)), name) == value


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (
            warp(interpolation="nearest"),
            warp(interpolation="bilinear"),
            "different interpolation: nearest, then bilinear",
        ),
        (
            warp(border=Border("constant", (1, 2, 3))),
            warp(border=Border("reflect")),
            "different border: fill 1 2 3, then reflect",
        ),
        (
            warp(border=Border(fill=(0, 0, 0))),
            warp(border=Border(fill=(9, 9, 9))),
            "different border: fill 0 0 0, then fill 9 9 9",
        ),
        (warp(), recolor(0), "one moves pixels, the other changes their colour"),
        (recolor(0), warp(), "one moves pixels, the other changes their colour"),
        (kernel(), warp(), "gaussian blur is a pass of its own"),
        (recolor(0), kernel("hsv"), "hsv is a pass of its own"),
        (kernel("erase"), kernel("erase"), "erase is a pass of its own"),
    ],
)
def test_what_must_stay_apart_says_why(first, second, reason):
    assert fuse(first, second) is None
    assert why_apart(first, second) == reason


def test_fold_merges_runs_and_never_reorders():
    steps = [warp(0), warp(1), recolor(0), recolor(1), kernel(), warp(2), kernel(), kernel()]
    named = [step for n, one in enumerate(steps) for step in chain(f"op#{n}", one)]
    folded = fold(named)
    assert [type(step) for step in folded] == [Warp, Recolor, Kernel, Warp, Kernel, Kernel]
    assert [op for step in folded for op in step.ops] == [f"op#{n}" for n in range(8)]
    assert fold([]) == ()


def test_fold_does_not_depend_on_where_it_starts():
    """Folding a folded half first changes nothing: fusion is associative."""
    steps = [warp(0), warp(1), warp(2), recolor(3), recolor(4), recolor(5)]
    whole, halved = fold(steps), fold([*fold(steps[:2]), *fold(steps[2:5]), steps[5]])
    for ours, theirs in zip(whole, halved, strict=True):
        assert np.allclose(ours.matrix, theirs.matrix, rtol=1e-9, atol=1e-9)


def apply_recolor(matrix: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """The definition, in float, for one (N, 3) picture: measure the mean, then map each pixel."""
    mean = np.broadcast_to(picture.mean(axis=0), picture.shape)
    return np.hstack([picture, mean, np.ones((len(picture), 1))]) @ matrix.T


def test_composed_colour_maps_equal_one_after_the_other():
    picture = np.random.default_rng(9).random((50, 3))
    first, second, third = (recolor(seed).matrix for seed in range(3))
    composed = compose_recolor(compose_recolor(first, second), third)
    for row in range(ROWS):
        stepwise = picture
        for matrix in (first[row], second[row], third[row]):
            stepwise = apply_recolor(matrix, stepwise)
        assert np.allclose(apply_recolor(composed[row], picture), stepwise, rtol=1e-9, atol=1e-9)


def test_the_identity_colour_map_is_neutral_on_both_sides():
    matrix = recolor(0).matrix
    identity = np.tile(IDENTITY_RECOLOR, (ROWS, 1, 1))
    assert np.array_equal(compose_recolor(matrix, identity), matrix)
    assert np.array_equal(compose_recolor(identity, matrix), matrix)


def test_the_mean_is_needed_row_by_row():
    matrix = np.tile(IDENTITY_RECOLOR, (ROWS, 1, 1))
    matrix[2, 1, 4] = 0.1
    assert needs_mean(Recolor(matrix)).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("scale", "factor"),
    [(0.1, 1), (1, 1), (1.99, 1), (2, 2), (3.99, 2), (4, 4), (7.9, 4), (8, 8), (100, 64)],
)
def test_shrink_factors_are_the_powers_of_two_below_the_scale(scale, factor):
    assert shrink_factors(scaling(scale, scale), SIZE[:1]).tolist() == [[factor, factor]]


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 137, 180, -90])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_turning_changes_no_shrink_factor(degrees, scale):
    assert shrink_factors(rotation(degrees, scale), SIZE[:1]).tolist() == [[scale, scale]]


def test_shrink_factors_belong_to_the_axes_of_the_input():
    size = SIZE[:1]
    assert shrink_factors(scaling(1, 4), size).tolist() == [[4, 1]]  # height, width
    assert shrink_factors(scaling(4, 1), size).tolist() == [[1, 4]]
    turned = scaling(1, 4) @ rotation(90, 1)
    assert shrink_factors(turned, size).tolist() == [[4, 1]]


def test_perspective_is_judged_at_the_centre_of_the_output():
    """Against the numerical derivative of the map there."""
    matrix = np.array([[9.0, 0.4, 3], [0.3, 14.0, 2], [0.02, 0.01, 1]])
    height, width = SIZE[0]

    def moved(x: float, y: float) -> np.ndarray:
        at = matrix @ (x, y, 1.0)
        return at[:2] / at[2]

    x, y, h = width / 2, height / 2, 1e-5
    along_x = (moved(x + h, y) - moved(x - h, y)) / (2 * h)
    along_y = (moved(x, y + h) - moved(x, y - h)) / (2 * h)
    covered = np.hypot(along_x, along_y)[::-1]
    expected = 2 ** np.floor(np.log2(np.maximum(covered, 1)))
    assert expected.max() > 1
    assert shrink_factors(matrix[None], SIZE[:1]).tolist() == [expected.astype(int).tolist()]


def test_rows_are_shrunk_each_by_its_own_factor():
    matrix = np.concatenate([scaling(scale, scale) for scale in (1, 2, 9, 4, 1)])
    assert shrink_factors(matrix, SIZE)[:, 0].tolist() == [1, 2, 8, 4, 1]


@pytest.mark.parametrize(
    ("steps", "scale"),
    [
        ((), 1),
        ((Warp(scaling(5, 5), SIZE[:1]),), 4),
        ((Warp(scaling(5, 2), SIZE[:1]),), 2),
        ((Warp(scaling(99, 99), SIZE[:1]),), 8),
        ((kernel(), Warp(scaling(5, 5), SIZE[:1])), 1),
        ((Recolor(IDENTITY_RECOLOR[None]), Warp(scaling(5, 5), SIZE[:1])), 1),
    ],
    ids=["nothing", "both axes", "the lesser axis", "at most 8", "after a kernel", "after colour"],
)
def test_decode_scale_is_what_a_leading_warp_allows(steps, scale):
    assert Plan(SIZE[:1], steps).decode_scale.tolist() == [scale]


def test_an_empty_plan_changes_no_size():
    plan = Plan(SIZE, ())
    assert len(plan) == ROWS
    assert np.array_equal(plan.out_size, SIZE)
    assert plan.explain() == "40x60 -> 40x60: 0 ops, 0 steps, 0 resamplings"


def test_explain_gives_the_range_where_sizes_differ():
    plan = Pipeline([{"resize": {"size": 8}}]).plan([[80, 64], [16, 32]])
    assert plan.explain().splitlines()[0] == (
        "16x32..80x64 -> 8x8..10x16: 1 op, 1 step, 1 resampling, decode at 1/2 or 1/8"
    )


def test_explain_is_pinned():
    pipeline = Pipeline(
        [
            "horizontal_flip",
            {"affine": {"degrees": 10}},
            {"random_resized_crop": {"size": 224}},
            {"color_jitter": {"brightness": 0.4, "contrast": 0.4}},
            {"resize": {"size": [64, 64], "interpolation": "nearest"}},
            {"affine": {"border": "reflect"}},
            {"affine": {"border": "replicate"}},
            "gaussian_blur",
            "hsv",
        ],
        batch=["random_erasing", "normalize"],
    )
    text = pipeline.explain((375, 500))
    assert text == EXPLAINED, f"explain() is public; if this is meant, pin it as EXPLAINED:\n{text}"


def test_params_are_plain_values_under_their_slot():
    plan = Pipeline([{"affine": {"degrees": 10}}]).plan((40, 60), index=[1, 2])
    (record,) = plan.params(1)
    assert record["op"] == "affine#0"
    assert record["angle_deg"] == plan.record[0][1]["angle_deg"][1]
    assert {type(value) for value in record.values()} == {str, float, list}
