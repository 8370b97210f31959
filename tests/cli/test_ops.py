from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from augpipe import list_ops
from augpipe.cli.ops import draw_strip, example_fields
from augpipe.ops import find_op, make_op


def picture_at(place) -> np.ndarray:
    with Image.open(place) as picture:
        return np.asarray(picture)


def test_every_op_is_listed_with_what_it_does(augpipe):
    lines = augpipe("ops").out.splitlines()
    assert [line.split()[0] for line in lines] == list_ops()
    assert all(len(line.split()) > 3 for line in lines)


def test_one_op_is_described_with_its_defaults(augpipe, tmp_path):
    out = augpipe("ops", "RandomErasing", "--out", str(tmp_path / "strip.png")).out
    assert "Zhong et al." in out
    assert "scale: (0.02, 0.33)" in out
    assert out.endswith("strip.png\n")
    assert picture_at(tmp_path / "strip.png").shape[1] > 1000


def test_as_json_it_is_the_schema_of_its_parameters(augpipe, tmp_path):
    every = json.loads(augpipe("ops", "--json").out)
    assert list(every) == list_ops()
    place = tmp_path / "strip.png"
    one = json.loads(augpipe("ops", "affine", "--json", "--out", place).out)
    assert (one.pop("name"), one.pop("strip")) == ("affine", str(place))
    assert one == every["affine"]
    assert one["properties"]["p"] | {"description": ""} == {
        "default": 1.0,
        "description": "",
        "maximum": 1,
        "minimum": 0,
        "type": "number",
    }


@pytest.mark.parametrize("name", list_ops())
def test_every_op_can_be_drawn(name):
    op = make_op({name: example_fields(find_op(name))})
    sheet = np.asarray(draw_strip(op))
    assert sheet.ndim == 3
    assert (sheet.std(axis=(0, 1)) > 5).all()


def test_parameters_are_those_asked_for(augpipe, tmp_path):
    strips = []
    for number, fields in enumerate(("{p: 0}", "{p: 1, degrees: [90, 90]}")):
        place = tmp_path / f"{number}.png"
        augpipe("ops", "affine", "--params", fields, "--out", str(place))
        strips.append(picture_at(place))
    assert (strips[0] != strips[1]).any()


@pytest.mark.parametrize(
    ("params", "message"),
    [("[1]", "expected a mapping"), ("{degres: 9}", "did you mean 'degrees'?"), ("{p: 5}", "p:")],
)
def test_wrong_parameters_are_an_error(augpipe, tmp_path, params, message):
    ended = augpipe("ops", "affine", "--params", params, "--out", str(tmp_path / "no.png"))
    assert ended.code == 2
    assert message in ended.err
    assert not (tmp_path / "no.png").exists()


def test_an_unknown_op_offers_the_nearest(augpipe):
    ended = augpipe("ops", "gausian_blur")
    assert ended.code == 2
    assert "did you mean 'gaussian_blur'?" in ended.err
