"""Other people's transforms with boxes, masks and keypoints: nothing is left behind or mixed up."""

from __future__ import annotations

from dataclasses import replace

import albumentations
import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from augpipe.adapters import import_library
from augpipe.data.sample import Targets
from augpipe.errors import PlanError, TargetError
from augpipe.execute.cv2.foreign import with_targets
from augpipe.ops import Foreign
from augpipe.ops.foreign import adapt

iaa = import_library("imgaug")

SIZE = (80, 120)
BOXES = np.array([[10, 12, 40, 30], [60, 40, 100, 70], [50, 5, 58, 20]], np.float64)
LIBRARIES = ("albumentations", "torchvision", "imgaug")

FLIPS = {
    "albumentations": albumentations.HorizontalFlip(p=1),
    "torchvision": v2.RandomHorizontalFlip(p=1),
    "imgaug": iaa.Fliplr(1.0),
}
TURNS = {
    "albumentations": albumentations.Affine(rotate=(20, 20), scale=0.9, p=1),
    "torchvision": v2.RandomAffine((20, 20), scale=(0.9, 0.9)),
    "imgaug": iaa.Affine(rotate=20, scale=0.9),
}
ANYTHING = {
    "albumentations": albumentations.Compose(
        [
            albumentations.HorizontalFlip(p=0.5),
            albumentations.Affine(rotate=(-30, 30), scale=(0.8, 1.1), p=0.9),
            albumentations.OneOf([albumentations.VerticalFlip(), albumentations.GaussNoise()]),
        ]
    ),
    "torchvision": v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.RandomAffine(15, (0.1, 0.1), (0.8, 1.1))]),
            v2.RandomChoice([v2.RandomVerticalFlip(), v2.ColorJitter(0.4)]),
        ]
    ),
    "imgaug": iaa.Sequential(
        [
            iaa.Fliplr(0.5),
            iaa.Sometimes(0.8, iaa.Affine(rotate=(-15, 15), scale=(0.8, 1.1))),
            iaa.OneOf([iaa.Flipud(1.0), iaa.AdditiveGaussianNoise(scale=20)]),
        ]
    ),
}
library = pytest.mark.parametrize("name", LIBRARIES)


def picture() -> np.ndarray:
    """Each box is painted in a colour of its own, on black."""
    image = np.zeros((*SIZE, 3), np.uint8)
    for channel, (x0, y0, x1, y1) in enumerate(BOXES.astype(int)):
        image[y0:y1, x0:x1, channel] = 255
    return image


def everything() -> Targets:
    """All kinds; keypoints lie at the boxes' corners, top left and top right."""
    instances = (picture() > 0).astype(np.uint8).transpose(2, 0, 1).copy()
    corners = np.stack([BOXES[:, :2], BOXES[:, [2, 1]]], axis=1)
    return Targets(
        label=3,
        boxes=BOXES.copy(),
        box_labels=np.array([7, 8, 9]),
        masks=instances,
        keypoints=np.concatenate([corners, np.full((3, 2, 1), 2.0)], axis=2),
        mirrored_keypoints=np.array([1, 0]),
    )


def run(transform, targets: Targets | None = None, seed: int = 5):
    call = Foreign.wrapping(transform)._adapter.run
    values = {"call": np.array(call, dtype=object)[()], "seed": np.int64(seed)}
    return with_targets(picture(), everything() if targets is None else targets, values)


@library
def test_a_flip_moves_all_kinds_exactly_and_left_stays_left(name):
    image, moved = run(FLIPS[name])
    width = SIZE[1]
    assert np.array_equal(image, picture()[:, ::-1])
    expected = np.stack(
        [width - BOXES[:, 2], BOXES[:, 1], width - BOXES[:, 0], BOXES[:, 3]], axis=1
    )
    assert np.allclose(moved.boxes, expected, atol=1e-4)
    assert np.array_equal(moved.masks, everything().masks[:, :, ::-1])
    assert moved.masks.dtype == np.uint8
    assert moved.box_labels.tolist() == [7, 8, 9]
    assert moved.label == 3
    # The first keypoint is the top left corner in the picture that comes out, too.
    assert np.allclose(moved.keypoints[:, 0, :2], expected[:, :2], atol=1e-4)
    assert np.allclose(moved.keypoints[:, 1, :2], expected[:, [2, 1]], atol=1e-4)


@library
def test_without_a_table_of_pairs_keypoints_stay_in_order(name):
    _, moved = run(FLIPS[name], replace(everything(), mirrored_keypoints=None))
    assert np.allclose(moved.keypoints[:, 0, 0], SIZE[1] - BOXES[:, 0], atol=1e-4)


@library
def test_two_flips_are_a_turn_and_left_stays_where_it_went(name):
    both = {
        "albumentations": albumentations.Compose(
            [FLIPS["albumentations"], albumentations.VerticalFlip(p=1)]
        ),
        "torchvision": v2.Compose([FLIPS["torchvision"], v2.RandomVerticalFlip(1)]),
        "imgaug": iaa.Sequential([FLIPS["imgaug"], iaa.Flipud(1.0)]),
    }[name]
    _, moved = run(both)
    expected = np.array(SIZE[::-1]) - everything().keypoints[..., :2]
    assert np.allclose(moved.keypoints[..., :2], expected, atol=1e-4)


@library
@pytest.mark.parametrize("seed", range(6))
def test_masks_boxes_and_keypoints_go_where_the_pixels_go(name, seed):
    for transform in (TURNS[name], ANYTHING[name]):
        image, moved = run(transform, seed=seed)
        assert len(moved.boxes) == len(moved.masks) == len(moved.keypoints) == len(moved.box_labels)
        for box, mask, points, label in zip(
            moved.boxes, moved.masks, moved.keypoints, moved.box_labels, strict=True
        ):
            painted = image[..., label - 7] > 127
            if name == "imgaug" or "Noise" not in repr(transform):
                assert (painted != mask).sum() <= 0.2 * mask.sum() + 4
            y, x = np.nonzero(mask)
            assert (x >= box[0] - 1.5).all()
            assert (x + 1 <= box[2] + 1.5).all()
            assert (y >= box[1] - 1.5).all()
            assert (y + 1 <= box[3] + 1.5).all()
            inside = (points[:, :2] > 1).all(1) & (points[:, :2] < np.array(SIZE[::-1]) - 1).all(1)
            for px, py in points[inside, :2]:
                assert np.hypot(x + 0.5 - px, y + 0.5 - py).min() < 2


@library
def test_with_and_without_targets_the_pixels_are_the_same(name):
    for seed in range(8):
        with_them, _ = run(ANYTHING[name], seed=seed)
        without, _ = run(ANYTHING[name], Targets(), seed=seed)
        assert np.array_equal(with_them, without)


@library
def test_parts_of_a_composition_draw_numbers_of_their_own(name):
    """albumentations' own `set_random_seed` would let both flips act together or not at all."""
    both = {
        "albumentations": albumentations.Compose(
            [albumentations.HorizontalFlip(p=0.5), albumentations.VerticalFlip(p=0.5)]
        ),
        "torchvision": v2.Compose([v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()]),
        "imgaug": iaa.Sequential([iaa.Fliplr(0.5), iaa.Flipud(0.5)]),
    }[name]
    for targets in (Targets(), everything()):
        assert len({run(both, targets, seed)[0].tobytes() for seed in range(40)}) == 4


@library
def test_what_leaves_the_picture_takes_label_mask_and_keypoints_along(name):
    shift = {
        "albumentations": albumentations.Affine(translate_px={"x": 65, "y": 0}, p=1),
        "torchvision": v2.Compose([v2.Pad([130, 0, 0, 0]), v2.CenterCrop(SIZE)]),
        "imgaug": iaa.Affine(translate_px={"x": 65}),
    }[name]
    _, moved = run(shift)
    assert moved.box_labels.tolist() == [7, 9]
    assert [mask.sum() > 0 for mask in moved.masks] == [True, True]
    assert moved.keypoints.shape == (2, 2, 3)
    assert np.allclose(moved.boxes[0], BOXES[0] + [65, 0, 65, 0], atol=1e-3)
    assert np.allclose(moved.keypoints[0, 0], [75, 12, 2], atol=1e-3)
    assert (moved.boxes <= [120, 80] * 2).all()


@library
def test_no_objects_stay_none(name):
    none = Targets(
        boxes=np.zeros((0, 4)),
        box_labels=np.zeros(0, np.int64),
        masks=np.zeros((0, *SIZE), np.uint8),
        keypoints=np.zeros((0, 2, 3)),
        mirrored_keypoints=np.array([1, 0]),
    )
    _, moved = run(TURNS[name], none)
    assert moved.boxes.shape == (0, 4)
    assert moved.masks.shape == (0, *SIZE)
    assert moved.keypoints.shape == (0, 2, 3)


@library
@pytest.mark.parametrize("highest", [3, 255, 1000])
def test_semantic_masks_keep_their_classes(name, highest):
    classes = np.where(picture().any(axis=2), highest, 0).astype(np.int32)
    for transform in (FLIPS[name], TURNS[name]):
        image, moved = run(transform, Targets(masks=classes))
        assert moved.masks.dtype == np.int32
        assert set(np.unique(moved.masks)) == {0, highest}
        assert ((moved.masks > 0) != (image.max(axis=2) > 127)).mean() < 0.02
    assert np.array_equal(run(FLIPS[name], Targets(masks=classes))[1].masks, classes[:, ::-1])


def test_classes_that_a_library_cannot_carry_are_refused():
    for transform, value in ((FLIPS["albumentations"], 70000), (FLIPS["imgaug"], -1)):
        with pytest.raises(TargetError, match="mask"):
            run(transform, Targets(masks=np.full(SIZE, value, np.int32)))
    assert run(FLIPS["torchvision"], Targets(masks=np.full(SIZE, -1, np.int32)))[1].masks.max() < 0


class OwnAugmenter(iaa.Augmenter):
    """Moves pixels, and says nothing of anything else."""

    def _augment_batch_(self, batch, random_state, parents, hooks):
        batch.images = [image[:, ::-1] for image in batch.images]
        return batch

    def get_parameters(self):
        return []


def turned(image: np.ndarray, **_) -> np.ndarray:
    return image[::-1, ::-1].copy()


@pytest.mark.parametrize(
    ("transform", "culprit"),
    [
        (turned, "turned"),
        (albumentations.Compose([albumentations.Lambda(image=turned, p=1)]), "Lambda"),
        (albumentations.OverlayElements(), "OverlayElements"),
        (
            albumentations.SelectiveChannelTransform([albumentations.HorizontalFlip()]),
            "SelectiveChannelTransform",
        ),
        (v2.Compose([v2.Lambda(lambda x: x.flip(-1))]), "Lambda"),
        (v2.AutoAugment(), "AutoAugment"),
        (__import__("torchvision").transforms.RandomHorizontalFlip(), "RandomHorizontalFlip"),
        (iaa.Lambda(lambda images, *_: [turned(image) for image in images]), "Lambda"),
        (iaa.BlendAlpha(0.5, iaa.Fliplr(1.0)), "BlendAlpha"),
        (iaa.WithChannels(0, iaa.Affine(rotate=10)), "WithChannels"),
        (OwnAugmenter(), "OwnAugmenter"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_has_no_rule_for_a_target_refuses_it_by_name(transform, culprit):
    with pytest.raises(PlanError, match=culprit) as caught:
        run(transform)
    if culprit != "AutoAugment":
        assert isinstance(caught.value, TargetError)
        assert "boxes" in str(caught.value)
    run(transform, Targets(label=1))


@pytest.mark.parametrize(
    "transform",
    [
        albumentations.RandomBrightnessContrast(p=1),
        v2.Compose([v2.ColorJitter(0.4), v2.GaussianBlur(3)]),
        iaa.Sequential([iaa.Multiply(1.2), iaa.GaussianBlur(1.0), iaa.Cutout()]),
    ],
    ids=LIBRARIES,
)
def test_what_moves_no_pixel_leaves_targets_alone(transform):
    op, before = Foreign.wrapping(transform), everything()
    assert not op.moves
    assert op._adapter.run(picture(), 3, before)[1] is before


def test_a_callable_that_is_said_to_move_nothing_leaves_targets_alone():
    op, before = Foreign.wrapping(turned, moves=False), everything()
    assert op._adapter.run(picture(), 3, before)[1] is before


def test_a_compose_keeps_its_bbox_params_and_is_not_changed():
    own = albumentations.Compose(
        [albumentations.HorizontalFlip(p=1)],
        bbox_params=albumentations.BboxParams("coco", label_fields=["classes"], min_area=300),
        keypoint_params=albumentations.KeypointParams("yx", remove_invisible=True),
    )
    processors = own.transforms[0].processors
    _, moved = run(own)
    assert own.transforms[0].processors is processors
    assert moved.box_labels.tolist() == [7, 8]  # the third has 120 pixels
    assert len(moved.keypoints) == len(moved.masks) == 2
    again = own(image=picture(), bboxes=[[10, 12, 30, 18]], classes=["a"], keypoints=[[12, 10]])
    assert np.allclose(again["bboxes"], [[80, 12, 30, 18]], atol=1e-4)
    assert again["classes"] == ["a"]


def test_a_compose_that_misses_leaves_everything_in_place():
    _, moved = run(albumentations.Compose([albumentations.HorizontalFlip(p=1)], p=0.0))
    assert np.allclose(moved.boxes, BOXES)
    assert np.allclose(moved.keypoints, everything().keypoints)


def test_a_keypoint_that_is_dropped_becomes_invisible_or_is_an_error():
    bent, edges = albumentations.GridDistortion(distort_limit=0.9, p=1), everything()
    edges.keypoints[..., :2] = [[0.6, 0.6], [119, 79]]
    _, moved = run(bent, edges)
    dropped = moved.keypoints[..., 2] == 0
    assert dropped.any()
    assert (moved.keypoints[dropped] == 0).all()
    with pytest.raises(TargetError, match="no visibility"):
        run(bent, replace(edges, keypoints=edges.keypoints[..., :2]))


def test_sanitized_boxes_take_their_masks_along():
    _, moved = run(v2.Compose([v2.RandomVerticalFlip(1), v2.SanitizeBoundingBoxes(min_area=300)]))
    assert moved.box_labels.tolist() == [7, 8]
    assert np.array_equal(moved.masks, everything().masks[:2, ::-1])
    assert moved.keypoints.shape == (2, 2, 3)


def test_who_drops_keypoints_without_saying_which_is_refused():
    outside = everything()
    outside.keypoints[0, 0] = [-50, -50, 2]
    with pytest.raises(TargetError, match="which"):
        run(iaa.RemoveCBAsByOutOfImageFraction(0.1), outside)
    with pytest.raises(PlanError, match="No keypoints"):  # they are no KeyPoints to torchvision
        run(v2.SanitizeKeyPoints(), outside)


def test_boxes_in_another_format_come_back_in_ours():
    _, moved = run(v2.ConvertBoundingBoxFormat("CXCYWH"))
    assert np.allclose(moved.boxes, BOXES)
    assert np.allclose(moved.keypoints, everything().keypoints)


def test_a_picture_of_another_size_is_an_error_with_targets_as_well():
    for transform in (albumentations.Resize(20, 20), v2.Resize((20, 20)), iaa.Resize(20)):
        with pytest.raises(PlanError, match="keep size and type"):
            run(transform)


def test_tiles_are_not_taken_for_a_mirror():
    _, moved = run(albumentations.RandomGridShuffle((3, 3), p=1))
    assert len(moved.boxes) == len(moved.keypoints)


def test_named_transforms_move_targets_too():
    op = adapt({"torchvision.RandomHorizontalFlip": {"p": 1.0}})
    image, moved = op._adapter.run(picture(), 1, everything())
    assert torch.equal(torch.from_numpy(image), torch.from_numpy(picture()[:, ::-1].copy()))
    assert np.allclose(moved.boxes[:, 0], SIZE[1] - BOXES[:, 2])
