"""What is left of boxes and masks where pictures cover each other."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe.boxes import BoxParams
from augpipe.data.sample import Targets
from augpipe.errors import TargetError
from augpipe.execute.target_mix import covered_by, covered_where, cut_to
from augpipe.execute.targets import Moving
from augpipe.pipeline import Pipeline

SIZE = (60, 80)
BOX = np.array([[20.0, 10, 60, 50]])


def moving(masks=None) -> Moving:
    return Moving.start(Targets(boxes=BOX, box_labels=np.array([3]), masks=masks), SIZE)


def left(part: Moving, **params) -> list[list[float]]:
    return part.finish(BoxParams(**params)).boxes.tolist()


@pytest.mark.parametrize(
    ("rectangle", "box", "seen"),
    [
        ([0, 0, 30, 60], [30, 10, 60, 50], 0.75),  # from the left
        ([50, 10, 80, 50], [20, 10, 50, 50], 0.75),
        ([0, 0, 80, 20], [20, 20, 60, 50], 0.75),
        ([20, 30, 60, 60], [20, 10, 60, 30], 0.5),
        ([30, 0, 50, 60], [20, 10, 60, 50], 0.5),  # a strip across: both ends still show
        ([0, 0, 40, 30], [20, 10, 60, 50], 0.75),  # a corner
        ([60, 0, 80, 60], [20, 10, 60, 50], 1),  # beside it
    ],
)
def test_a_rectangle_upon_a_box_shortens_it_if_it_reaches_across(rectangle, box, seen):
    part = covered_by(moving(), np.array(rectangle, float))
    assert left(part) == [box]
    assert part.shown[0] == pytest.approx(seen)
    assert left(part, min_visibility=seen - 0.01) == [box]
    assert left(part, min_visibility=min(seen + 0.01, 1)) == ([] if seen < 1 else [box])


def test_a_box_that_is_covered_is_gone():
    assert left(covered_by(moving(), np.array([20.0, 10, 60, 50]))) == []


def test_what_lies_beyond_a_rectangle_is_cut_off_in_its_coordinates():
    turned = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])  # x and y change places
    part = cut_to(moving(), np.array([0, 0, 1000, 30.0]), turned)
    assert left(part) == [[20, 10, 30, 50]]
    assert part.shown[0] == pytest.approx(0.25)
    assert left(cut_to(moving(), np.array([0, 0, 5, 5.0]), np.eye(3))) == []


def test_a_box_shrinks_to_what_its_mask_still_shows():
    masks = np.zeros((1, *SIZE), np.uint8)
    masks[0, 10:50, 20:60] = 1
    where = np.zeros(SIZE, bool)
    where[:, 45:] = True
    part = covered_where(moving(masks), where)
    assert left(part) == [[20, 10, 45, 50]]
    assert part.shown[0] == pytest.approx(25 / 40)
    assert left(covered_where(moving(masks), np.ones(SIZE, bool))) == []
    untouched = covered_where(moving(masks // 2), where)
    assert left(untouched) == BOX.tolist()


def test_small_boxes_are_left_out():
    assert left(moving(), min_area=1600) == BOX.tolist()
    assert left(moving(), min_area=1601) == []


def test_maps_of_classes_are_not_averaged():
    image, classes = np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 3)
    other = {"image": image, "masks": np.full((8, 8), 5)}
    with pytest.raises(TargetError, match="mixup#0: averages pictures, and a mask of classes"):
        Pipeline([{"mixup": {"p": 1}}])(image, masks=classes, partners=[other])
    mixed = Pipeline([{"cutmix": {"p": 1}}])(image, masks=classes, partners=[other])
    assert set(np.unique(mixed.masks)) <= {3, 5}
