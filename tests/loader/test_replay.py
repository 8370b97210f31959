"""What is replayed is what was handed over, with partners on the batch; and step by step."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe import Pipeline, build_loader
from augpipe.data.arrays import ArrayDataset
from pictures import noise

ROWS = 11


def arrays() -> ArrayDataset:
    pictures = np.stack([np.roll(noise()[:32, :40], 3 * n, axis=1) for n in range(ROWS)])
    return ArrayDataset(pictures, np.arange(ROWS) % 4, classes=list("abcd"))


def objects() -> list[dict[str, np.ndarray]]:
    box = np.array([[4.0, 6.0, 20.0, 26.0]])
    return [
        {
            "image": np.roll(noise()[:32, :40], n, axis=1),
            "boxes": box + n,
            "labels": np.array([n % 3]),
            "masks": np.roll(np.eye(32, 40, dtype=np.uint8), n, axis=0)[None],
        }
        for n in range(5)
    ]


ON_BATCHES = [
    ["cutmix"],
    [{"mixup": {"mode": "pair"}}],
    [{"cutmix": {"mode": "batch", "p": 0.7}}, "random_erasing"],
    ["mixup", {"cutmix": {"mode": "pair"}}, {"mixup": {"p": 0.5}}],
]


@pytest.mark.parametrize("batch", ON_BATCHES, ids=str)
@pytest.mark.parametrize("size", [4, 11])
def test_partners_on_the_batch_are_replayed(batch, size):
    pipeline = Pipeline([{"affine": {"degrees": 9}}], batch=[*batch, {"normalize": {}}])
    loader = build_loader(arrays(), pipeline, batch_size=size, num_workers=0, seed=3, epoch=1)
    for handed in loader:
        rows = zip(handed.index.tolist(), handed.images, handed.labels, strict=True)
        for row, image, label in rows:
            again = loader.replay(1, row)
            assert np.array_equal(again.image, image.permute(1, 2, 0).numpy())
            assert np.allclose(again.label, label.numpy(), atol=1e-7)


def test_a_row_that_the_epoch_leaves_out_is_its_own_partner():
    loader = build_loader(
        arrays(), Pipeline(batch=["mixup"]), batch_size=4, num_workers=0, drop_last=True
    )
    shown = {row for batch in loader for row in batch.index.tolist()}
    (left_out, *_) = set(range(ROWS)) - shown
    assert np.array_equal(loader.replay(0, left_out).image, loader.source[left_out].image)


def test_only_the_partners_that_show_are_decoded():
    opened = []

    class Watched(ArrayDataset):
        def row(self, index):
            opened.append(index)
            return super().row(index)

    data = Watched(np.stack([noise()[:32, :40]] * ROWS), np.arange(ROWS) % 4)
    pipeline = Pipeline(batch=[{"mixup": {"p": 0.5}}])
    loader = build_loader(data, pipeline, batch_size=ROWS, num_workers=0)
    for row in range(ROWS):
        opened.clear()
        lam = next(e["lam"] for e in loader.replay(0, row).record if e["op"] == "mixup#0")
        assert len(set(opened)) == (1 if lam == 1 else 2)


def test_targets_follow_what_is_done_on_the_batch():
    pipeline = Pipeline(
        batch=["horizontal_flip", {"pad": {"padding": 3}}], boxes={"format": "coco"}
    )
    loader = build_loader(objects(), pipeline, batch_size=5, num_workers=0, shuffle=False)
    (batch,) = loader
    for row in range(5):
        again = loader.replay(0, row)
        x, y, width, height = batch.boxes[row][0].tolist()
        assert np.allclose(again.boxes, [[x, y, x + width, y + height]])
        assert np.array_equal(again.masks, batch.masks[row].numpy())
    assert (loader.replay(0, 0).masks.shape, loader.source[0].masks.shape) == (
        (1, 38, 46),
        (1, 32, 40),
    )


def test_each_view_has_its_own_record_of_what_is_done_on_the_batch():
    pipeline = Pipeline(["views", "hsv"], batch=["random_erasing"])
    sample = build_loader(arrays(), pipeline, num_workers=0).replay(0, 1)
    first, second = ([entry["op"] for entry in view.record] for view in sample.views)
    assert first == ["views#0", "hsv#0", "random_erasing#0"]
    assert second == ["views#0", "view1/hsv#0", "view1/random_erasing#0"]
    assert sample.record == sample.views[0].record


STAGED = {
    "ops": Pipeline([{"resize": {"size": [48, 48]}}, "hsv", {"affine": {"degrees": 20}}]),
    "mixed": Pipeline(
        [
            {"affine": {"degrees": 20}},
            {"mosaic": {"size": 24}},
            "hsv",
            {"mixup": {}},
            "horizontal_flip",
        ]
    ),
    "batch": Pipeline(["hsv"], batch=["cutmix", "random_erasing"]),
}


@pytest.mark.parametrize("name", STAGED)
def test_the_last_stage_is_what_training_saw(name):
    loader = build_loader(arrays(), STAGED[name], batch_size=5, num_workers=0)
    for row in range(3):
        seen, last = loader.replay(1, row), loader.stages(1, row)[-1].stages[-1].sample
        assert np.array_equal(last.image, seen.image)
        assert np.array_equal(last.label, seen.label)


def test_only_the_last_stage_leaves_objects_out():
    crop = {"random_crop": {"size": [16, 16]}}
    pipeline = Pipeline([crop, "barrier", "hsv"], boxes={"min_visibility": 0.6})
    loader = build_loader(objects(), pipeline, num_workers=0)
    kept = []
    for row in range(5):
        ((_, cropped, *_, last),) = (track.stages for track in loader.stages(0, row))
        assert np.array_equal(last.sample.boxes, loader.replay(0, row).boxes)
        kept.append((len(cropped.sample.boxes), len(last.sample.boxes)))
    assert (1, 0) in kept


def test_stages_name_the_rows_the_ops_and_what_these_drew():
    loader = build_loader(arrays(), STAGED["mixed"], num_workers=0)
    seen = loader.replay(2, 4)
    tracks = loader.stages(2, 4)
    (rows,) = (entry["rows"] for entry in seen.record if entry["op"] == "rows")
    leaves = [track for track in tracks if not track.stages[0].ops]
    assert [track.rows[0] for track in leaves] == rows
    assert all(
        np.array_equal(track.stages[0].sample.image, loader.source[track.rows[0]].image)
        for track in leaves
    )
    assert [track.path for track in tracks] == [
        "", "mosaic#0/1/", "mosaic#0/2/", "mosaic#0/3/", "",
        "mixup#0/1/", "mixup#0/1/mosaic#0/1/", "mixup#0/1/mosaic#0/2/", "mixup#0/1/mosaic#0/3/",
        "mixup#0/1/", "",
    ]  # fmt: skip
    drawn = {e["op"]: e for track in tracks for s in track.stages for e in s.sample.record}
    assert drawn == {entry["op"]: entry for entry in seen.record if entry["op"] != "rows"}


def test_an_op_that_is_carried_out_on_the_pictures_of_a_mosaic_drew_for_all_of_them():
    pipeline = Pipeline([{"mosaic": {"size": 24}}, {"affine": {"degrees": 20, "fill": 114}}])
    tracks = build_loader(arrays(), pipeline, num_workers=0).stages(0, 0)
    drawn = [track.stages[-1].sample.record for track in tracks]
    assert all(record == drawn[0] for record in drawn)
    assert [entry["op"] for entry in drawn[0]] == ["mosaic#0", "affine#0"]


def test_a_partner_on_the_batch_is_shown_as_it_comes_in():
    loader = build_loader(arrays(), STAGED["batch"], batch_size=5, num_workers=0)
    mate, last = loader.stages(0, 0)[-2:]
    (partner,) = mate.rows
    assert (mate.path, last.path) == ("mate", "batch")
    assert set(last.rows) == {0, partner}
    plain = build_loader(arrays(), Pipeline(["hsv"]), num_workers=0).replay(0, partner)
    assert np.array_equal(mate.stages[0].sample.image, plain.image)
