from __future__ import annotations

import json

import pytest

from augpipe.recipe import Recipe
from faulty import coco, sound_folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_recipe_is_written_and_never_overwritten(augpipe, tmp_path):
    folder = sound_folder(tmp_path / "photos")
    assert augpipe("init", folder).out.startswith("recipe      recipe.yaml")
    before = (tmp_path / "recipe.yaml").read_bytes()
    ended = augpipe("init", folder)
    assert ended.code == 2
    assert "is not overwritten" in ended.err
    assert (tmp_path / "recipe.yaml").read_bytes() == before


def test_what_it_writes_can_be_previewed(augpipe, tmp_path):
    coco(tmp_path, [[(1, 2, 30, 40)], [(3, 3, 0, 9)]])
    assert augpipe("init", "objects.json", "--out", "sub/objects.yaml").code == 0
    assert augpipe("preview", "sub/objects.yaml", "--count", 1, "--variants", 1).code == 0


def test_validation_data_may_be_given(augpipe, tmp_path):
    one, two = (sound_folder(tmp_path / name) for name in ("one", "two"))
    found = json.loads(augpipe("init", one, "--val", two, "--json").out)
    assert found["text"] == (tmp_path / found["recipe"]).read_text()
    assert Recipe.load("recipe.yaml").data.val == {"path": str(two)}


def test_what_is_not_there_is_bad_input(augpipe):
    ended = augpipe("init", "nowhere")
    assert (ended.code, ended.out) == (2, "")
