"""Starter recipes suit the data they were written for."""

from __future__ import annotations

import shutil

import pytest
import yaml

from augpipe import build_loader
from augpipe.errors import DataError, RecipeError
from augpipe.recipe import Recipe
from augpipe.starter import starter_recipe, write_starter
from faulty import coco, picture, sound_folder, voc, yolo


def recipe_of(data, **more) -> Recipe:
    return Recipe.parse(yaml.safe_load(starter_recipe(data, **more)))


def names(recipe) -> list[str]:
    return [op.name() for op in recipe.ops("train")]


def runs(recipe) -> None:
    """Both parts give a batch."""
    for part in ("train", "val"):
        place = getattr(recipe.data, part) or recipe.data.train
        next(iter(build_loader(place, recipe.ops(part), batch_size=2, num_workers=0)))


def test_photos_in_class_folders(tmp_path):
    for number in range(4):
        picture(tmp_path / "ab"[number % 2] / f"{number}.jpg", number, size=(300, 400))
    recipe = recipe_of(tmp_path)
    assert names(recipe) == ["random_resized_crop", "horizontal_flip", "color_jitter"]
    assert recipe.train.model.num_classes == 2
    assert recipe.data.val is None
    runs(recipe)


def test_small_pictures_keep_their_size(tmp_path):
    for name in "ab":
        picture(tmp_path / name / "0.png", 1, size=(28, 30), kind="PNG")
    recipe = recipe_of(tmp_path)
    assert names(recipe) == ["resize", "random_crop"]
    (resized,) = [op for op in recipe.ops("val") if op.name() == "resize"]
    assert resized.size == (28, 28)
    assert recipe.train.model.name == "small_cnn"
    runs(recipe)


@pytest.mark.parametrize("name", ["val", "valid", "test"])
def test_validation_data_beside_it_is_found(tmp_path, name):
    for part in ("train", name):
        sound_folder(tmp_path / part)
    for data in (tmp_path, tmp_path / "train"):
        recipe = recipe_of(data)
        assert recipe.data.train == {"path": str(tmp_path / "train")}
        assert recipe.data.val == {"path": str(tmp_path / name)}


def test_tables(tmp_path):
    sound_folder(tmp_path)
    (tmp_path / "table.csv").write_text("path,label\na/0.jpg,x\nb/1.jpg,y\n")
    recipe = recipe_of(tmp_path / "table.csv", val={"path": str(tmp_path / "table.csv")})
    assert recipe.train.model.num_classes == 2
    runs(recipe)


def test_objects(tmp_path):
    recipe = recipe_of(coco(tmp_path, [[(1, 2, 30, 40)]]))
    assert "letterbox" in names(recipe)
    assert recipe.train is None
    assert recipe.data.train["path"].endswith("objects.json")
    assert "on_invalid" not in recipe.data.train
    runs(recipe)


def test_invalid_boxes_are_dropped_and_said(tmp_path):
    place = coco(tmp_path, [[(1, 2, 30, 40), (5, 5, 0, 3)]])
    assert "augpipe check" in starter_recipe(place)
    recipe = recipe_of(place)
    assert recipe.data.train["on_invalid"] == "drop"
    runs(recipe)


def test_splits_of_voc(tmp_path):
    root = voc(tmp_path / "voc", [[(1, 1, 30, 30)], [(1, 1, 9, 30)]])
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for number, split in enumerate(("train", "val")):
        (lists / f"{split}.txt").write_text(f"{number}\n")
    recipe = recipe_of(root)
    assert (recipe.data.train["split"], recipe.data.val["split"]) == ("train", "val")
    runs(recipe)


def test_polygons_are_segmentation(tmp_path):
    root = yolo(tmp_path / "yolo", ["0 0.1 0.1 0.5 0.1 0.5 0.5\n"])
    assert "segmentation" in starter_recipe(root)
    runs(recipe_of(root))


def test_odd_names_are_quoted(tmp_path):
    folder = sound_folder(tmp_path / "it's: #1, [b]")
    assert recipe_of(folder).data.train == {"path": str(folder)}


def test_unreadable_rows_are_passed_over(tmp_path):
    folder = sound_folder(tmp_path / "photos")
    (folder / "a" / "0.jpg").write_bytes(b"")
    runs_on = recipe_of(folder)
    assert runs_on.train.model.num_classes == 2
    for file in folder.rglob("*.jpg"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        starter_recipe(folder)


def test_nothing_is_overwritten(tmp_path):
    write_starter("one", tmp_path / "new" / "recipe.yaml")
    with pytest.raises(RecipeError, match="there already"):
        write_starter("two", tmp_path / "new" / "recipe.yaml")
    assert (tmp_path / "new" / "recipe.yaml").read_text() == "one"
    with pytest.raises(RecipeError, match="cannot write"):
        write_starter("two", tmp_path / "new" / "recipe.yaml" / "below")
    shutil.rmtree(tmp_path / "new")
