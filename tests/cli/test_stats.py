from __future__ import annotations

import json
import re

import pytest
import yaml

from augpipe.data.folder import FolderDataset
from augpipe.data.statistics import measure
from augpipe.recipe import Recipe


def test_it_prints_what_normalize_takes(augpipe, shapes):
    ended = augpipe("stats", shapes)
    assert ended.code == 0
    line = re.search(r"^normalize: .*$", ended.out, re.MULTILINE).group()
    recipe = Recipe.parse({"pipeline": yaml.safe_load(line)})
    found = measure(FolderDataset(shapes))
    assert recipe.pipeline.normalize.mean == pytest.approx(found.mean, abs=1e-6)
    assert recipe.pipeline.normalize.std == pytest.approx(found.std, abs=1e-6)


def test_it_prints_sizes_and_classes(augpipe, shapes):
    out = augpipe("stats", shapes, "--threads", 1).out
    assert "pictures   32\n" in out
    assert "height     96 to 160, median 124\n" in out
    assert "classes    4\n" in out
    assert re.search(r"^ +8  triangle$", out, re.MULTILINE)


def test_as_json_it_is_the_same(augpipe, shapes):
    told = json.loads(augpipe("stats", shapes, "--json").out)
    found = measure(FolderDataset(shapes))
    assert (told["mean"], told["std"]) == (list(found.mean), list(found.std))
    assert told["height"] == {"least": 96, "most": 160, "median": 124}
    assert told["pictures"] == 32
    assert told["classes"] == {"circle": 8, "square": 8, "star": 8, "triangle": 8}


def test_what_is_not_there_is_bad_input(augpipe, tmp_path):
    ended = augpipe("stats", tmp_path / "nowhere")
    assert (ended.code, ended.out) == (2, "")
    assert "nowhere" in ended.err


def test_no_threads_are_bad_usage(augpipe, shapes):
    assert augpipe("stats", shapes, "--threads", 0).code == 2
