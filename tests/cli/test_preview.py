from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from augpipe import Recipe, build_loader

LEFT, TOP, CELL = 170, 70, 152  # where pictures begin, and how far they are apart


@pytest.fixture
def preview(augpipe, shapes, tmp_path):
    """preview("light", "--count", 2) -> the picture."""

    def call(*arguments: object) -> np.ndarray:
        target = tmp_path / "sheets" / "preview.png"
        ended = augpipe("preview", *arguments, "--data", shapes, "--out", target)
        assert ended.code == 0, ended.err
        assert str(target) in ended.out
        with Image.open(target) as sheet:
            return np.asarray(sheet)

    return call


def test_rows_and_columns_are_as_many_as_asked_for(preview):
    small = preview("light", "--count", 1, "--variants", 1)
    large = preview("light", "--count", 3, "--variants", 4)
    assert large.shape[0] - small.shape[0] == 2 * CELL
    wide = preview("light", "--count", 1, "--variants", 5)
    assert wide.shape[1] - large.shape[1] == CELL


def test_it_shows_exactly_what_training_sees(preview, shapes):
    setting = "pipeline.train=[{random_resized_crop: {size: 144}}, hsv]"  # the size of a cell
    sheet = preview("light", "--index", 5, "--epoch", 3, "--variants", 1, "--set", setting)
    ops = Recipe.load("light", {"pipeline.train": [{"random_resized_crop": {"size": 144}}, "hsv"]})
    seen = build_loader(shapes, ops.ops("train")).replay(3, 5).image
    pixels = 255 * (seen * [0.229, 0.224, 0.225] + [0.485, 0.456, 0.406])
    assert np.array_equal(
        sheet[TOP : TOP + 144, LEFT + CELL : LEFT + CELL + 144],
        pixels.round().clip(0, 255).astype(np.uint8),
    )


def test_what_was_drawn_for_a_row_stands_beside_its_picture(preview, shapes, tmp_path):
    setting = "pipeline.train=[{rotate: {degrees: 30}}]"
    preview("light", "--index", 5, "--epoch", 3, "--variants", 2, "--set", setting)
    told = json.loads((tmp_path / "sheets" / "preview.json").read_text(encoding="utf-8"))
    loader = build_loader(
        shapes, Recipe.load("light", {"pipeline.train": [{"rotate": {"degrees": 30}}]}).ops("train")
    )
    assert told["row"] == 5
    assert told["where"] == loader.source.where(5)
    assert {title: tuple(record) for title, record in told["records"].items()} == {
        f"epoch {epoch}": loader.replay(epoch, 5).record for epoch in (3, 4)
    }


def test_percentiles_take_the_place_of_draws(preview):
    mild = preview("heavy", "--count", 1, "--percentile", 5)
    strong = preview("heavy", "--count", 1, "--percentile", 95)
    assert mild.shape == strong.shape
    assert (mild != strong).any()


def columns_of(picture: np.ndarray) -> int:
    return (picture.shape[1] - LEFT - 20) // CELL


@pytest.mark.parametrize(
    "spelled",
    [
        ["--percentile", 5, 50, 95],
        ["--percentile", 5, "--percentile", 50, 95],
        ["--percentile", 5, 50, "--count", 1, "--percentile", 95],
    ],
    ids=str,
)
def test_several_percentiles_follow_one_flag(augpipe, shapes, tmp_path, spelled):
    place = tmp_path / "p.png"
    ended = augpipe("preview", *spelled, "light", "--data", shapes, "--json", "--out", place)
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    titles = [cell["title"] for cell in told["lines"][0]["cells"]]
    assert titles == ["original", "percentile 5", "percentile 50", "percentile 95"]


def test_a_number_that_follows_another_flag_is_its_own(augpipe, shapes, tmp_path):
    ended = augpipe("preview", "light", "--percentile", 5, "--count", 1, 50, "--data", shapes)
    assert ended.code == 2
    assert "unexpected extra argument(s) (50)" in ended.err


def test_two_recipes_stand_side_by_side_on_the_same_rows(augpipe, shapes, tmp_path):
    place = tmp_path / "c.png"
    arguments = ["light", "--compare", "heavy", "--data", shapes, "--count", 2, "--out", place]
    told = json.loads(augpipe("preview", *arguments, "--json").out)
    cells = told["lines"][1]["cells"]
    assert [(cell["group"], cell["title"]) for cell in cells] == [
        ("", "original"),
        *(("light", f"epoch {epoch}") for epoch in range(3)),
        *(("heavy", f"epoch {epoch}") for epoch in range(3)),
    ]
    assert told["lines"][1]["row"] == 31
    for name, cell in (("light", cells[2]), ("heavy", cells[5])):
        own = build_loader(shapes, Recipe.load(name).ops("train")).replay(1, 31)
        assert json.loads(json.dumps(own.record)) == cell["record"]
    with Image.open(place) as picture:
        assert columns_of(np.asarray(picture)) == 7


def test_a_recipe_beside_itself_tells_them_apart(augpipe, shapes, tmp_path):
    arguments = ["light", "--data", shapes, "--compare", "light", "--count", 1, "--json"]
    told = json.loads(augpipe("preview", *arguments, "--out", tmp_path / "x.png").out)
    assert {cell["group"] for cell in told["lines"][0]["cells"]} == {"", "light", "light again"}


def test_stages_end_in_what_training_saw(augpipe, shapes, tmp_path):
    place = tmp_path / "s.png"
    arguments = ["heavy", "--data", shapes, "--stages", "--index", 3, "--epoch", 2, "--json"]
    told = json.loads(augpipe("preview", *arguments, "--out", place).out)
    seen = build_loader(shapes, Recipe.load("heavy").ops("train")).replay(2, 3)
    drawn = {e["op"]: e for line in told["lines"] for cell in line["cells"] for e in cell["record"]}
    assert drawn == {
        entry["op"]: entry
        for entry in json.loads(json.dumps(seen.record))
        if entry["op"] != "normalize#0"
    }
    assert json.loads(place.with_suffix(".json").read_text())["row"] == 3


def test_a_page_alone_is_written_where_it_is_asked_for(augpipe, shapes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = augpipe("preview", "light", "--data", shapes, "--count", 1, "--html", "new/page.html")
    assert ended.out.split() == ["page", "new/page.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert "data:image/jpeg" in (tmp_path / "new" / "page.html").read_text()


def test_data_with_options_is_one_word(augpipe, shapes, tmp_path):
    arguments = ["light", "--count", 1, "--variants", 1, "--out", tmp_path / "x.png", "--data"]
    assert augpipe("preview", *arguments, f"{{path: {shapes}, allow_empty: true}}").code == 0
    ended = augpipe("preview", *arguments, f"{{path: {shapes}, allow_emty: true}}")
    assert ended.code == 2
    assert "did you mean 'allow_empty'" in ended.err


def test_where_there_is_no_terminal_nothing_is_shown(augpipe, shapes, tmp_path):
    place = tmp_path / "x.png"
    ended = augpipe("preview", "light", "--data", shapes, "--count", 1, "--out", place, "--show")
    assert ended.out.split() == ["preview", str(place)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["light"], "light names no data.train; give --data"),
        (["light", "--data", "nowhere"], "nowhere does not exist"),
        (["light", "--part", "test"], "--part test: expected train or val"),
        (["light", "--stages", "--count", "2"], "leave --count and --variants out"),
        (["light", "--data", "samples/shapes", "--compare", "hevy"], "did you mean 'heavy'"),
        (["light", "--percentile", "101"], "less than or equal to 100"),
    ],
    ids=str,
)
def test_wrong_input_is_a_line_that_says_what_to_do(augpipe, arguments, message):
    ended = augpipe("preview", *arguments)
    assert ended.code == 2
    assert message in ended.err


def test_a_row_that_is_not_there(augpipe, shapes, tmp_path):
    ended = augpipe(
        "preview", "light", "--data", shapes, "--index", 32, "--out", tmp_path / "x.png"
    )
    assert ended.code == 2
    assert "no row 32: the dataset has rows 0 to 31" in ended.err


def test_a_file_that_is_no_picture_by_its_name(augpipe, shapes, tmp_path):
    ended = augpipe("preview", "light", "--data", shapes, "--out", tmp_path / "x.doc")
    assert ended.code == 2
    assert "cannot write a picture there" in ended.err
