"""Targets are drawn where they are."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe.data.sample import Targets
from augpipe.ops import Normalize, ToFloat
from augpipe.preview import as_levels, draw_picture, name_label

GREY = np.full((144, 144, 3), 128, np.uint8)


def drawn(targets: Targets, side: int = 144, classes=()) -> np.ndarray:
    """(side, side): what is not grey any more."""
    plain, shown = (draw_picture(GREY, own, side, classes) for own in (Targets(), targets))
    return np.abs(np.asarray(plain, int) - np.asarray(shown, int)).sum(axis=2) > 0


@pytest.mark.parametrize("scale", [1, 3])
def test_boxes_masks_and_keypoints(scale):
    masks = np.zeros((1, 144, 144), np.uint8)
    masks[0, 100:140, 100:140] = 1
    targets = Targets(
        boxes=np.array([[10.0, 20.0, 60.0, 90.0]]),
        box_labels=np.array([1]),
        masks=masks,
        keypoints=np.array([[[120.0, 20.0]]]),
    )
    changed = drawn(targets, 144 * scale, ["cat", "dog"])
    assert changed[20 * scale, 10 * scale : 60 * scale].all()  # the upper edge of the box
    assert changed[100 * scale : 140 * scale, 100 * scale : 140 * scale].all()  # the mask
    assert changed[20 * scale, 120 * scale]  # the keypoint
    assert not changed[70 * scale, 30 * scale]  # the inside of the box


def test_a_name_that_would_cover_its_object_is_left_out():
    def inside(box, name):
        x0, y0, x1, y1 = box
        targets = Targets(boxes=np.array([box], float), box_labels=np.array([0]))
        return drawn(targets, classes=[name])[y0 + 3 : y1 - 3, x0 + 3 : x1 - 3].any()

    assert inside((10, 10, 110, 110), "cat")
    assert not inside((10, 10, 40, 40), "cat")
    assert not inside((10, 10, 110, 110), "a very long name of a class")


def test_a_keypoint_that_is_not_visible_is_not_drawn():
    assert not drawn(Targets(keypoints=np.array([[[70.0, 70.0, 0.0]]]))).any()
    assert drawn(Targets(keypoints=np.array([[[70.0, 70.0, 1.0]]])))[70, 70]


def test_a_mask_of_classes_leaves_the_background():
    classes = np.zeros((144, 144), np.int32)
    classes[:50], classes[50:90] = 1, 2
    changed = drawn(Targets(masks=classes))
    assert changed[:90].all()
    assert not changed[90:].any()


def test_pictures_fit_their_square():
    tall = draw_picture(np.zeros((300, 100, 3), np.uint8), Targets(), 150)
    assert tall.size == (50, 150)


@pytest.mark.parametrize("op", [Normalize(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)), ToFloat()])
def test_normalised_pixels_become_levels_again(op):
    levels = np.arange(240, dtype=np.uint8).reshape(8, 10, 3)
    floats = (levels / 255 - np.array(op.mean)) / np.array(op.std)
    assert np.array_equal(as_levels(floats.astype(np.float32), [op]), levels)
    assert as_levels(levels, []) is levels


def test_labels_by_name():
    classes = ["cat", "dog", "cow"]
    assert name_label(1, classes) == ["dog"]
    assert name_label(7, classes) == ["7"]
    assert name_label(None, classes) == []
    assert name_label(np.array([0.7, 0.0, 0.3], np.float32), classes) == ["cat 70%", "cow 30%"]
    assert name_label(np.array([0.0, 1.0, 0.0], np.float32), classes) == ["dog"]
    assert name_label(np.array([0.998, 0.002, 0.0], np.float32), classes) == ["cat 100%"]
