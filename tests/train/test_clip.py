import pytest
import torch
from torch import nn

from augpipe.train.clip import adaptively, build_clip, by_norm, by_value, last_linear
from augpipe.train.config import ClipConfig


def make(scale=1.0):
    """A convolution and a linear layer with gradients of that size."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 4))
    for parameter in net.parameters():
        parameter.grad = scale * torch.randn_like(parameter)
    return net


def clip(net, way):
    parameters = list(net.parameters())
    way(parameters, nn.utils.get_total_norm([parameter.grad for parameter in parameters]))
    return [parameter.grad.clone() for parameter in parameters]


@pytest.mark.parametrize("largest", [0.1, 1e6])
def test_by_norm_is_torchs(largest):
    net, twin = make(), make()
    nn.utils.clip_grad_norm_(twin.parameters(), largest)
    for mine, other in zip(clip(net, by_norm(largest)), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, other.grad)


@pytest.mark.parametrize("largest", [0.1, 1e6])
def test_by_value_is_a_clamp(largest):
    net, before = make(), [parameter.grad.clone() for parameter in make().parameters()]
    for mine, other in zip(clip(net, by_value(largest)), before, strict=True):
        assert torch.equal(mine, other.clamp(-largest, largest))


@pytest.mark.parametrize("share", [0.01, 0.5, 1e6])
def test_adaptive_clipping_is_the_papers_equation_row_by_row(share):
    net, twin = make(), make()
    for mine, parameter in zip(clip(net, adaptively(share)), twin.parameters(), strict=True):
        rows = range(len(parameter)) if parameter.ndim > 1 else [slice(None)]
        for row in rows:  # brute force: Brock et al., 2021, eq. 3
            gradient = parameter.grad[row]
            largest = share * max(parameter[row].norm().item(), 1e-3)
            expected = gradient * min(1.0, largest / gradient.norm().item())
            torch.testing.assert_close(mine[row], expected)


def test_weights_of_zero_may_still_move():
    net = make()
    net[0].weight.data.zero_()
    clip(net, adaptively(0.1))
    assert net[0].weight.grad[0].norm().item() == pytest.approx(1e-4)


def test_gradients_of_zero_and_none_stay():
    net = make(scale=0.0)
    net[0].bias.grad = None
    adaptively(0.1)(list(net.parameters()), torch.tensor(0.0))
    assert net[0].bias.grad is None
    assert not net[0].weight.grad.any()


def test_the_last_linear_layer_is_left_out_of_adaptive_clipping():
    net, before = make(), make()
    grads = clip(net, build_clip(ClipConfig(adaptive=0.01), net))
    for mine, parameter in zip(grads[2:], before[2].parameters(), strict=True):
        assert torch.equal(mine, parameter.grad)
    assert not torch.equal(grads[0], before[0].weight.grad)
    assert last_linear(nn.Conv2d(1, 1, 1)) == []


@pytest.mark.parametrize(
    ("config", "way"),
    [({"norm": 0.5}, by_norm(0.5)), ({"value": 0.5}, by_value(0.5))],
)
def test_a_recipe_names_the_way(config, way):
    net, twin = make(), make()
    built = build_clip(ClipConfig(**config), net)
    assert all(map(torch.equal, clip(net, built), clip(twin, way)))
    assert build_clip(None, net) is None
