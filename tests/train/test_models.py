import pytest
import torch
from torch.nn import functional

from augpipe.errors import RecipeError
from augpipe.train.config import ModelConfig
from augpipe.train.models import build_model, known_models


def build(name, num_classes=10):
    torch.manual_seed(0)
    return build_model(ModelConfig(name=name), num_classes)


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (33, 47)])
def test_small_cnn_takes_any_size(size):
    logits = build("small_cnn", num_classes=7)(torch.randn(2, 3, *size))
    assert logits.shape == (2, 7)


def test_small_cnn_learns_a_batch_by_heart():
    model = build("small_cnn")
    images, labels = torch.randn(16, 3, 16, 16), torch.arange(16) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(30):
        optimizer.zero_grad()
        functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert (model(images).argmax(1) == labels).all()


def test_equal_seeds_give_equal_models():
    first, second = build("small_cnn").state_dict(), build("small_cnn").state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


# The second one returns a named tuple in training unless told not to.
@pytest.mark.parametrize("name", ["squeezenet1_1", "googlenet"])
def test_torchvision_models_give_logits_in_training(name):
    logits = build(name, num_classes=3).train()(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 3)


def test_known_models_are_classifiers():
    names = known_models()
    assert {"small_cnn", "resnet18", "vit_b_16"} <= set(names)
    assert not any("rcnn" in name or "deeplab" in name or "raft" in name for name in names)


@pytest.mark.parametrize(("typo", "meant"), [("smal_cnn", "small_cnn"), ("ResNet-18", "resnet18")])
def test_an_unknown_model_names_the_nearest(typo, meant):
    with pytest.raises(RecipeError, match=rf"unknown model '{typo}'; did you mean '{meant}'\?"):
        build(typo)


def test_more_outputs_than_classes_are_allowed_and_fewer_are_not():
    assert build("small_cnn", num_classes=3)(torch.randn(2, 3, 8, 8)).shape == (2, 3)
    wide = build_model(ModelConfig(name="small_cnn", num_classes=5), 3)
    assert wide(torch.randn(2, 3, 8, 8)).shape == (2, 5)
    with pytest.raises(RecipeError, match=r"num_classes is 2, but the data has 3 classes"):
        build_model(ModelConfig(name="small_cnn", num_classes=2), 3)
