"""Warps that are decided for many rows at once, and the same pixels."""

from __future__ import annotations

import gc
from itertools import product
from weakref import ref

import numpy as np
import pytest

from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.errors import PlanError
from augpipe.execute.cut import cut_full_size
from augpipe.execute.cv2 import image as cv2_image
from augpipe.execute.cv2.ready import Exact, Sampled, Scaled, ready_rows
from augpipe.pipeline import Pipeline
from augpipe.plan import Border, Plan, Warp

SIZE = (30, 41)
ROWS = np.arange(24)
FILL = (9.0, 80.0, 200.0)
TURNED = {"affine": {"degrees": 20, "fill": 7, "p": 0.5}}

CROP = {"size": [12, 20], "scale": [0.02, 0.9]}

# Ops, and how they are carried out on rows of a plan.
OPS = {
    "flip": ([{"horizontal_flip": {}}, {"vertical_flip": {}}], {Exact}),
    "turn": (["rotate90"], {Exact}),
    "crop": ([{"random_crop": {"size": [12, 20]}}, {"horizontal_flip": {}}], {Exact}),
    "pad": ([{"pad": {"padding": [1, 2, 3, 4], "fill": 77}}, {"vertical_flip": {}}], {Exact}),
    "padded crop": ([{"random_crop": {"size": [36, 24], "padding": 4}}], {Exact}),
    "sometimes turned": ([TURNED], {Exact, None}),
    "turned inside": ([{"affine": {"degrees": 20}}, {"center_crop": {"size": 15}}], {Sampled}),
    "resize": ([{"resize": {"size": [20, 30]}}], {Scaled}),
    "enlarged": ([{"resize": {"size": [75, 50]}}, "rotate90", "vertical_flip"], {Scaled}),
    "resized crop": ([{"random_resized_crop": CROP}, "horizontal_flip"], {Scaled, Sampled, None}),
    "turned crop": ([{"random_resized_crop": CROP}, "rotate90"], {Scaled, Sampled, None}),
    "shrunk": ([{"resize": {"size": [10, 20]}}], {None}),
    "perspective": ([{"perspective": {"p": 1}}, {"center_crop": {"size": 8}}], {None}),
    "nearest": ([{"resize": {"size": [20, 30], "interpolation": "nearest"}}], {None}),
    "reflect": ([{"pad": {"padding": 5, "border": "reflect"}}], {None}),
    "colour first": ([{"solarize": {"p": 1}}, {"horizontal_flip": {"p": 1}}], {None}),
    "nothing": ([], {None}),
}
FRAMED = {"pad", "padded crop"}


def made(plan: Plan, row: int, picture: np.ndarray, targets: Targets | None = None):
    decoded = Decoded(picture, np.eye(3))
    return cv2_image.run(plan, row, [Picture(decoded, targets or Targets())])


@pytest.mark.parametrize("name", OPS)
def test_many_rows_give_what_single_ones_give(name, noise):
    """A plan of one row decides with `warp.as_crop` and its like."""
    ops, _ = OPS[name]
    picture = noise[: SIZE[0], : SIZE[1]]
    together = Pipeline(ops).plan([SIZE] * len(ROWS), index=ROWS)
    for row in ROWS:
        alone = Pipeline(ops).plan(SIZE, index=row)
        assert ready_rows(alone) == [None]
        found, expected = made(together, row, picture), made(alone, 0, picture)
        assert np.array_equal(found.image, expected.image)


@pytest.mark.parametrize("name", OPS)
def test_what_is_found(name):
    ops, kinds = OPS[name]
    rows = ready_rows(Pipeline(ops).plan([SIZE] * len(ROWS), index=ROWS))
    assert len(rows) == len(ROWS)
    assert {row and type(row) for row in rows} == kinds
    assert any(isinstance(row, Exact) and row.border for row in rows) == (name in FRAMED)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("margin", [0, 2])
def test_it_is_the_same_of_what_was_decoded_of_a_picture(name, margin, noise):
    """A decoder gives at least what is looked at, and says by its matrix where that lies."""
    ops, _ = OPS[name]
    picture = noise[: SIZE[0], : SIZE[1]]
    plan = Pipeline(ops).plan([SIZE] * len(ROWS), index=ROWS)
    for row in ROWS:
        region = plan.sight.regions[row] or (0, 0, *SIZE)
        top, left = (max(0, edge - margin) for edge in region[:2])
        part = picture[top : region[2] + margin, left : region[3] + margin]
        where = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
        found = cv2_image.run(plan, row, [Picture(Decoded(part, where), Targets())])
        assert np.array_equal(found.image, made(plan, row, picture).image)


@pytest.mark.parametrize("scale", [0.5, -1.0], ids=["smaller", "mirrored"])
def test_of_pixels_that_are_no_upright_full_size_ones_nothing_is_ready(scale, noise):
    plan = Pipeline(OPS["resized crop"][0]).plan([SIZE] * len(ROWS), index=ROWS)
    decoded = Decoded(noise[:15, :20], np.diag([scale, abs(scale), 1.0]))
    assert [cut_full_size(decoded, plan, row) for row in ROWS] == [None] * len(ROWS)


def test_rows_of_many_sizes(noise):
    sizes = [(height, width) for height in (20, 31, 40) for width in (20, 33, 50)]
    ops = [{"center_crop": {"size": 18}}, {"horizontal_flip": {}}]
    plan = Pipeline(ops).plan(sizes, index=np.arange(9))
    assert all(ready_rows(plan))
    for row, (height, width) in enumerate(sizes):
        picture = noise[:height, :width]
        alone = Pipeline(ops).plan((height, width), index=row)
        assert np.array_equal(made(plan, row, picture).image, made(alone, 0, picture).image)


@pytest.mark.parametrize("turn", list(product([1, -1], repeat=2)), ids=str)
@pytest.mark.parametrize("shift", [(-50, 0), (0, 50), (-3, -4), (6, -50), (-10, 2)], ids=str)
def test_a_frame_around_whatever_is_left_of_the_picture(turn, shift, noise):
    """NumPy puts the picture, or nothing of it, on a canvas."""
    matrix = np.diag([turn[1], turn[0], 1.0])
    matrix[:2, 2] = shift
    warp = Warp(np.tile(matrix, (8, 1, 1)), np.full((8, 2), 40), border=Border(fill=FILL))
    canvas = np.tile(np.uint8(FILL), (40, 40, 1))
    picture = noise[:20, :30]
    x, y = (
        turn[1 - axis] * np.arange(40) + shift[axis] + (turn[1 - axis] - 1) // 2 for axis in (0, 1)
    )
    rows, columns = np.flatnonzero((y >= 0) & (y < 20)), np.flatnonzero((x >= 0) & (x < 30))
    canvas[np.ix_(rows, columns)] = picture[np.ix_(y[rows], x[columns])]
    plan = Plan(np.tile((20, 30), (8, 1)), (warp,))
    shown = len(rows) > 0 and len(columns) > 0
    assert [bool(row) for row in ready_rows(plan)] == [shown] * 8
    assert np.array_equal(made(plan, 5, picture).image, canvas)


def test_targets_follow(noise):
    ops = [{"random_crop": {"size": [12, 20]}}, {"horizontal_flip": {"p": 1}}]
    boxes = Targets(boxes=np.array([[0.0, 0, 41, 30]]), keypoints=np.array([[[20.5, 15.0]]]))
    plan = Pipeline(ops).plan([SIZE] * len(ROWS), index=ROWS)
    for row in ROWS:
        one = made(plan, row, noise[: SIZE[0], : SIZE[1]], boxes).targets
        other = made(Pipeline(ops).plan(SIZE, index=row), 0, noise[: SIZE[0], : SIZE[1]], boxes)
        assert np.array_equal(one.boxes, other.boxes)
        assert np.array_equal(one.keypoints, other.keypoints)


def test_a_part_of_a_picture_is_not_taken_for_the_whole(noise):
    """What is wanted of it was not decoded: an error, not a smaller picture."""
    plan = Pipeline([{"center_crop": {"size": 20}}]).plan([SIZE] * 8, index=np.arange(8))
    with pytest.raises(PlanError, match="was decoded to 20 x 20 pixels"):
        made(plan, 0, noise[:20, :20])


def test_pictures_are_never_written_to(noise):
    noise.setflags(write=False)
    plan = Pipeline([{"center_crop": {"size": 20}}]).plan([noise.shape[:2]] * 8, index=ROWS[:8])
    done = made(plan, 3, noise).image
    assert done.flags.writeable
    assert not np.shares_memory(done, noise)


def test_what_was_found_goes_with_its_plan():
    plan = Pipeline([{"rotate90": {}}]).plan([SIZE] * 8, index=np.arange(8))
    assert ready_rows(plan) is ready_rows(plan)
    gone = ref(plan)
    del plan
    gc.collect()
    assert gone() is None


def test_a_picture_that_is_stored_upside_down_is_not_taken_as_it_is(noise):
    ops = [{"random_crop": {"size": [12, 20]}}]
    upright = noise[: SIZE[0], : SIZE[1]]
    turn = np.array([[-1, 0, SIZE[1]], [0, -1, SIZE[0]], [0, 0, 1.0]])
    plan = Pipeline(ops).plan([SIZE] * len(ROWS), index=ROWS)
    for row in ROWS:
        stored = Picture(Decoded(np.ascontiguousarray(upright[::-1, ::-1]), turn), Targets())
        found = cv2_image.run(plan, row, [stored]).image
        assert np.array_equal(found, made(plan, row, upright).image)


@pytest.mark.parametrize("mix", [{"cutmix": {"p": 1}}, {"mosaic": {"size": [30, 41]}}], ids=str)
def test_of_the_parts_of_a_mix_only_what_is_seen(mix, noise):
    """A window of what an exact warp makes is not all of it."""
    pipeline = Pipeline([{"horizontal_flip": {"p": 1}}, mix])
    each = [np.roll(noise[: SIZE[0], : SIZE[1]], n, axis=0) for n in range(pipeline.pictures)]
    pictures = [Picture(Decoded(one, np.eye(3)), Targets()) for one in each]
    together = pipeline.plan([[SIZE] * len(each)] * len(ROWS), index=ROWS)
    assert any(ready_rows(leaf)[0] for leaf in together.leaves)
    for row in ROWS:
        alone = pipeline.plan([[SIZE] * len(each)], index=[row])
        found, expected = (cv2_image.run(*p, pictures).image for p in ((together, row), (alone, 0)))
        assert np.array_equal(found, expected)
