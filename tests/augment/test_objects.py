"""Targets in dictionaries through `AugmentBatch`: where the workers would put them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from augpipe import AugmentBatch, Pipeline
from augpipe.errors import DataError, TargetError

ROWS, SIZE = 8, (60, 80)
KEY = {"epoch": 2, "index": torch.arange(ROWS)}
POINTS = 3

EXACT = {
    "flip": ["horizontal_flip"],
    "flip, crop": ["vertical_flip", {"center_crop": {"size": [40, 40]}}],
    "window": [{"random_crop": {"size": [40, 56], "padding": 9}}],
    "pad": [{"pad": {"padding": [5, 0, 30, 7]}}],
    "elastic": [{"elastic": {"p": 0.5, "alpha": 200, "sigma": 6}}],
    "grid": [{"grid_distortion": {"p": 0.7}}, "horizontal_flip"],
    "resize": [{"resize": {"size": [90, 33]}}],
    "crop": [{"random_resized_crop": {"size": [48, 64]}}],
    "crop around boxes": [{"random_iou_crop": {}}, {"resize": {"size": [50, 50]}}],
    "colour": ["hsv", "normalize"],
    "nothing": [],
}
SAMPLED = {
    "affine": [{"affine": {"degrees": 180, "translate": [0.3, 0.3], "scale": [0.3, 2]}}],
    "perspective": [{"perspective": {"p": 0.7}}],
    "far": [{"perspective": {"p": 1, "distortion_scale": 0.6}}, {"affine": {"scale": [0.1, 8]}}],
    "policy": [{"rand_augment": {"num_ops": 2}}],
    "ways": [{"random_order": {"ops": [{"affine": {"degrees": 30}}, "elastic"]}}],
    "chain": [{"affine": {"degrees": 9}}, "elastic", {"affine": {"shear": 9}}, "vertical_flip"],
}


def picture(row: int) -> np.ndarray:
    return np.random.default_rng(row).integers(0, 256, (*SIZE, 3), np.uint8)


def objects(row: int) -> dict[str, np.ndarray]:
    """Up to four objects, their masks as ragged as can be."""
    rng, count = np.random.default_rng(row), row % 5
    corners = np.sort(rng.uniform(0, 1, (count, 2, 2)), axis=1) * [70, 50]
    return {
        "boxes": np.concatenate([corners[:, 0], corners[:, 1] + 4], axis=1),
        "labels": rng.integers(0, 9, count),
        "masks": (rng.random((count, *SIZE)) < 0.4).astype(np.uint8),
        "keypoints": np.dstack([rng.uniform(0, 50, (count, POINTS, 2)), np.ones((count, POINTS))]),
        "mirrored_keypoints": np.array([1, 0, 2]),
    }


def tensors(given: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in given.items()}


def images() -> torch.Tensor:
    stack = np.stack([picture(row) for row in range(ROWS)])
    return torch.from_numpy(stack).permute(0, 3, 1, 2).contiguous()


def in_both_ways(ops: list, **pipeline: Any):
    """For each row, the workers' sample and the batch's dictionary."""
    whole = Pipeline(ops, **pipeline)
    given = [objects(row) for row in range(ROWS)]
    _, done = AugmentBatch(whole, seed=4)(images(), [tensors(own) for own in given], **KEY)
    for row, own in enumerate(given):
        yield whole(picture(row), seed=4, epoch=2, index=row, **own), done[row]


@pytest.mark.parametrize("ops", [*EXACT.values(), *SAMPLED.values()], ids=[*EXACT, *SAMPLED])
def test_targets_are_where_the_workers_put_them(ops):
    apart = pixels = 0
    for sample, done in in_both_ways(ops):
        assert done["labels"].tolist() == sample.targets.box_labels.tolist()
        assert np.allclose(done["boxes"], sample.boxes, rtol=0, atol=1e-4)
        assert np.allclose(done["keypoints"], sample.keypoints, rtol=0, atol=1e-4)
        assert (done["boxes"].dtype, done["keypoints"].dtype) == (torch.float32, torch.float32)
        assert done["masks"].shape == sample.masks.shape
        apart += (done["masks"].numpy() != sample.masks).sum()
        pixels += sample.masks.size
    assert pixels
    # Of noise, on a seam between two pixels: float32 and OpenCV's fixed point may part there.
    assert apart <= (0 if ops in EXACT.values() else 2e-5 * pixels)


@pytest.mark.parametrize("format", ["coco", "yolo", "albumentations"])
def test_boxes_are_written_as_the_pipeline_says(format):
    size = np.array([80, 60, 80, 60]) if format in ("yolo", "albumentations") else np.ones(4)
    inside = {"min_area": 30, "min_visibility": 0.3}
    ops = [{"affine": {"degrees": 20}}, "horizontal_flip"]
    box = np.array([[20.0, 20, 30, 24]]) / size
    whole = Pipeline(ops, boxes={"format": format, **inside})
    expected = whole(picture(1), index=1, epoch=2, boxes=box, labels=[3])
    given = {"boxes": torch.from_numpy(box), "labels": torch.tensor([3])}
    _, (done,) = AugmentBatch(whole)(images()[1:2], [given], epoch=2, index=[1])
    assert np.allclose(done["boxes"], expected.boxes, atol=1e-5)


def test_objects_that_are_not_worth_keeping_go_with_all_they_have():
    gone = 0
    for (sample, done), row in zip(
        in_both_ways([{"affine": {"translate": [0.6, 0.6]}}], boxes={"min_visibility": 0.4}),
        range(ROWS),
        strict=True,
    ):
        counts = {name: len(done[name]) for name in ("boxes", "labels", "masks", "keypoints")}
        assert set(counts.values()) == {len(sample.boxes)}
        gone += row % 5 - len(sample.boxes)
    assert gone >= 3


@pytest.mark.parametrize("ops", [EXACT["flip"], EXACT["elastic"], SAMPLED["ways"]])
def test_masks_of_classes_move_as_the_workers_move_them(ops):
    maps = [np.random.default_rng(n).integers(0, 2**30, SIZE, np.int32) for n in range(ROWS)]
    given = [{"masks": torch.from_numpy(own).long()} for own in maps]
    _, done = AugmentBatch(ops)(images(), given, **KEY)
    apart = []
    for row, own in enumerate(maps):
        expected = Pipeline(ops)(picture(row), epoch=2, index=row, masks=own).masks
        assert done[row]["masks"].dtype == torch.int64
        apart.append((done[row]["masks"].numpy() != expected).mean())
    # OpenCV samples int32 at places that are rounded to a thousandth of a pixel, uint8 does not.
    assert np.mean(apart) <= (2e-3 if ops is SAMPLED["ways"] else 0)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
def test_masks_alone_keep_their_type_and_their_number(dtype):
    given = [{"masks": torch.from_numpy(objects(row)["masks"]).to(dtype)} for row in range(ROWS)]
    _, done = AugmentBatch([{"affine": {"translate": [0.9, 0.9]}}])(images(), given, **KEY)
    assert [own["masks"].shape for own in done] == [own["masks"].shape for own in given]
    assert {own["masks"].dtype for own in done} == {dtype}


def test_boxes_that_know_their_format_and_what_describes_the_picture_before():
    boxes = tv_tensors.BoundingBoxes([[5, 6, 10, 12]], format="XYWH", canvas_size=SIZE)
    given = {"boxes": boxes, "labels": torch.tensor([1]), "image_id": torch.tensor([4])}
    _, done = AugmentBatch([{"horizontal_flip": {"p": 1}}])(
        images()[:1], [given], epoch=0, index=[0]
    )
    assert done[0].keys() == {"boxes", "labels"}
    assert done[0]["boxes"].tolist() == [[65, 6, 75, 18]]


def test_some_pictures_may_have_no_boxes_and_nothing_is_written_to():
    given = [tensors(objects(3)), {}]
    _, done = AugmentBatch(["vertical_flip"])(images()[:2], [{"label": 2, **_boxes(given[0])}, {}])
    assert (done[0]["label"].item(), done[1]) == (2, {})
    assert all(np.array_equal(given[0][name], value) for name, value in objects(3).items())


def _boxes(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("boxes", "labels")}


def test_in_eval_mode_targets_follow_the_ops_that_act():
    augment = AugmentBatch(["horizontal_flip", {"center_crop": {"size": [30, 40]}}]).eval()
    given = {"boxes": torch.tensor([[30.0, 20, 50, 40]]), "labels": torch.tensor([0])}
    _, (done,) = augment(images()[:1], [given])
    assert done["boxes"].tolist() == [[10, 5, 30, 25]]


WRONG = {
    "its box 0 .* leaves the picture": {"boxes": torch.tensor([[0.0, 0, 99, 9]])},
    "unknown key 'box'; did you mean 'boxes'": {"box": torch.zeros(1, 4)},
    "its masks are torch.float32": {"masks": torch.zeros(1, *SIZE)},
    r"its masks are torch.uint8 of shape \(1, 9, 9\)": {"masks": torch.ones(1, 9, 9).byte()},
    r"of shape \(2, 60, 80\), not torch.uint8 of \(N, 60, 80\), one for each box": {
        "boxes": torch.tensor([[0.0, 0, 9, 9]]),
        "masks": torch.ones(2, *SIZE).byte(),
    },
}


@pytest.mark.parametrize("message", WRONG)
def test_targets_that_do_not_fit_name_their_picture(message):
    with pytest.raises((DataError, TargetError), match=f"picture 0: .*{message}"):
        AugmentBatch(["horizontal_flip"])(images()[:1], [WRONG[message]], epoch=0, index=[0])


def test_masks_are_all_of_one_kind():
    one, maps = torch.ones(1, *SIZE).byte(), torch.ones(SIZE).byte()
    augment = AugmentBatch(["horizontal_flip"])
    with pytest.raises(TargetError, match="some pictures have masks and others none"):
        augment(images()[:2], [{"masks": one}, {}])
    with pytest.raises(TargetError, match=r"picture 1: its masks are torch\.uint8 of shape"):
        augment(images()[:2], [{"masks": maps}, {"masks": one}])


def test_dictionaries_are_left_to_uncompiled_code():
    torch._dynamo.reset()
    augment, given = AugmentBatch(EXACT["flip, crop"]), [tensors(objects(n)) for n in range(ROWS)]
    compiled = torch.compile(augment, backend="eager")
    expected = augment(images(), given, **KEY)
    done = compiled(images(), given, **KEY)
    assert torch.equal(done[0], expected[0])
    assert torch.equal(done[1][3]["boxes"], expected[1][3]["boxes"])
