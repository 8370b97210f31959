import pytest
import torch
from torch import nn

from augpipe.train.precision import Precision

CPU = torch.device("cpu")


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Linear(3, 2)


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_layers_compute_in_it(layer, name):
    with Precision(name, CPU).autocast():
        assert layer(torch.ones(1, 3)).dtype == getattr(torch, name)


def test_half_precision_scales_the_loss_and_unscales_the_gradients(layer):
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, fused=True)
    precision = Precision("float16", CPU)
    precision.backward(layer(torch.ones(1, 3)).sum())
    assert torch.equal(layer.bias.grad, torch.full((2,), 65536.0))
    precision.unscale(optimizer)
    assert torch.equal(layer.bias.grad, torch.ones(2))


def test_an_overflow_halves_the_scale_which_is_saved_and_restored(layer):
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, fused=True)
    precision = Precision("float16", CPU)
    precision.backward(layer(torch.full((1, 3), torch.inf)).sum())
    precision.unscale(optimizer)
    precision.update()
    state = precision.state_dict()
    assert state["scale"] == 32768.0
    other = Precision("float16", CPU)
    other.load_state_dict(state)
    assert other.state_dict() == state
    other.backward(layer(torch.ones(1, 3)).sum())
    assert other.state_dict() == state


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_others_have_nothing_to_scale(layer, name):
    precision = Precision(name, CPU)
    precision.backward(layer(torch.ones(1, 3)).sum())
    assert torch.equal(layer.bias.grad, torch.ones(2))
    assert precision.state_dict() == {}
    precision.load_state_dict({})
