import sys
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from augpipe.errors import RecipeError
from augpipe.schema import check
from augpipe.train.config import ModelConfig
from augpipe.train.models import build_model, known_models


def build(name, num_classes=10):
    torch.manual_seed(0)
    return build_model(ModelConfig(name=name), num_classes)


@pytest.mark.parametrize("name", ["small_cnn", "fast_cnn"])
@pytest.mark.parametrize("size", [(8, 8), (28, 28), (33, 47)])
def test_our_small_networks_take_any_size(size, name):
    logits = build(name, num_classes=7)(torch.randn(2, 3, *size))
    assert logits.shape == (2, 7)


@pytest.mark.parametrize("name", ["small_cnn", "fast_cnn"])
def test_our_small_networks_learn_a_batch_by_heart(name):
    model = build(name)
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


def test_convnet_is_built_as_the_recipe_says():
    config = ModelConfig(name="convnet", convnet={"widths": [4, 6], "depths": [1, 1]})
    assert build_model(config, 3).head.in_features == 6
    assert build("convnet")(torch.randn(2, 3, 8, 8)).shape == (2, 10)


def test_torchvisions_models_take_options():
    config = ModelConfig(name="squeezenet1_1", options={"dropout": 0.25})
    assert build_model(config, 3).classifier[0].p == 0.25
    with pytest.raises(RecipeError, match=r"train.model.options: squeezenet1_1 says: .*'drop'"):
        build_model(ModelConfig(name="squeezenet1_1", options={"drop": 0.25}), 3)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"name": "resnet18", "convnet": {}}, "convnet is for name: convnet"),
        ({"name": "convnet", "options": {"block": "plain"}}, "write them under convnet"),
        ({"name": "small_cnn", "options": {"widths": 3}}, "options are for models of torchvision"),
    ],
)
def test_options_of_other_models_are_refused(values, says):
    with pytest.raises(RecipeError, match=says):
        check(ModelConfig, values)


def test_timm_builds_its_models(monkeypatch):
    def create_model(name, num_classes, **options):
        return (name, num_classes, options)

    def list_models():
        return ["resnet18d"]

    timm = SimpleNamespace(create_model=create_model, list_models=list_models)
    monkeypatch.setitem(sys.modules, "timm", timm)
    config = ModelConfig(name="timm.resnet18d", options={"drop_path_rate": 0.1})
    assert build_model(config, 3) == ("resnet18d", 3, {"drop_path_rate": 0.1})
    with pytest.raises(RecipeError, match=r"unknown model 'resnet18b'; did you mean 'resnet18d'"):
        build("timm.resnet18b")


def test_without_timm_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(RecipeError, match=r"pip install 'augpipe\[timm\]'"):
        build("timm.resnet18")
