import pytest
import torch
from torch import nn

from augpipe.errors import RecipeError
from augpipe.schema import check
from augpipe.train.config.model import ConvNetConfig
from augpipe.train.nets.attention import ATTENTIONS
from augpipe.train.nets.blocks import SINGLE_PATHS, ResidualBlock
from augpipe.train.nets.drop_path import DropPath
from augpipe.train.nets.reparam import BranchedConv
from augpipe.train.nets.small import ConvNet

BLOCKS = ["residual", *SINGLE_PATHS]


def convnet(**options):
    torch.manual_seed(0)
    return ConvNet(7, ConvNetConfig(**options))


def count(model, kind):
    return sum(isinstance(module, kind) for module in model.modules())


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("attention", [None, *ATTENTIONS])
def test_every_combination_maps_any_picture_to_logits_and_learns(block, attention):
    model = convnet(block=block, attention=attention, widths=(8, 12), depths=(1, 2))
    for size in ((16, 16), (9, 13)):
        assert model(torch.randn(2, 3, *size)).shape == (2, 7)
    model(torch.randn(2, 3, 8, 8)).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    gates = tuple(ATTENTIONS.values())
    assert count(model, gates) == (3 if attention else 0)


def test_every_stage_but_the_first_halves():
    model = convnet(widths=(4, 6, 8), depths=(2, 1, 2))
    sizes = []
    for stage in model.stages:
        stage.register_forward_hook(lambda *call: sizes.append(tuple(call[2].shape[1:])))
    model(torch.randn(1, 3, 16, 20))
    assert sizes == [(4, 16, 20), (6, 8, 10), (8, 4, 5)]
    assert [len(stage) for stage in model.stages] == [2, 1, 2]


def test_paths_are_dropped_more_often_the_deeper_they_lie():
    model = convnet(widths=(4, 6), depths=(1, 3), drop_path=0.2)
    rates = [module.rate for module in model.modules() if isinstance(module, DropPath)]
    assert rates == pytest.approx([0.05, 0.1, 0.15, 0.2])


def test_a_dropped_path_leaves_the_shortcut():
    block = ResidualBlock(4, 6, stride=2, attention="se", drop_path=1.0)
    given = torch.randn(2, 4, 8, 8)
    assert torch.equal(block(given), block.shortcut(given).relu())


def test_a_block_that_changes_nothing_in_shape_has_the_identity_beside_it():
    assert isinstance(ResidualBlock(4, 4).shortcut, nn.Identity)
    assert len(ResidualBlock(4, 6).shortcut) == 3
    assert isinstance(ResidualBlock(4, 4, stride=2).shortcut[0], nn.AvgPool2d)


def test_dropout_drops_before_the_head_in_training_only():
    model, given = convnet(dropout=1.0), torch.randn(2, 3, 8, 8)
    assert torch.equal(model(given), model.head.bias.expand(2, 7))
    assert not torch.equal(model.eval()(given), model.head.bias.expand(2, 7))


def test_blocks_have_the_convolutions_they_are_named_for():
    assert count(convnet(block="repvgg"), BranchedConv) == 3
    assert count(convnet(block="plain"), BranchedConv) == 0
    assert count(convnet(block="plain"), nn.Conv2d) == 1 + 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"widths": [4, 8], "depths": [1]}, "widths names 2 stages, but depths 1"),
        ({"block": "repvgg", "drop_path": 0.1}, "repvgg blocks have none"),
        ({"block": "resnet"}, "block: should be 'plain', 'residual', 'repvgg' or 'acnet'"),
        ({"attention": "sa"}, "attention: should be 'se', 'cbam', 'eca' or 'coordinate'"),
        ({"widths": []}, "widths: "),
        ({"depth": [1]}, "depth: unknown key; did you mean 'depths'"),
    ],
)
def test_what_does_not_fit_is_refused(options, says):
    with pytest.raises(RecipeError, match=says):
        check(ConvNetConfig, options)


def test_the_config_knows_the_same_names():
    fields = ConvNetConfig.model_json_schema()["properties"]
    assert fields["block"]["enum"] == ["plain", "residual", "repvgg", "acnet"]
    assert set(BLOCKS) == set(fields["block"]["enum"])
    assert set(ATTENTIONS) == set(fields["attention"]["anyOf"][0]["enum"])
