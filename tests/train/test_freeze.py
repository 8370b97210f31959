import pytest
import torch
from torch import nn

from augpipe.errors import RecipeError
from augpipe.train.config.optimizer import SgdConfig
from augpipe.train.freeze import freeze, train_mode
from augpipe.train.optim import build_optimizer
from augpipe.train.patterns import matches


def model():
    block = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout())
    return nn.Sequential(block, nn.BatchNorm2d(4, affine=False), nn.Conv2d(4, 2, 1))


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("layer1.0.conv.weight", "layer1", True),
        ("layer1.0.conv.weight", "layer1.*.conv", True),
        ("layer1.0.conv.weight", "*.weight", True),
        ("layer10.0.conv.weight", "layer1", False),
        ("layer1.0.conv.weight", "conv", False),
        ("fc.bias", "fc.weight", False),
    ],
)
def test_patterns_name_whole_parts(name, pattern, expected):
    assert matches(name, pattern) is expected


def test_frozen_parts_neither_learn_nor_collect():
    net = model()
    norms = freeze(net, ["0", "1"])
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    optimizer = build_optimizer(SgdConfig(name="sgd", lr=0.1, weight_decay=0.1), net)
    train_mode(net, norms)
    net(torch.randn(4, 3, 2, 2)).sum().backward()
    optimizer.step()
    changed = {n for n, tensor in net.state_dict().items() if not torch.equal(tensor, before[n])}
    assert changed == {"2.weight", "2.bias"}
    assert net[0][2].training, "dropout goes on"


def test_the_norms_of_parts_that_learn_are_in_train_mode():
    net = model()
    train_mode(net, freeze(net, ["0.0"]))
    assert all(module.training for module in net.modules())


def test_a_pattern_that_names_nothing_is_refused_with_the_nearest():
    with pytest.raises(RecipeError, match=r"train\.freeze: .* 'stm'; did you mean 'stem'"):
        freeze(nn.ModuleDict({"stem": nn.Linear(1, 1)}), ["stm"])
