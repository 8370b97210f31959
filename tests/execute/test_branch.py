"""Branches: each row goes its own way, or blends several."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe import Pipeline
from augpipe.errors import PlanError
from augpipe.plan import Branch, Kernel, Plan, Recolor, Warp, fuse
from augpipe.recolor import IDENTITY_RECOLOR
from executors import distance, on_torch

NEGATIVE = np.hstack([-np.eye(3), np.zeros((3, 3)), np.ones((3, 1))])


def negative(rows: int) -> Recolor:
    return Recolor(np.tile(NEGATIVE, (rows, 1, 1)))


def plan_of(picture: np.ndarray, weights: list, ways: tuple) -> Plan:
    weights = np.array(weights, np.float64)
    return Plan(np.tile(picture.shape[:2], (len(weights), 1)), (Branch(weights, ways),))


def test_a_way_of_weight_one_is_the_result_to_the_bit(execute, noise):
    plan = plan_of(noise, [[1, 0], [0, 1]], ((), (negative(2),)))
    pictures = execute(plan, noise)
    assert (pictures == [noise, 255 - noise]).all()


def test_a_blend_is_the_weighted_sum_rounded_once(execute, noise):
    plan = plan_of(noise, [[0.25, 0.75], [0.5, 0.5]], ((), (negative(2),)))
    pictures = execute(plan, noise)
    levels = noise.astype(np.float64)
    assert (pictures[0] == np.round(0.25 * levels + 0.75 * (255 - levels))).all()
    assert np.isin(pictures[1], [127, 128]).all()


def test_a_way_that_no_row_takes_is_not_gone(execute, noise):
    unknown = Kernel("no_such_kernel", {})
    plan = plan_of(noise, [[1, 0], [1, 0]], ((negative(2),), (unknown,)))
    assert (execute(plan, noise) == 255 - noise).all()
    with pytest.raises(PlanError, match="no_such_kernel"):
        execute(plan_of(noise, [[0.5, 0.5]], ((), (unknown,))), noise)


def test_steps_of_a_way_act_one_after_the_other_with_their_own_rows(execute, noise):
    gain = Recolor(np.array([1.0, 0.5, 0.25])[:, None, None] * IDENTITY_RECOLOR)
    plan = plan_of(noise, [[1, 0], [0, 1], [0, 1]], ((), (gain, negative(3))))
    pictures = execute(plan, noise)
    expected = [noise, 255 - np.round(0.5 * noise), 255 - np.round(0.25 * noise)]
    assert distance(pictures, np.array(expected)).max() <= 1
    assert (pictures[0] == noise).all()


def test_a_row_is_the_same_in_any_batch(noise):
    pipeline = Pipeline(["aug_mix", "rand_augment"])
    whole = on_torch(pipeline.plan(noise.shape[:2], index=np.arange(8)), noise)
    for row in (0, 3, 7):
        alone = on_torch(pipeline.plan(noise.shape[:2], index=row), noise)
        assert (alone[0] == whole[row]).all()


def test_nothing_fuses_into_a_branch_from_outside(photo):
    branch = Branch(np.ones((1, 1)), ((),))
    warp = Warp(np.eye(3)[None], np.array([photo.shape[:2]]))
    assert fuse(branch, warp) is fuse(warp, branch) is fuse(branch, branch) is None


def test_it_is_said_in_words():
    either = Branch(np.eye(2), ((negative(2), Kernel("hsv", {})), ()))
    assert str(either) == "one colour matrix, then hsv or nothing"
    assert str(Branch(np.full((2, 2), 0.5), either.ways)).endswith("blended with nothing")
