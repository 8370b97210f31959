from types import SimpleNamespace

import pytest
import torch

from augpipe.errors import DataError, RecipeError
from augpipe.train.batches import common_classes, pair

CPU = torch.device("cpu")


def batch(images, labels):
    return SimpleNamespace(images=images, labels=labels, index=torch.arange(len(images)))


def test_a_good_batch_passes_as_it_is():
    images, labels = torch.rand(2, 3, 4, 4), torch.tensor([0, 1])
    assert pair(batch(images, labels), CPU) == (images, labels, [0, 1])


def test_unlabelled_batches_are_refused():
    with pytest.raises(DataError, match="no class labels"):
        pair(batch(torch.rand(2, 3, 4, 4), None), CPU)


def test_images_that_are_not_normalised_are_refused():
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    with pytest.raises(RecipeError, match=r"torch\.uint8 images; add pipeline\.normalize"):
        pair(batch(images, torch.tensor([0, 1])), CPU)


def test_classes_common_to_both_loaders(loader):
    assert common_classes(loader(), loader()) == ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("theirs", "odd"),
    [(("red", "green", "blue", "pink"), "pink"), (("blue", "green", "red"), "their order")],
)
def test_classes_must_agree_in_name_and_order(loader, theirs, odd):
    with pytest.raises(DataError, match=rf"differ in: {odd}"):
        common_classes(loader(), loader(classes=theirs))


def test_training_on_nothing_is_refused(loader):
    with pytest.raises(DataError, match="nothing to train on"):
        common_classes(loader(samples=0), loader())
