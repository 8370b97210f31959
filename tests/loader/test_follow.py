"""Boxes, masks and keypoints come to lie where ops for single pictures would put them."""

import numpy as np
import pytest
import torch

from augpipe import Pipeline, build_loader

SIZE = (40, 52)
MOVES = [
    [{"horizontal_flip": {"p": 0.5}}, {"rotate90": {"p": 0.5}}],
    [{"affine": {"degrees": 30, "translate": [0.2, 0.2], "scale": [0.7, 1.3]}}],
    [{"resize": {"size": [64, 48]}}, {"vertical_flip": {"p": 0.5}}],
    [{"elastic": {"alpha": 30, "sigma": 6, "p": 1}}],
]


class Scenes:
    """Rectangles, their masks, and two points of each: left and right."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        low = rng.integers(1, 20, (3, 2))
        boxes = np.hstack([low, low + rng.integers(4, 18, (3, 2))]).astype(float)
        masks = np.zeros((3, *SIZE), np.uint8)
        for mask, (x0, y0, x1, y1) in zip(masks, boxes.astype(int), strict=True):
            mask[y0:y1, x0:x1] = 1
        points = np.stack([boxes[:, :2], boxes[:, 2:]], axis=1)
        return rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8), {
            "boxes": boxes,
            "labels": np.arange(3),
            "masks": masks,
            "keypoints": points,
            "mirrored_keypoints": [1, 0],
        }


def batches(ops, later, **boxes):
    square = [] if any("resize" in op for op in ops) else [{"resize": {"size": list(SIZE)}}]
    if any("rotate90" in op for op in ops):
        square = [{"resize": {"size": [40, 40]}}]
    parts = (square, {"batch": ops}) if later else (square + ops, {})
    pipeline = Pipeline(parts[0], **parts[1], boxes=boxes)
    return list(build_loader(Scenes(), pipeline, batch_size=5, num_workers=0))


@pytest.mark.parametrize("ops", MOVES, ids=lambda ops: next(iter(ops[0])))
def test_targets_of_a_batch_follow_as_those_of_a_picture_do(ops):
    for one, other in zip(batches(ops, later=False), batches(ops, later=True), strict=True):
        for ours, theirs in zip(one.targets, other.targets, strict=True):
            assert ours.keys() == theirs.keys()
            assert ours["labels"].equal(theirs["labels"])
            # A second resize of the frame that ops for single pictures fuse away moves them little.
            for name in ("boxes", "keypoints"):
                torch.testing.assert_close(ours[name], theirs[name], atol=1e-3, rtol=0)
            apart = ours["masks"] != theirs["masks"]
            assert apart.float().mean() < 0.01


@pytest.mark.parametrize("format", ["pascal_voc", "coco", "yolo", "albumentations"])
def test_boxes_stay_in_their_format(format):
    ops = [{"horizontal_flip": {"p": 1}}]
    now, then = (batches(ops, later, format=format, on_invalid="drop") for later in (False, True))
    for ours, theirs in zip(now[0].boxes, then[0].boxes, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_keypoints_change_sides_in_a_mirror():
    plain, mirrored = (batches(ops, later=True)[0] for ops in ([], [{"horizontal_flip": {"p": 1}}]))
    swapped = plain.keypoints[0].flip(1)
    swapped[..., 0] = SIZE[1] - swapped[..., 0]
    torch.testing.assert_close(mirrored.keypoints[0], swapped)


def test_ops_on_batches_keep_the_boxes_that_the_recipe_wants():
    data = [{"image": np.zeros((40, 40, 3), np.uint8), "boxes": np.array([[0.0, 0, 4, 4]])}]
    shrunk = [{"affine": {"degrees": 0, "scale": [0.5, 0.5]}}]
    for least, kept in ((3.0, 1), (5.0, 0)):  # a box of 16 pixels becomes one of 4
        pipeline = Pipeline(batch=shrunk, boxes={"min_area": least})
        (batch,) = build_loader(data, pipeline, batch_size=1, num_workers=0)
        assert len(batch.boxes[0]) == kept
