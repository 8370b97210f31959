"""The synthetic data is what its README says, and is drawn alike every time."""

import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from augpipe.data.decode import open_image, upright
from augpipe.data.folder import FolderDataset
from augpipe.data.table import TableDataset

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def script(monkeypatch):
    """Import one of the folder's scripts."""
    monkeypatch.syspath_prepend(str(SAMPLES))
    return importlib.import_module


def odd(name):
    source = open_image((SAMPLES / "odd" / name).read_bytes(), name)
    return upright(source.decode(), source.size).astype(int)


def test_the_folder_and_the_table_hold_the_same_shapes():
    folder, table = FolderDataset(SAMPLES / "shapes"), TableDataset(SAMPLES / "shapes.csv")
    assert len(folder) == len(table) == 32
    assert folder.classes == table.classes == ("circle", "square", "star", "triangle")
    files = {folder.where(index): folder[index] for index in range(32)}
    for index in range(32):
        path = table.where(index).partition("(")[2].removesuffix(")")
        assert files[str(SAMPLES / path)].label == table[index].label


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_turned_pictures_are_one(orientation):
    assert np.abs(odd(f"exif_{orientation}.jpg") - odd("exif_1.jpg")).max() <= 12


def test_the_odd_pictures_show_the_same():
    reference = odd("rgb.png")
    middle = (slice(20, 34), slice(16, 30))  # inside the star, where nothing is transparent
    for file in sorted((SAMPLES / "odd").iterdir()):
        cut_out = any(word in file.name for word in ("alpha", "rgba", "transparent"))
        part = middle if cut_out else ...
        expected = reference.mean(axis=2, keepdims=True) if "grey" in file.name else reference
        assert np.abs(odd(file.name) - expected)[part].mean() < 20, file.name
    for name in ("rgba.png", "rgba.webp", "grey_alpha.png", "palette_transparent.png"):
        assert (odd(name) == 255).all(axis=2).any(), name


def test_scenes_are_coco_and_agree_with_themselves():
    document = json.loads((SAMPLES / "scenes.json").read_text(encoding="utf-8"))
    sizes = {image["id"]: (image["height"], image["width"]) for image in document["images"]}
    robots = 0
    for image in document["images"]:
        data = (SAMPLES / "scenes" / image["file_name"]).read_bytes()
        assert open_image(data, image["file_name"]).size == sizes[image["id"]]
    for found in document["annotations"]:
        mask = np.zeros(sizes[found["image_id"]], np.uint8)
        for polygon in found["segmentation"]:
            corners = np.array(polygon).reshape(-1, 2) - 0.5
            cv2.fillPoly(mask, [np.rint(corners * 256).astype(int)], 1, shift=8)
        assert abs(int(mask.sum()) - found["area"]) < 0.08 * found["area"] + 20
        x, y, width, height = found["bbox"]
        ys, xs = np.nonzero(mask)
        np.testing.assert_allclose(
            [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], [x, y, x + width, y + height], atol=2
        )
        robots += "keypoints" in found
    assert robots >= 12


def test_a_robots_left_is_on_our_right():
    document = json.loads((SAMPLES / "scenes.json").read_text(encoding="utf-8"))
    names = document["categories"][-1]["keypoints"]
    for found in document["annotations"]:
        if "keypoints" in found:
            x, _, seen = np.array(found["keypoints"]).reshape(-1, 3).T
            for part in ("hand", "foot"):
                left, right = names.index(f"left_{part}"), names.index(f"right_{part}")
                assert x[left] > x[right] or not (seen[left] and seen[right])


def test_drawing_is_repeatable(script, tmp_path):
    draw = script("draw")
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        draw.draw_shapes(np.random.default_rng(0), folder)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 33
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_digits_are_exported_once_and_split_evenly(script, tmp_path):
    export = script("export_digits").export
    assert export(tmp_path) == f"digits: wrote 1437 train, 360 val in {tmp_path}"
    before = (tmp_path / "digits.csv").stat().st_mtime_ns
    assert export(tmp_path).endswith("already there")
    assert (tmp_path / "digits.csv").stat().st_mtime_ns == before
    train, val = (FolderDataset(tmp_path / split) for split in ("train", "val"))
    table = TableDataset(tmp_path / "digits.csv")
    assert len(train) + len(val) == len(table) == 1797
    assert train.classes == val.classes == table.classes == tuple("0123456789")
    share = np.bincount([val.row(i).targets.label for i in range(len(val))]) / np.bincount(
        [table.row(i).targets.label for i in range(len(table))]
    )
    assert np.abs(share - 0.2).max() < 0.01
    assert train[0].image.shape == (32, 32, 3)
    next((tmp_path / "val").rglob("*.png")).unlink()
    assert export(tmp_path, val=0.5) == f"digits: wrote 898 train, 899 val in {tmp_path}"
    assert len(list(tmp_path.rglob("*.png"))) == 1797  # none left behind in the other split
