import numpy as np
import pytest
import torch
from torchvision import datasets as vision

from augpipe.data.arrays import ArrayDataset, is_array_inside
from augpipe.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3)).astype(np.uint8)


@pytest.mark.parametrize("images", [IMAGES, IMAGES[..., 0], IMAGES[..., :1]])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_pictures_come_out_as_rgb(images, kind):
    dataset = ArrayDataset(kind(np.ascontiguousarray(images)), [0, 1, 2, 0, 1, 2])
    expected = np.broadcast_to(images.reshape(6, 4, 5, -1), IMAGES.shape)
    for index in range(6):
        np.testing.assert_array_equal(dataset[index].image, expected[index])
        assert dataset[index].label == index % 3
    assert dataset.classes == ("0", "1", "2")


def test_memory_is_shared():
    images = IMAGES.copy()
    for shared in (ArrayDataset(images), ArrayDataset(torch.from_numpy(images))):
        assert shared[0].label is None
        images[0, 0, 0] += 1
        np.testing.assert_array_equal(shared[0].image, images[0])


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.astype(np.float32), None, "float32 of shape"),
        (IMAGES.transpose(0, 3, 1, 2), None, r"shape \(6, 3, 4, 5\).*colours last"),
        (IMAGES[0, 0], None, r"shape \(5, 3\)"),
        (IMAGES[:0], None, r"shape \(0, 4, 5, 3\)"),
        ([IMAGES], None, "images are a list"),
        (IMAGES, [0, 1], r"shape \(2,\); expected \(6,\)"),
        (IMAGES, [0.5] * 6, "labels are float64"),
        (IMAGES, [0, 0, -3, 0, 0, 0], "item 2 has the negative label -3"),
    ],
)
def test_other_arrays_are_refused(images, labels, message):
    with pytest.raises(DataError, match=message):
        ArrayDataset(images, labels)


def test_a_label_beyond_the_classes_is_refused():
    with pytest.raises(DataError, match="item 4 has the label 2, but there are 2 classes"):
        ArrayDataset(IMAGES, [0, 1, 0, 1, 2, 0], classes=("a", "b"))


def test_the_fingerprint_tells_pixels_labels_and_classes_apart():
    labels = [0, 1, 0, 1, 0, 1]
    others = [
        ArrayDataset(IMAGES, labels),
        ArrayDataset(255 - IMAGES, labels),
        ArrayDataset(IMAGES, labels[::-1]),
        ArrayDataset(IMAGES),
        ArrayDataset(IMAGES, labels, classes=("a", "b")),
    ]
    assert len({dataset.fingerprint for dataset in others}) == len(others)
    assert ArrayDataset(torch.from_numpy(IMAGES), labels).fingerprint == others[0].fingerprint


def made_without_files(kind, **attributes):
    """One of torchvision's datasets as it is after loading, without its files."""
    dataset = kind.__new__(kind)
    for name, value in {"transform": None, "target_transform": None, **attributes}.items():
        setattr(dataset, name, value)
    return dataset


def test_arrays_inside_torchvisions_datasets_are_read():
    mnist = made_without_files(
        vision.MNIST, data=torch.from_numpy(IMAGES[..., 0]), targets=torch.arange(6)
    )
    cifar = made_without_files(
        vision.CIFAR10, data=IMAGES, targets=[3, 1, 2, 0, 1, 2], classes=list("abcd")
    )
    for theirs, classes in ((mnist, tuple(vision.MNIST.classes)), (cifar, tuple("abcd"))):
        assert is_array_inside(theirs)
        dataset = ArrayDataset.from_torchvision(theirs)
        assert dataset.classes == classes
        for index in range(6):
            image, label = theirs[index]
            np.testing.assert_array_equal(dataset[index].image, np.asarray(image.convert("RGB")))
            assert dataset[index].label == label


def test_a_transform_would_be_passed_over_and_is_refused():
    for name in ("transform", "target_transform"):
        theirs = made_without_files(vision.CIFAR10, **{name: str})
        with pytest.raises(DataError, match="CIFAR10 has a transform of its own"):
            ArrayDataset.from_torchvision(theirs)


def test_derived_classes_may_give_something_else_than_they_hold():
    class Mine(vision.CIFAR10):
        pass

    assert not is_array_inside(made_without_files(Mine))
    assert not is_array_inside(made_without_files(vision.QMNIST))
