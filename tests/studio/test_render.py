"""The pictures on the page are those that training sees."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augpipe import Pipeline, build_loader
from augpipe.data.open import open_dataset
from augpipe.errors import DataError
from augpipe.studio.render import SIDE, Look, Shown, original, thumbnails, variants

SHAPES = Path(__file__).parents[2] / "samples" / "shapes"


def pixels(shown: Shown) -> np.ndarray:
    head, data = shown.url.split(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_variants_are_what_training_sees():
    pipeline = Pipeline(
        [{"random_resized_crop": {"size": SIDE}}], batch=["horizontal_flip", "normalize"]
    )
    loader = build_loader(SHAPES, pipeline, num_workers=0, seed=7)
    shown = variants(open_dataset(SHAPES), pipeline, Look(row=5, epoch=3, count=2), seed=7)
    assert [one.title for one in shown] == ["epoch 3", "epoch 4"]
    for epoch, one in zip((3, 4), shown, strict=True):
        seen = loader.replay(epoch, 5)
        levels = 255 * (seen.image * [0.229, 0.224, 0.225] + [0.485, 0.456, 0.406])
        assert np.abs(pixels(one) - levels).mean() < 2  # JPEG's
        assert ("horizontal_flip  " in one.drawn) == bool(seen.record[1]["flip"])
        assert one.note == f"{loader.source.classes[seen.label]} {SIDE}x{SIDE}"


def test_strengths_take_the_place_of_epochs():
    pipeline = Pipeline([{"rotate": {"degrees": [0, 90]}}])
    shown = variants(open_dataset(SHAPES), pipeline, Look(strengths=True), seed=0)
    assert [one.title for one in shown] == ["percentile 5", "percentile 50", "percentile 95"]
    assert [one.drawn[0] for one in shown] == [
        f"rotate  angle {angle}°" for angle in ("4.5", "45", "85.5")
    ]


def test_mixed_labels_are_shown_with_their_shares():
    pipeline = Pipeline([{"letterbox": {"size": 64}}, "mixup"])
    (shown,) = variants(open_dataset(SHAPES), pipeline, Look(count=1), seed=0)
    names = open_dataset(SHAPES).classes
    first, share, second, other, size = shown.note.replace(",", "").replace("%", "").split()
    assert {first, second} <= set(names)
    assert float(share) + float(other) == pytest.approx(100, abs=1.1)
    assert size == "64x64"


def test_the_original_is_drawn_with_its_boxes():
    image = np.full((40, 60, 3), 128, np.uint8)
    boxes = np.array([[10.0, 10, 50, 30]])
    data = [{"image": image}, {"image": image, "boxes": boxes, "labels": np.array([0])}]
    dataset = open_dataset(data)
    drawn = np.abs(pixels(original(dataset, 1)).astype(int) - 128).max(axis=2) > 40
    scale = SIDE / 60
    assert drawn[int(10 * scale), int(12 * scale) : int(48 * scale)].all()
    assert not drawn[int(20 * scale), int(25 * scale)]
    assert not (np.abs(pixels(original(dataset, 0)).astype(int) - 128) > 4).any()


def test_a_row_that_cannot_be_read_says_so_among_the_others(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("RGB", (30, 20), (200, 10, 10)).save(tmp_path / "a" / "0.png")
    (tmp_path / "a" / "1.png").write_bytes(b"no picture")
    good, bad = thumbnails(open_dataset(tmp_path), [0, 1])
    assert good.note == "a"
    assert bad.url == ""
    assert "1.png" in bad.note
    with pytest.raises(DataError, match=r"1\.png"):
        original(open_dataset(tmp_path), 1)
