from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from augpipe import Pipeline
from augpipe.errors import RecipeError, TargetError
from pictures import noise, photo

BOXES = np.array([[10.0, 10, 40, 30], [60, 35, 95, 70]])


def windows(fields, boxes=BOXES, ops=(), count=200):
    """Each seed's crop, as x0, y0, x1, y1, with the minimum that was drawn."""
    pipeline = Pipeline([*ops, {"random_iou_crop": fields}])
    for seed in range(count):
        sample = pipeline(photo(), boxes=boxes, seed=seed)
        warp = pipeline.plan(
            (75, 100), seed=seed, targets=[[pipeline_targets(pipeline, boxes)]]
        ).steps[0]
        (x, y), (h, w) = warp.matrix[0, :2, 2], warp.size[0]
        assert sample.image.shape[:2] == (h, w)
        yield sample.record[-1]["min_overlap"], np.array([x, y, x + w, y + h])


def pipeline_targets(pipeline, boxes):
    return Pipeline()(photo(), boxes=boxes).targets


def test_some_box_overlaps_enough_and_has_its_centre_inside():
    centres = (BOXES[:, :2] + BOXES[:, 2:]) / 2
    cropped = 0
    for minimum, window in windows({}):
        if (window == [0, 0, 100, 75]).all():
            continue
        cropped += 1
        held = ((centres > window[:2]) & (centres < window[2:])).all(axis=1)
        iou = box_iou(torch.tensor(BOXES), torch.tensor(window[None])).numpy()[:, 0]
        assert held.any()
        assert iou[held].max() >= minimum
        sides = (window[2:] - window[:2]) / [100, 75]
        assert (sides >= 0.3 - 1 / 75).all()
        assert 0.5 <= (window[2] - window[0]) / (window[3] - window[1]) <= 2
    assert cropped > 80


def test_a_minimum_of_one_leaves_the_picture():
    for _, window in windows({"sampler_options": [1.0]}, count=5):
        assert window.tolist() == [0, 0, 100, 75]


def test_boxes_are_those_that_the_ops_before_moved():
    flipped = BOXES[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [100, 0, 100, 0]
    direct = Pipeline(["random_iou_crop"])
    after = Pipeline([{"horizontal_flip": {"p": 1}}, "random_iou_crop"])
    for seed in range(20):
        ours = after(noise(), boxes=BOXES, seed=seed)
        theirs = direct(np.ascontiguousarray(noise()[:, ::-1]), boxes=flipped, seed=seed)
        assert np.array_equal(ours.image, theirs.image)
        assert np.allclose(ours.boxes, theirs.boxes)


def test_a_picture_without_boxes_stays_and_a_dataset_without_is_refused():
    empty = Pipeline(["random_iou_crop"])(photo(), boxes=np.zeros((0, 4)))
    assert np.array_equal(empty.image, photo())
    with pytest.raises(TargetError, match="random_iou_crop#0: is made for boxes"):
        Pipeline(["random_iou_crop"])(photo())


def test_after_mixing_it_is_refused():
    pipeline = Pipeline([{"mosaic": {"size": 40}}, "random_iou_crop"])
    partner = {"image": photo(), "boxes": BOXES}
    with pytest.raises(RecipeError, match="looks for boxes of one picture; move it before"):
        pipeline(photo(), boxes=BOXES, partners=[partner])
