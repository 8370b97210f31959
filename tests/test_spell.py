"""What is spelled in a line is what YAML reads."""

from __future__ import annotations

import pytest

from augpipe.schema import read_yaml
from augpipe.spell import spell, spell_op, spell_statistics


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (1e-7, "1.0e-07"),
        (None, "null"),
        (True, "true"),
        ("yes", "'yes'"),
        ("a: b", "'a: b'"),
        ((1, [2.5, "x"]), "[1, [2.5, x]]"),
        ({"size": (3, 4), "p": 1.0}, "{size: [3, 4], p: 1.0}"),
        ("ä" * 200, "ä" * 200),
        ([0.5] * 60, f"[{', '.join(['0.5'] * 60)}]"),
    ],
)
def test_values(value, text):
    assert spell(value) == text
    assert spell(read_yaml(text)) == text


def test_ops():
    assert spell_op({"hsv": {}}) == "hsv"
    assert spell_op({"one_of": {"ops": ["hsv", {"hue": {"p": 1}}]}}) == (
        "one_of: {ops: [hsv, {hue: {p: 1}}]}"
    )


def test_statistics_by_name_where_they_have_one():
    assert spell_statistics({"mean": (0.5, 0.5, 0.5), "std": [0.5] * 3}) == "half"
    assert spell_statistics({"std": (1, 1, 1), "mean": (0, 0, 0)}) == (
        "{mean: [0, 0, 0], std: [1, 1, 1]}"
    )
