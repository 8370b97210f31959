"""What was drawn, in words: of ops that changed something, and of those alone."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe import Pipeline, list_ops
from augpipe.cli.ops import example_fields
from augpipe.ops import find_op
from augpipe.preview.words import UNSEEN, Drawn, describe, ops_by_slot, partners_in


def told(pipeline: Pipeline, *entries, **options) -> list[tuple[str, str]]:
    drawn = describe(entries, ops_by_slot(pipeline), **options)
    return [(one.op, one.words) for one in drawn]


def test_parameters_have_their_units_and_those_that_change_nothing_are_left_out():
    pipeline = Pipeline([{"affine": {"degrees": 20}}, "horizontal_flip", "gaussian_blur"])
    affine = {"op": "affine#0", "angle_deg": 12.345, "shift": [0.1, -0.25], "scale": 1.0}
    flip, blur = {"op": "horizontal_flip#0", "flip": 1.0}, {"op": "gaussian_blur#0"}
    assert told(pipeline, affine | {"shear_deg": [0.0, 0.0]}, flip, blur | {"sigma_px": 1.5}) == [
        ("affine", "angle 12.3°, shift 0.1 -0.25"),
        ("horizontal_flip", ""),
        ("gaussian_blur", "sigma 1.5 px"),
    ]


def test_ops_that_left_the_picture_as_it_was_are_told_of_on_request():
    pipeline = Pipeline(["horizontal_flip"], batch=["random_erasing"])
    still = {"op": "horizontal_flip#0", "flip": 0.0}
    assert told(pipeline, still) == []
    assert describe([still], ops_by_slot(pipeline), idle=True) == [
        Drawn("horizontal_flip", "not drawn", acted=False)
    ]


def test_members_of_a_policy_stand_for_it():
    pipeline = Pipeline([{"one_of": {"ops": ["horizontal_flip", {"one_of": {"ops": ["hsv"]}}]}}])
    record = pipeline(np.zeros((8, 8, 3), np.uint8), seed=1).record
    chosen = {"op": "one_of#0", "0.horizontal_flip.flip": 0.0, "1.one_of.0.hsv.hue": 0.01}
    chosen |= {"1.one_of.0.hsv.saturation": 1.0, "1.one_of.0.hsv.value": 1.0}
    assert chosen.keys() == record[0].keys()
    assert told(pipeline, chosen) == [("one_of: one_of: hsv", "hue 0.01")]


def test_a_second_op_of_a_name_has_a_number():
    pipeline = Pipeline(["horizontal_flip", "horizontal_flip"])
    entries = [{"op": f"horizontal_flip#{number}", "flip": 1.0} for number in range(2)]
    assert [op for op, _ in told(pipeline, *entries)] == ["horizontal_flip", "horizontal_flip#1"]


def test_what_partners_drew_is_not_the_samples():
    pipeline = Pipeline(["hsv", "mixup"])
    partner = {"op": "mixup#0/1/hsv#0", "hue": 0.1, "saturation": 1.0, "value": 1.0}
    assert told(pipeline, partner) == []
    rows = [{"op": "rows", "rows": [4, 7, None, 7]}, {"op": "batch", "rows": [4, 9]}]
    assert partners_in(rows) == [7, 9]


@pytest.mark.parametrize("name", list_ops())
def test_every_op_has_words(name):
    pipeline = Pipeline(
        [{name: example_fields(find_op(name))}] if name != "generator" else [],
        batch=[{name: example_fields(find_op(name))}] if name == "generator" else None,
    )
    ops = ops_by_slot(pipeline)
    for part in (pipeline, pipeline.batch):
        if part and not any(op.partners for op in part):
            record = part.plan((300, 300), percentile=95, targets=None).params(0)
            drawn = describe(record, ops, idle=True)
            assert len(drawn) >= (name not in UNSEEN)
            assert all(len(one.words) < 120 for one in drawn)
