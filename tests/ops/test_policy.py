"""Ops made of ops: who acts how often, and that whoever does not changes nothing."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from augpipe import Pipeline
from augpipe.errors import RecipeError
from augpipe.plan import Branch, Kernel, Recolor, Warp
from executors import distance
from pictures import photo

MANY = np.arange(4000)
MEMBERS = [
    {"horizontal_flip": {"p": 1}},
    {"vertical_flip": {"p": 1}},
    {"affine": {"degrees": [10, 20]}},
]
CHANGED = ["0.horizontal_flip.flip", "1.vertical_flip.flip", "2.affine.angle_deg"]


def acting(policy: dict) -> np.ndarray:
    """(samples, members): whether each member acted."""
    ((_, params),) = Pipeline([policy]).plan((8, 8), index=MANY).record
    return np.stack([params[name] != 0 for name in CHANGED], axis=1)


def test_one_of_lets_one_act_each_as_often():
    acts = acting({"one_of": {"ops": MEMBERS, "p": 0.6}})
    assert set(acts.sum(axis=1).tolist()) == {0, 1}
    assert np.allclose(acts.mean(axis=0), 0.2, atol=0.02)


@pytest.mark.parametrize(("n", "counts"), [(2, {2}), ([1, 3], {1, 2, 3}), ([0, 1], {0, 1})])
def test_some_of_lets_so_many_act_each_as_often(n, counts):
    acts = acting({"some_of": {"ops": MEMBERS, "n": n}})
    assert set(acts.sum(axis=1).tolist()) == counts
    many = np.bincount(acts.sum(axis=1)) / len(MANY)
    assert np.allclose(many[many > 0], 1 / len(counts), atol=0.03)
    assert np.ptp(acts.mean(axis=0)) < 0.04


def test_sometimes_lets_all_act_or_none():
    acts = acting({"sometimes": {"ops": MEMBERS, "p": 0.3}})
    assert set(acts.sum(axis=1).tolist()) == {0, 3}
    assert abs(acts.mean() - 0.3) < 0.03


def test_a_members_own_p_counts_as_well():
    policy = {"one_of": {"ops": [{"horizontal_flip": {"p": 0.5}}]}}
    ((_, params),) = Pipeline([policy]).plan((8, 8), index=MANY).record
    assert abs(params["0.horizontal_flip.flip"].mean() - 0.5) < 0.03


def test_random_order_draws_each_order_as_often():
    pipeline = Pipeline([{"random_order": {"ops": MEMBERS}}])
    ((_, params),) = pipeline.plan((8, 8), index=MANY).record
    orders, counts = np.unique(params["order"], axis=0, return_counts=True)
    assert orders.tolist() == [list(order) for order in permutations(range(3))]
    assert np.allclose(counts / len(MANY), 1 / 6, atol=0.025)
    angles = [params["2.affine.angle_deg"][params["order"][:, 0] == first] for first in range(3)]
    assert all(abs(angle.mean() - 15) < 0.5 for angle in angles)  # the order tells nothing of them


def test_random_order_acts_in_the_order_that_was_drawn(execute, photo):
    members = [{"solarize": {"p": 1}}, {"brightness": {"factor": [0.5, 0.5]}}, {"invert": {"p": 1}}]
    plan = Pipeline([{"random_order": {"ops": members}}]).plan(photo.shape[:2], index=np.arange(32))
    order = plan.record[0][1]["order"]
    assert len(np.unique(order, axis=0)) == 6
    for row, picture in enumerate(execute(plan, photo)):
        chain = Pipeline([members[number] for number in order[row]])
        assert distance(picture, execute(chain.plan(photo.shape[:2]), photo)[0]).max() <= 1


def test_members_in_random_order_fuse_with_each_other_alone():
    pipeline = Pipeline([{"rotate": {"degrees": 5}}, {"random_order": {"ops": MEMBERS}}])
    plan = pipeline.plan((40, 50), index=np.arange(20))
    assert [type(step) for step in plan.steps] == [Warp, Branch]
    assert all(len(way) == 1 for way in plan.steps[1].ways)
    assert plan.steps[1].ways[0][0].ops == ("random_order#0",)
    assert "each picture goes its own way" in plan.explain()


def test_random_order_moves_boxes_as_pixels(photo):
    height, width = photo.shape[:2]
    pipeline = Pipeline(
        [
            {
                "random_order": {
                    "ops": [{"rotate": {"degrees": [90, 90]}}, {"horizontal_flip": {"p": 1}}]
                }
            }
        ]
    )
    box = np.array([[width / 2 + 5, height / 2 + 3, width / 2 + 15, height / 2 + 8]])
    # A flip and a quarter turn do not commute: the box comes to lie at two places.
    places = {
        tuple((pipeline(photo, index=i, boxes=box, labels=[0]).targets.boxes - box).round()[0])
        for i in range(12)
    }
    assert len(places) == 2


@pytest.mark.parametrize("member", [{"zoom_out": {"p": 1}}, {"rotate90": {"turns": [1]}}], ids=str)
def test_random_order_refuses_members_that_resize(member):
    pipeline = Pipeline([{"random_order": {"ops": [member, "hsv"]}}])
    with pytest.raises(RecipeError, match="random_order#0: members whose order is drawn must"):
        pipeline.plan((40, 50))


def test_members_fuse_with_each_other_and_with_neighbours(execute):
    pipeline = Pipeline([{"resize": {"size": [40, 50]}}, {"one_of": {"ops": MEMBERS}}])
    plan = pipeline.plan(photo().shape[:2], index=np.arange(6))
    assert [type(step) for step in plan.steps] == [Warp]
    assert plan.steps[0].ops == ("resize#0", *["one_of#0"] * 3)
    assert execute(plan, photo()).shape == (6, 40, 50, 3)


def test_policies_nest():
    inner = {"some_of": {"ops": [{"hsv": {}}, {"color_jitter": {"contrast": 0.4}}], "n": 1}}
    pipeline = Pipeline([{"one_of": {"ops": [inner, {"horizontal_flip": {"p": 1}}]}}])
    plan = pipeline.plan((8, 8), index=np.arange(3))
    assert [type(step) for step in plan.steps] == [Kernel, Recolor, Warp]
    assert Pipeline.from_yaml(pipeline.to_yaml()) == pipeline


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"one_of": {"ops": []}}, "ops: at least one is needed"),
        ({"one_of": {"ops": ["hsvv"]}}, "ops[0]: ops[0]: unknown op 'hsvv'; did you mean 'hsv'?"),
        ({"one_of": {"ops": [{"resize": {"size": 3}}]}}, "resize has no p, so it cannot be left"),
        ({"some_of": {"ops": ["hsv"], "n": 2}}, "n should lie between 0 and 1, the number of ops"),
        ({"some_of": {"ops": ["hsv"], "n": [1, 0]}}, "n should lie between"),
    ],
    ids=str,
)
def test_a_wrong_member_is_named(policy, message):
    with pytest.raises(RecipeError) as caught:
        Pipeline([policy])
    assert message in str(caught.value)
