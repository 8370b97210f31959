"""Bad batches: each is refused with what to do about it, or has the one result that makes sense."""

from __future__ import annotations

import pytest
import torch

from augpipe import AugmentBatch
from augpipe.errors import AugpipeError, PlanError, RecipeError, TargetError

ROWS, SIZE = 4, (12, 16)
KEY = {"epoch": 0, "index": torch.arange(ROWS)}
OPS = ["horizontal_flip", {"center_crop": {"size": [8, 10]}}, "mixup", "normalize"]


def images(rows: int = ROWS) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (rows, 3, *SIZE), dtype=torch.uint8, generator=generator)


def floats() -> torch.Tensor:
    return torch.rand(ROWS, 3, *SIZE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            list(images()),
            "images are a list; give one tensor .* different sizes through a Pipeline",
        ),
        (images().numpy(), "images are a ndarray; give one tensor"),
        (images()[0], r"images have the shape \(3, 12, 16\); expected \(B, 3, H, W\)$"),
        (images()[:, :1], r"images have the shape \(4, 1, 12, 16\)"),
        (images().permute(0, 2, 3, 1), r"channels come first: images\.permute\(0, 3, 1, 2\)"),
        (images()[..., :0], r"images have the shape \(4, 3, 12, 0\)"),
        (images().long(), r"images are torch\.int64; expected torch\.uint8, or torch\.float32"),
        (images().half(), r"images are torch\.float16"),
        (floats(), r"horizontal_flip#0: acts on levels of uint8, .* give images\.mul\(255\)"),
    ],
    ids=["list", "array", "one", "gray", "channels last", "empty", "int64", "float16", "floats"],
)
def test_images_that_are_no_batch_are_refused(given, message):
    with pytest.raises(PlanError, match=message):
        AugmentBatch(OPS, classes=3)(given, **KEY)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            torch.arange(ROWS + 1),
            r"labels have the shape \(5,\); expected \(4,\) or \(4, classes\)",
        ),
        (torch.tensor(3), r"labels have the shape \(\)"),
        (torch.ones(ROWS), r"labels are torch\.float32 of shape \(4,\); expected integers"),
        (torch.ones(ROWS, 3, dtype=torch.int64), r"labels are torch\.int64 of shape \(4, 3\)"),
        (torch.tensor([0, 1, 3, 2]), "label 3 is none of the classes 0 to 2; give more classes="),
        (torch.tensor([0, -1, 0, 2]), "label -1 is none of the classes 0 to 2"),
        (torch.ones(ROWS, 5), "labels are distributions over 5 classes, not over 3"),
        ([1, 0, 2, 1], "targets are a list; expected None, a tensor of labels, or a list of a dic"),
        ({"labels": torch.arange(ROWS)}, "targets are a dict; expected None, a tensor of labels"),
        ([{}] * 3, "there are 3 dictionaries of targets, 4 pictures"),
    ],
    ids=str,
)
def test_targets_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(TargetError, match=message):
        AugmentBatch(OPS, classes=3)(images(), labels, **KEY)


def test_mixed_classes_must_be_counted_by_somebody():
    with pytest.raises(TargetError, match="nobody says how many there are; give classes="):
        AugmentBatch(OPS)(images(), torch.arange(ROWS), **KEY)
    _, soft = AugmentBatch(OPS)(images(), torch.eye(ROWS), **KEY)
    assert soft.shape == (ROWS, ROWS)
    _, labels = AugmentBatch(OPS[:2])(images(), torch.arange(ROWS) - 9, **KEY)
    assert labels.tolist() == [-9, -8, -7, -6]  # nothing is mixed, so they are nobody's business


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ({"epoch": 1}, "give epoch and index; without index, all pictures would be alike"),
        ({"index": torch.arange(ROWS)}, "without epoch, all epochs would be alike"),
        ({"repeat": torch.arange(ROWS)}, "give epoch and index"),
        ({**KEY, "index": torch.arange(3)}, r"index is torch\.int64 of shape \(3,\); expected int"),
        ({**KEY, "index": 7}, r"index is torch\.int64 of shape \(\); expected integers of \(4,\)"),
        ({**KEY, "index": torch.rand(ROWS)}, r"index is torch\.float32"),
        ({**KEY, "epoch": 1.0}, r"epoch is torch\.float32"),
        ({**KEY, "epoch": torch.tensor([1])}, r"epoch is torch\.int64 of shape \(1,\)"),
        ({**KEY, "repeat": torch.ones(ROWS, dtype=torch.bool)}, r"repeat is torch\.bool"),
        (
            {**KEY, "index": torch.arange(ROWS, device="meta")},
            "index is on meta, and what is drawn",
        ),
        ({**KEY, "index": torch.arange(ROWS) - 1}, "index must lie between 0 and"),
        ({**KEY, "epoch": 2**32}, "epoch must lie between 0 and"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_keys_that_are_none_are_refused(key, message):
    with pytest.raises((RecipeError, PlanError), match=message):
        AugmentBatch(OPS, classes=3)(images(), **key)


@pytest.mark.parametrize("training", [True, False])
def test_an_empty_batch_has_an_empty_result(training):
    augment = AugmentBatch(OPS, classes=3, dtype=torch.float16).train(training)
    key = {"epoch": 0, "index": torch.arange(0)}
    done, labels = augment(images(0), torch.arange(0), **key)
    full, full_labels = augment(images(), torch.arange(ROWS) % 3, **KEY)
    assert done.shape == (0, *full.shape[1:])
    assert labels.shape == (0, *full_labels.shape[1:])
    assert (done.dtype, labels.dtype) == (full.dtype, full_labels.dtype)
    done, objects = augment(images(0), [], **key)
    assert (tuple(done.shape), objects) == ((0, *full.shape[1:]), [])


@pytest.mark.parametrize("mode", ["elem", "pair", "batch"])
@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_a_batch_of_one_is_mixed_with_itself_and_stays(name, mode):
    augment, one = AugmentBatch([{name: {"mode": mode}}], classes=3), images(1)
    done, labels = augment(one, torch.tensor([2]), epoch=0, index=[5])
    assert torch.equal(done, one)
    assert torch.allclose(labels, torch.tensor([[0.0, 0.0, 1.0]]))
    box = {"boxes": torch.tensor([[1.0, 2, 9, 8]]), "labels": torch.tensor([7])}
    _, (objects,) = augment(one, [box], epoch=0, index=[5])
    assert all(torch.equal(objects[name], box[name]) for name in box)


def test_what_is_not_a_number_stays_where_it_is():
    given = floats()
    given[1, :, 3:5, 2:9] = torch.nan
    done = AugmentBatch([{"random_erasing": {"p": 1}}])(given, **KEY)
    assert done[1].isnan().any()
    assert not done[[0, 2, 3]].isnan().any()
    assert not (done.isnan() & ~given.isnan()).any()


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64, torch.uint8])
def test_a_type_that_no_batch_can_have_is_refused(dtype):
    augment = AugmentBatch(OPS, classes=3, dtype=dtype)
    for rows in (ROWS, 0):
        with pytest.raises(AugpipeError, match="cannot be"):
            augment(images(rows), epoch=0, index=torch.arange(rows))


def test_labels_stay_on_their_device():
    labels = torch.zeros(ROWS, dtype=torch.int64, device="meta")
    done, mixed = AugmentBatch(OPS, classes=3)(images(), labels, **KEY)
    assert (done.device.type, mixed.device.type, mixed.shape) == ("cpu", "meta", (ROWS, 3))


@pytest.mark.parametrize("rows", [0, 1, ROWS])
def test_pictures_stay_on_their_device_wherever_the_model_is(rows):
    """A meta device has shapes and no values: who waits for it, or copies from it, fails."""
    key = {"epoch": 0, "index": torch.arange(rows)}
    augment, labels = AugmentBatch(OPS, classes=3).to("meta"), torch.zeros(rows, dtype=torch.int64)
    here = augment(images(rows), labels, **key)
    there = augment(images(rows).to("meta"), labels.to("meta"), **key)
    for done, gone in zip(here, there, strict=True):
        assert (done.device.type, gone.device.type) == ("cpu", "meta")
        assert (done.shape, done.dtype) == (gone.shape, gone.dtype)


def test_the_batch_is_never_written_to():
    given, soft = images(), torch.eye(ROWS)
    AugmentBatch(OPS)(given, soft, **KEY)
    assert torch.equal(given, images())
    assert torch.equal(soft, torch.eye(ROWS))
