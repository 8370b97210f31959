from __future__ import annotations

import json

import albumentations as A  # noqa: N812 (as everybody writes it)
import pytest
import yaml

from augpipe.recipe import Recipe

MODULE = """
import albumentations as A
from torchvision.transforms import v2

native = A.Compose([A.HorizontalFlip()])
mixed = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomPhotometricDistort(), v2.Lambda(len)])

def make():
    return native
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipelines_of_mine.py").write_text(MODULE)


@pytest.mark.parametrize("name", ["native", "make"])
def test_the_recipe_is_printed(augpipe, name):
    ended = augpipe("convert", f"pipelines_of_mine:{name}")
    assert (ended.code, ended.err) == (0, "")
    assert yaml.safe_load(ended.out) == {"pipeline": {"train": ["horizontal_flip"]}}


def test_what_is_not_native_is_reported(augpipe):
    ended = augpipe("convert", "pipelines_of_mine:mixed")
    assert ended.code == 1
    assert [line.split(":")[0].split() for line in ended.err.splitlines()] == [
        ["foreign", "RandomPhotometricDistort"],
        ["left", "out", "Lambda"],
    ]


def test_a_file_to_a_file(augpipe, tmp_path):
    A.save(A.Compose([A.HorizontalFlip(), A.Normalize()]), tmp_path / "transform.json")
    assert augpipe("convert", "transform.json", "--out", "recipe.yaml").code == 0
    assert Recipe.load("recipe.yaml").pipeline.normalize
    assert augpipe("convert", "transform.json", "--out", "recipe.yaml").code == 2


def test_json(augpipe):
    found = json.loads(augpipe("convert", "pipelines_of_mine:mixed", "--json").out)
    assert [one["how"] for one in found["transforms"]] == ["native", "foreign", "left out"]


@pytest.mark.parametrize("source", ["nowhere.json", "nowhere:x", "pipelines_of_mine:nativ", "x"])
def test_bad_input_ends_with_two(augpipe, source):
    ended = augpipe("convert", source)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
