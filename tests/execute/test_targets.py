"""Targets follow the pixels: paint an object, warp both, find it again."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe.data.sample import Sample
from augpipe.errors import TargetError
from augpipe.execute.targets import follow
from augpipe.ops import find_op
from augpipe.pipeline import Pipeline
from augpipe.plan import Border, Kernel, Plan, Warp
from cases import CASES, TORCH_ONLY
from painting import SIZE, dot, find_dot, rectangles

BOX = np.array([[50.0, 40.0, 90.0, 75.0]])
UPRIGHT = {
    "horizontal flip": [{"horizontal_flip": {"p": 1}}],
    "vertical flip": [{"vertical_flip": {"p": 1}}],
    "smaller": [{"resize": {"size": [37, 50]}}],
    "larger": [{"resize": {"size": [300, 170]}}],
    "middle": [{"center_crop": {"size": [90, 124]}}],
    "crop": [{"random_resized_crop": {"size": [64, 80], "scale": [0.7, 1]}}],
    "shift": [{"affine": {"translate": [0.15, 0.15], "scale": [0.7, 1.2]}}],
    "window": [{"random_crop": {"size": [110, 150], "padding": [4, 0, 9, 20]}}],
    "pad": [{"pad": {"padding": [5, 0, 30, 7], "fill": 0}}],
    "letterbox": [{"letterbox": {"size": [150, 150], "fill": 0}}],
    "canvas": [{"zoom_out": {"p": 1}}],
    "canvas, resized": [{"zoom_out": {"side_range": [1, 1.6]}}, {"resize": {"size": [100, 140]}}],
    "longer side": [{"resize": {"size": 100, "side": "longer"}}],
    "quarter turns": [{"rotate90": {}}],
}
TURNED = {
    "rotation": [{"affine": {"degrees": 180}}],
    "rotate": [{"rotate": {"degrees": 180}}],
    "shift, scale and rotation": [{"shift_scale_rotate": {"p": 1}}],
    "perspective": [{"perspective": {"p": 1}}],
    "perspective in a chain": [
        {"center_crop": {"size": [110, 150]}},
        {"perspective": {"distortion_scale": 0.3, "p": 1}},
        {"rotate": {"degrees": 10}},
    ],
    "shear": [{"affine": {"shear": [-20, 20, -20, 20]}}],
    "chain": [
        {"horizontal_flip": {"p": 1}},
        {"affine": {"degrees": 25, "scale": [0.7, 1], "shear": 5}},
        {"hsv": {}},
        {"resize": {"size": [150, 200]}},
    ],
    "two warps": [
        {"affine": {"degrees": 20, "border": "replicate"}},
        {"affine": {"degrees": [-60, 60], "border": "constant"}},
    ],
}
GEOMETRIC = UPRIGHT | TURNED
KEYS = range(6)


def find_edges(picture: np.ndarray) -> np.ndarray:
    """x0, y0, x1, y1 of one upright white rectangle, to parts of a pixel."""
    light = picture[..., 0] / 255
    found = []
    for profile in (light.max(axis=0), light.max(axis=1)):
        first, *_, last = np.flatnonzero(profile > 0.98)
        found.append((first - profile[:first].sum(), last + 1 + profile[last + 1 :].sum()))
    (x0, x1), (y0, y1) = found
    return np.array([x0, y0, x1, y1])


def run(ops: list, picture: np.ndarray, key: int, **targets) -> Sample:
    return Pipeline(ops)(picture, index=key, **targets)


@pytest.mark.parametrize("ops", UPRIGHT.values(), ids=UPRIGHT)
def test_a_box_lies_around_its_painted_rectangle(ops):
    for key in KEYS:
        sample = run(ops, rectangles(BOX), key, boxes=BOX, labels=np.array([3]))
        assert np.abs(sample.boxes[0] - find_edges(sample.image)).max() < 0.5
        assert sample.targets.box_labels.tolist() == [3]


@pytest.mark.parametrize("ops", GEOMETRIC.values(), ids=GEOMETRIC)
def test_a_box_is_the_hull_of_its_four_painted_corners(ops):
    x0, y0, x1, y1 = BOX[0]
    for key in KEYS:
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        found = np.array([find_dot(run(ops, dot(*corner), key).image) for corner in corners])
        hull = [*found.min(axis=0), *found.max(axis=0)]
        assert np.abs(run(ops, dot(0, 0), key, boxes=BOX).boxes[0] - hull).max() < 0.5


@pytest.mark.parametrize("ops", GEOMETRIC.values(), ids=GEOMETRIC)
def test_a_keypoint_lies_on_its_painted_dot(ops):
    points = np.array([[[60.0, 50.0, 2.0], [97.5, 66.25, 0.0]]])
    for key in KEYS:
        for number, (x, y, _) in enumerate(points[0]):
            sample = run(ops, dot(x, y), key, keypoints=points)
            assert np.abs(sample.keypoints[0, number, :2] - find_dot(sample.image)).max() < 0.5
        assert sample.keypoints[0, :, 2].tolist() == [2, 0]


def blob() -> np.ndarray:
    """An object with holes and a ragged edge, (H, W) of 0 and 1."""
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    inside = (rows - 60) ** 2 + (columns - 80) ** 2 < 40**2
    return (inside & ((rows // 6 + columns // 9) % 3 > 0)).astype(np.uint8)


@pytest.mark.parametrize("ops", GEOMETRIC.values(), ids=GEOMETRIC)
def test_masks_agree_with_the_picture_wherever_it_is_plain(ops):
    """Pixels that are all white or all black were sampled inside or outside of the object."""
    mask = blob()
    picture = np.repeat(255 * mask[..., None], 3, axis=2)
    plain = [op for op in ops if "hsv" not in op]
    for key in KEYS:
        sample = run(plain, picture, key, masks=mask[None])
        light = sample.image[..., 0]
        assert sample.masks.dtype == np.uint8
        assert sample.masks.shape == (1, *light.shape)
        assert (sample.masks[0][light == 255] == 1).all()
        assert (sample.masks[0][light == 0] == 0).all()
        assert np.isin((0, 1), sample.masks).all()


@pytest.mark.parametrize(
    "op",
    [
        {"affine": {"degrees": 180, "translate": [0.3, 0.3], "scale": [0.3, 2]}},
        {"resize": {"size": [37, 50]}},
        {"resize": {"size": [300, 301]}},
        {"random_resized_crop": {"size": [64, 80]}},
    ],
)
def test_masks_equal_a_picture_that_is_warped_to_the_nearest(op):
    ((name, parameters),) = op.items()
    nearest = [{name: {**parameters, "interpolation": "nearest"}}]
    mask = blob()
    picture = np.repeat(255 * mask[..., None], 3, axis=2)
    for key in KEYS:
        sample = run(nearest, picture, key, masks=mask[None])
        assert np.array_equal(sample.masks[0], sample.image[..., 0] // 255)


def test_a_semantic_mask_keeps_its_classes_and_its_shape():
    classes = blob() * np.int32(70_001)
    sample = run(GEOMETRIC["rotation"], rectangles(BOX), 0, masks=classes)
    assert sample.masks.dtype == np.int32
    assert sample.masks.shape == SIZE
    assert np.unique(sample.masks).tolist() == [0, 70_001]


def test_no_objects_are_no_trouble():
    nothing = {
        "boxes": np.zeros((0, 4)),
        "labels": np.zeros(0, np.int64),
        "masks": np.zeros((0, *SIZE), np.uint8),
        "keypoints": np.zeros((0, 5, 2)),
    }
    sample = run(GEOMETRIC["smaller"], rectangles(BOX), 0, **nothing)
    assert sample.boxes.shape == (0, 4)
    assert sample.masks.shape == (0, 37, 50)
    assert sample.keypoints.shape == (0, 5, 2)


def test_boxes_are_clipped_to_the_picture():
    middle = [{"center_crop": {"size": [60, 80]}}]  # x 40 to 120, y 30 to 90
    boxes = np.array([[0.0, 0, 160, 120], [50, 40, 130, 80], [30, 20, 50.5, 40.25]])
    sample = run(middle, rectangles(boxes), 0, boxes=boxes)
    assert sample.boxes.tolist() == [[0, 0, 80, 60], [10, 10, 80, 50], [0, 0, 10.5, 10.25]]


def test_a_box_that_reaches_beyond_the_horizon_ends_where_the_picture_does():
    """In a picture of a plane that tilts away, w is 1 at x = 0 and 0 at x = 80 of the source."""
    matrix = np.linalg.inv(np.array([[1, 0, 0], [0, 1, 0], [-1 / 80, 0, 1.0]]))
    step = Warp(matrix[None], np.array([SIZE]), "bilinear", Border(), ops=("tilt#0",))
    boxes = np.array([[20.0, 10, 40, 20], [40, 0, 120, 40], [90, 0, 120, 40]])
    targets = run([], rectangles(boxes), 0, boxes=boxes, labels=np.arange(3)).targets
    moved = follow(targets, Plan(np.array([SIZE]), (step,)), 0)
    assert np.allclose(moved.boxes, [[80 / 3, 40 / 3, 80, 40], [80, 0, 160, 120]])
    assert moved.box_labels.tolist() == [0, 1]


def test_what_left_the_picture_is_dropped_together():
    middle = [{"center_crop": {"size": [60, 80]}}]
    boxes = np.array([[0.0, 0, 40, 30], [50, 40, 90, 75], [120, 40, 160, 80]])
    targets = {
        "boxes": boxes,
        "labels": np.array([7, 8, 9]),
        "masks": np.stack([rectangles(box[None])[..., 0] // 255 for box in boxes]),
        "keypoints": boxes[:, None, :2] + 5,
    }
    sample = run(middle, rectangles(boxes), 0, **targets)
    assert sample.boxes.tolist() == [[10, 10, 50, 45]]
    assert sample.targets.box_labels.tolist() == [8]
    assert sample.masks.shape == (1, 60, 80)
    assert sample.masks.sum() == 40 * 35
    assert sample.keypoints.tolist() == [[[15, 15]]]


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({}, [0, 1, 2]),
        ({"min_visibility": 0.25}, [0, 1]),
        ({"min_visibility": 0.26}, [1]),
        ({"min_area": 320}, [0, 1, 2]),
        ({"min_area": 321}, [0, 1]),
        ({"min_area": 321, "min_visibility": 0.26}, [1]),
    ],
)
def test_what_hardly_shows_is_left_out(params, kept):
    """Of the boxes a quarter, all and a tenth shows: 400, 1600 and 320 square pixels at last."""
    boxes = np.array([[30.0, 20, 50, 40], [60, 50, 80, 70], [4, 40, 44, 60]])
    ops = [
        {"center_crop": {"size": [60, 80]}},
        {"horizontal_flip": {"p": 1}},
        {"resize": {"size": [120, 160]}},
    ]
    labels = np.arange(3)
    done = Pipeline(ops, boxes=params)(rectangles(boxes), boxes=boxes, labels=labels)
    assert done.targets.box_labels.tolist() == kept


def test_what_a_border_reflects_is_no_second_object():
    pad = [{"pad": {"padding": 100, "border": "reflect"}}]
    sample = run(pad, rectangles(BOX), 0, boxes=BOX, masks=rectangles(BOX)[None, ..., 0] // 255)
    assert (sample.image > 0).sum() > (rectangles(BOX) > 0).sum()
    assert sample.boxes.tolist() == (BOX + 100).tolist()
    assert sample.masks.sum() == 40 * 35


def test_a_label_of_the_picture_stays():
    soft = np.array([0.25, 0.75], np.float32)
    assert run(GEOMETRIC["rotation"], rectangles(BOX), 0, label=4).label == 4
    kept = run(GEOMETRIC["rotation"], rectangles(BOX), 0, label=soft).label
    assert np.array_equal(kept, soft)


@pytest.mark.parametrize(
    ("ops", "mirrored"),
    [
        ([{"horizontal_flip": {"p": 1}}], True),
        ([{"vertical_flip": {"p": 1}}], True),
        ([{"horizontal_flip": {"p": 1}}, {"vertical_flip": {"p": 1}}], False),
        ([{"horizontal_flip": {"p": 0}}], False),
        ([{"affine": {"degrees": [180, 180]}}], False),
        ([{"horizontal_flip": {"p": 1}}, {"affine": {"degrees": [77, 77]}}], True),
    ],
    ids=["flip", "upside down", "both", "neither", "turned", "flip and turned"],
)
def test_left_and_right_keypoints_swap_where_the_picture_is_mirrored(ops, mirrored):
    points = np.array([[[60.0, 50], [90, 50], [75, 70]]])  # left hand, right hand, nose
    plain = run(ops, rectangles(BOX), 0, keypoints=points).keypoints
    swapped = run(
        ops, rectangles(BOX), 0, keypoints=points, mirrored_keypoints=np.array([1, 0, 2])
    ).keypoints
    assert np.array_equal(swapped, plain[:, [1, 0, 2]] if mirrored else plain)


@pytest.mark.parametrize(
    "name",
    # Without its partners a mosaic still scales the picture.
    [
        name
        for name in CASES
        if "p" in find_op(name).model_fields and name not in (*TORCH_ONLY, "mosaic")
    ],
)
def test_p_zero_leaves_every_target_as_it_is(name):
    targets = {
        "boxes": BOX + 0.125,
        "masks": blob()[None],
        "keypoints": np.array([[[60.5, 50.25], [90, 50]]]),
        "mirrored_keypoints": np.array([1, 0]),
    }
    ops, picture = [{name: {**CASES[name].extreme, "p": 0}}], rectangles(BOX)
    sample = run(ops, picture, 0, **targets, partners=[{"image": picture}])
    for target, before in targets.items():
        assert np.array_equal(getattr(sample.targets, target), before)


def test_flipping_twice_restores_every_target():
    targets = {
        "boxes": BOX + 0.125,
        "masks": blob()[None],
        "keypoints": np.array([[[60.5, 50.25], [90, 50]]]),
        "mirrored_keypoints": np.array([1, 0]),
    }
    sample = run([{"horizontal_flip": {"p": 1}}] * 2, rectangles(BOX), 0, **targets)
    assert np.array_equal(sample.boxes, targets["boxes"])
    assert np.array_equal(sample.masks, targets["masks"])
    assert np.array_equal(sample.keypoints, targets["keypoints"])


def test_the_source_targets_are_never_written_to():
    targets = {"boxes": BOX.copy(), "masks": blob()[None], "keypoints": BOX[:, None, :2].copy()}
    for array in targets.values():
        array.setflags(write=False)
    run(GEOMETRIC["chain"], rectangles(BOX), 0, **targets)
    run([{"horizontal_flip": {"p": 1}}], rectangles(BOX), 0, **targets)


@pytest.mark.parametrize("name", ["boxes", "masks", "keypoints"])
def test_a_kernel_that_moves_pixels_refuses_spatial_targets_by_name(name):
    target = {"boxes": BOX, "masks": blob()[None], "keypoints": BOX[:, None, :2]}[name]
    sample = Sample(rectangles(BOX), run([], rectangles(BOX), 0, label=1, **{name: target}).targets)
    swirl = Kernel("swirl", {}, moves=True, ops=("swirl#0",))
    with pytest.raises(TargetError) as caught:
        follow(sample.targets, Plan(np.array([SIZE]), (swirl,)), 0)
    assert str(caught.value) == (
        f"swirl#0 moves pixels and has no rule for {name}; "
        "leave the op out, or train without that target"
    )


def test_a_kernel_that_moves_pixels_accepts_a_label():
    swirl = Kernel("swirl", {}, moves=True, ops=("swirl#0",))
    targets = run([], rectangles(BOX), 0, label=1).targets
    assert follow(targets, Plan(np.array([SIZE]), (swirl,)), 0) is targets
