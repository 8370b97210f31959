import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import convert_bounding_box_format

from augpipe import Pipeline
from augpipe.boxes import BoxParams, from_xyxy, to_xyxy
from augpipe.data.targets import read_targets
from augpipe.errors import DataError

SIZE = (6, 8)
BOXES = [[0, 1, 4, 5], [2, 2, 8, 6]]


@pytest.mark.parametrize("label", [3, np.int32(3), np.array(3), torch.tensor(3)])
def test_a_class_becomes_an_int(label):
    for target in (label, {"label": label}):
        found = read_targets(target, SIZE).label
        assert type(found) is int
        assert found == 3


@pytest.mark.parametrize(
    "label", [[0.25, 0.75], np.array([0.25, 0.75]), torch.tensor([0.25, 0.75])]
)
def test_a_distribution_becomes_float32(label):
    found = read_targets(label, SIZE).label
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [0.25, 0.75])


@pytest.mark.parametrize("kind", [torch.tensor, np.array])
def test_detection_targets_keep_their_values(kind):
    masks = np.zeros((2, *SIZE), np.uint8)
    masks[1, 2:, 2:] = 1
    keypoints = np.arange(18.0).reshape(2, 3, 3)
    found = read_targets(
        {
            "boxes": kind(BOXES),
            "labels": kind([1, 2]),
            "masks": kind(masks),
            "keypoints": kind(keypoints),
            "image_id": 7,
            "area": kind([16.0, 24.0]),
            "iscrowd": kind([0, 0]),
        },
        SIZE,
    )
    np.testing.assert_array_equal(found.boxes, BOXES)
    np.testing.assert_array_equal(found.box_labels, [1, 2])
    np.testing.assert_array_equal(found.masks, masks)
    np.testing.assert_array_equal(found.keypoints, keypoints)
    kinds = [a.dtype for a in (found.boxes, found.box_labels, found.masks, found.keypoints)]
    assert kinds == [np.float64, np.int64, np.uint8, np.float64]
    assert found.label is None


def test_no_objects_at_all_are_fine():
    found = read_targets({"boxes": torch.zeros(0, 4), "labels": torch.zeros(0)}, SIZE)
    assert found.boxes.shape == (0, 4)


def test_a_semantic_mask_holds_classes():
    masks = np.arange(48).reshape(SIZE)
    found = read_targets({"masks": masks}, SIZE).masks
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, masks)
    np.testing.assert_array_equal(
        read_targets({"masks": torch.from_numpy(masks)}, SIZE).masks, masks
    )


@pytest.mark.parametrize("format", ["XYXY", "XYWH", "CXCYWH"])
def test_torchvisions_boxes_say_how_they_are_written(format):
    same = tv_tensors.BoundingBoxes(BOXES, format="XYXY", canvas_size=SIZE)
    boxes = convert_bounding_box_format(same, new_format=format)
    np.testing.assert_allclose(read_targets({"boxes": boxes}, SIZE).boxes, BOXES)


WRITTEN = {
    "pascal_voc": [2, 1, 6, 5],
    "albumentations": [2 / 8, 1 / 6, 6 / 8, 5 / 6],
    "coco": [2, 1, 4, 4],
    "yolo": [4 / 8, 3 / 6, 4 / 8, 4 / 6],
}


@pytest.mark.parametrize("format", WRITTEN)
def test_every_format_says_the_same_and_is_written_back(format):
    params = BoxParams(format=format)
    boxes = read_targets({"boxes": np.array([WRITTEN[format]])}, SIZE, params).boxes
    np.testing.assert_allclose(boxes, [[2, 1, 6, 5]])
    np.testing.assert_allclose(from_xyxy(boxes, format, SIZE), [WRITTEN[format]])
    sample = Pipeline([{"horizontal_flip": {"p": 1}}], boxes=params)(
        np.zeros((*SIZE, 3), np.uint8), boxes=np.array([WRITTEN[format]])
    )
    np.testing.assert_allclose(to_xyxy(sample.boxes, format, SIZE), [[2, 1, 6, 5]])


def test_invalid_boxes_are_an_error_or_clipped_or_dropped_with_all_that_is_theirs():
    target = {"boxes": [[0, 0, 9, 6], [1, 1, 1, 3], [1, 2, 3, 4]], "labels": [7, 8, 9]}
    with pytest.raises(DataError, match=r"its box 0 \(x0, y0, x1, y1 = 0, 0, 9, 6\) leaves"):
        read_targets(target, SIZE)
    clipped = read_targets(target, SIZE, BoxParams(on_invalid="clip"))
    assert clipped.boxes.tolist() == [[0, 0, 8, 6], [1, 2, 3, 4]]
    assert clipped.box_labels.tolist() == [7, 9]
    dropped = read_targets(target, SIZE, BoxParams(on_invalid="drop"))
    assert dropped.box_labels.tolist() == [9]
    rounded = {"boxes": [[0, 0, 8.004, 6]]}
    assert read_targets(rounded, SIZE).boxes.tolist() == [[0, 0, 8, 6]]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("cat", "its label is a str 'cat'; expected a class as int"),
        (-1, "its label is -1"),
        (True, "a bool True"),
        ([1, 2], "its label is a list"),
        ({"box": BOXES}, "unknown key 'box'; did you mean 'boxes'"),
        ({"boxes": [1, 2, 3, 4]}, r"boxes are int64 of shape \(4,\); expected numbers of \(N, 4\)"),
        ({"boxes": [["a", "b", "c", "d"]]}, "its boxes are <U1"),
        ({"boxes": [[1, 2], [3]]}, "ragged"),
        ({"keypoints": np.zeros((2, 3, 4))}, r"expected numbers of \(N, K, 2 or 3\)"),
        ({"labels": 3}, r"expected numbers of \(N\)"),
        ({"masks": np.zeros((1, 6, 7))}, r"shape \(1, 6, 7\); expected numbers of \(N, 6, 8\)"),
        ({"masks": np.zeros((8, 6))}, r"expected numbers of \(6, 8\)"),
        ({"masks": np.full((1, *SIZE), 255)}, "masks hold 255; instance masks are 0 and 1"),
        ({"boxes": BOXES, "labels": [1]}, "has 2 boxes, 1 labels"),
    ],
)
def test_other_targets_are_refused(target, message):
    with pytest.raises(DataError, match=message):
        read_targets(target, SIZE)
