"""The schema takes what `Recipe` takes, and refuses what it refuses."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from augpipe import Pipeline, Recipe, list_ops
from augpipe.errors import RecipeError
from augpipe.json_schema import op_schema, recipe_schema
from augpipe.ops import find_op
from augpipe.recipe import shipped_recipes
from cases import CASES

VALIDATOR = jsonschema.Draft7Validator(recipe_schema())
DOCS = Path(__file__).parents[1] / "docs"


def complaints(recipe):
    return [error.message for error in VALIDATOR.iter_errors(recipe)]


def of_ops(*ops):
    return {"pipeline": {"train": list(ops)}}


def test_it_is_a_schema():
    jsonschema.Draft7Validator.check_schema(VALIDATOR.schema)
    for name in list_ops():
        jsonschema.Draft7Validator.check_schema(op_schema(find_op(name)))


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_are_valid(name):
    assert complaints(yaml.safe_load(shipped_recipes()[name].read_text())) == []


@pytest.mark.parametrize("name", shipped_recipes())
def test_so_are_they_with_everything_filled_in(name):
    assert complaints(yaml.safe_load(Recipe.load(name).to_yaml())) == []


def test_the_recipe_with_everything_in_it_is_valid():
    page = (DOCS / "recipes.md").read_text()
    assert complaints(yaml.safe_load(page.split("```yaml")[1].split("```")[0])) == []


@pytest.mark.parametrize("name", CASES)
def test_every_op_is_valid_as_written_and_as_spelled_out(name):
    for parameters in (CASES[name].typical, CASES[name].extreme):
        assert complaints(of_ops({name: dict(parameters)})) == []
        assert complaints(of_ops(*Pipeline([{name: parameters}]).spec()["ops"])) == []


@pytest.mark.parametrize("name", list_ops())
def test_every_parameter_says_what_it_is(name):
    for parameter, schema in op_schema(find_op(name)).get("properties", {}).items():
        assert schema.get("description"), parameter


WRONG = {
    "an op": of_ops("horizontal_flop"),
    "an op with parameters": of_ops({"afine": {"degrees": 3}}),
    "a parameter": of_ops({"affine": {"degres": 3}}),
    "a probability": of_ops({"affine": {"p": 5}}),
    "a truth for a number": of_ops({"affine": {"p": True}}),
    "a negative half-width": of_ops({"affine": {"degrees": -5}}),
    "three numbers for a range": of_ops({"affine": {"degrees": [1, 2, 3]}}),
    "a missing parameter": of_ops("center_crop"),
    "two ops in one": of_ops({"hsv": {}, "invert": {}}),
    "a member": of_ops({"one_of": {"ops": ["hsvv"]}}),
    "no member": of_ops({"one_of": {"ops": []}}),
    "a library": of_ops("albumentatons.GaussianBlur"),
    "statistics": {"pipeline": {"normalize": "imagnet"}},
    "a section": {"pipelines": {}},
    "a key of data": {"data": {"train": {"pth": "photos"}}},
    "data without a path": {"data": {"train": {"root": "photos"}}},
    "an option of data": {"data": {"train": {"path": "photos", "clases": ["a"]}}},
    "workers": {"loader": {"num_workers": -1}},
    "a slice": {"loader": {"sampling": {"rows": "1-5"}}},
    "a type of numbers": {"loader": {"dtype": "float8"}},
    "an optimizer": {
        "train": {"model": {"name": "m"}, "epochs": 1, "optimizer": {"name": "sdg", "lr": 1}}
    },
    "no optimizer": {"train": {"model": {"name": "m"}, "epochs": 1}},
}


@pytest.mark.parametrize("recipe", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_by_both(recipe):
    assert complaints(recipe)
    if "data" not in recipe:  # which is looked at when it is opened
        with pytest.raises(RecipeError):
            Recipe.parse(recipe)


RIGHT = {
    "a name": of_ops("hsv"),
    "a name and nothing": of_ops({"hsv": None}),
    "a half-width": of_ops({"affine": {"degrees": 5, "shear": [1, 2], "fill": 114}}),
    "members": of_ops({"one_of": {"ops": ["hsv", {"sometimes": {"ops": ["invert"]}}]}}),
    "another library": of_ops("torchvision.RandomInvert", {"torchvision.RandomEqualize": {"p": 1}}),
    "data": {"data": {"train": "photos", "val": {"table": "a.csv", "path": "file"}}},
    "sampling": {"loader": {"sampling": {"rows": "::2", "repeats": 2}}},
    "weights": {"loader": {"sampling": {"rows": [3, 1], "weights": "often"}, "dtype": "bfloat16"}},
    "statistics": {"pipeline": {"normalize": {"mean": [0, 0, 0], "std": [1, 1, 1]}}},
    "nothing": {"pipeline": {"normalize": None}, "train": None},
}


@pytest.mark.parametrize("recipe", RIGHT.values(), ids=RIGHT)
def test_what_is_right_is_taken_by_both(recipe):
    assert complaints(recipe) == []
    assert Recipe.parse(recipe)
