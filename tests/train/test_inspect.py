import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from augpipe.errors import RecipeError
from augpipe.train.config.model import ConvNetConfig
from augpipe.train.inspect import inspect
from augpipe.train.nets.small import ConvNet

loss = functional.cross_entropy


def batch():
    torch.manual_seed(0)
    return torch.randn(4, 3, 16, 16), torch.arange(4) % 3


def test_each_layer_is_a_picture_and_the_gradients_one_more(tmp_path):
    images, labels = batch()
    model = ConvNet(3, ConvNetConfig(widths=(4, 6), depths=(1, 1)))
    made = inspect(model, images, labels, loss, ["stages.*", "head"], tmp_path / "inspect")
    names = [path.name for path in made]
    assert names == ["stages.0.png", "stages.1.png", "head.png", "gradients.png"]
    assert sorted(names) == sorted(path.name for path in (tmp_path / "inspect").iterdir())
    for path in made:
        with Image.open(path) as picture:
            assert picture.width > 1000
            assert picture.getextrema()[0][0] == 0  # something was drawn


def test_dead_layers_and_frozen_models_are_drawn_too(tmp_path):
    images, labels = batch()
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(392, 3))
    nn.init.zeros_(model[0].weight)
    nn.init.constant_(model[0].bias, -1)
    assert inspect(model, images, labels, loss, ["1"], tmp_path)[0].exists()
    model.requires_grad_(False)
    assert inspect(model, images, labels, loss, ["1"], tmp_path)[1].exists()


def test_an_unknown_layer_draws_nothing(tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
    with pytest.raises(RecipeError, match="the model has no layer 'layer3'"):
        inspect(model, *batch(), loss, ["layer3"], tmp_path / "inspect")
    assert not (tmp_path / "inspect").exists()
