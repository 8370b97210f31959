from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from augpipe import Recipe, build_loader
from augpipe.cli.sheet import Line, draw_sheet
from augpipe.data.sample import Targets


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
    cell = 152
    assert (large.shape[0] - small.shape[0], large.shape[1] - small.shape[1]) == (
        2 * cell,
        3 * cell,
    )


def test_it_shows_exactly_what_training_sees(preview, shapes):
    setting = "pipeline.train=[{random_resized_crop: {size: 144}}, hsv]"  # the size of a cell
    sheet = preview("light", "--index", 5, "--epoch", 3, "--variants", 1, "--set", setting)
    ops = Recipe.load("light", {"pipeline.train": [{"random_resized_crop": {"size": 144}}, "hsv"]})
    seen = build_loader(shapes, ops.ops("train")).replay(3, 5).image
    pixels = 255 * (seen * [0.229, 0.224, 0.225] + [0.485, 0.456, 0.406])
    assert np.array_equal(sheet[78:222, 322:466], pixels.round().clip(0, 255).astype(np.uint8))


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


def test_the_sheet_shows_boxes_masks_and_keypoints():
    image = np.full((144, 144, 3), 128, np.uint8)
    masks = np.zeros((1, 144, 144), np.uint8)
    masks[0, 100:140, 100:140] = 1
    targets = Targets(
        boxes=np.array([[10.0, 20.0, 60.0, 90.0]]),
        box_labels=np.array([1]),
        masks=masks,
        keypoints=np.array([[[120.0, 20.0]]]),
    )
    line = Line("name", "note", [(image, Targets()), (image, targets)])
    sheet = np.asarray(draw_sheet("heading", ["plain", "drawn"], [line], ["cat", "dog"]))
    plain, drawn = sheet[78:222, 170:314].astype(int), sheet[78:222, 322:466].astype(int)
    changed = np.abs(plain - drawn).sum(axis=2) > 0
    assert changed[20, 10:60].all()  # the upper edge of the box
    assert changed[100:140, 100:140].all()  # the mask
    assert changed[20, 120]  # the keypoint
    assert not changed[60, 30]  # the inside of the box


def test_a_long_name_does_not_run_into_the_pictures():
    image = np.zeros((8, 8, 3), np.uint8)
    line = Line("a very long name of a class of plants", "", [(image, Targets())])
    sheet = np.asarray(draw_sheet("", ["one"], [line]))
    assert (sheet[78:222, 162:170] == 255).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["light"], "light names no data.train; give --data"),
        (["light", "--data", "nowhere"], "nowhere does not exist"),
        (["light", "--part", "test"], "--part test: expected train or val"),
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
