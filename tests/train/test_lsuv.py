import pytest
import torch
from torch import nn

from augpipe.errors import TrainError
from augpipe.train.config.init import LsuvConfig
from augpipe.train.lsuv import lsuv


class Branches(nn.Module):
    """Layers that run in another order than they are defined in; one of them twice, one never."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(8, 2)
        self.unused = nn.Linear(3, 3)
        self.drop = nn.Dropout(0.9)
        self.norm = nn.BatchNorm2d(4)
        self.twice = nn.Conv2d(4, 4, 3, padding=1)
        self.first = nn.Conv2d(3, 4, 3)

    def forward(self, images):
        seen = self.norm(self.first(images)).relu()
        seen = self.drop(self.twice(self.twice(seen).relu()))
        return self.last(seen[..., :2, :1].flatten(1))


def images():
    return 5 + 3 * torch.randn(16, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def by_hand(layers, batch):
    """Algorithm 1 of the paper on layers in a row."""
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(layer.weight)
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            for _ in range(10):
                variance = layer(batch).var(correction=0)
                if (variance - 1).abs() < 0.01:
                    break
                layer.weight.data /= variance.sqrt()
        batch = layer(batch)


@torch.no_grad()
def test_it_is_the_algorithm_of_the_paper(assert_same):
    nets = []
    for _ in range(2):
        torch.manual_seed(0)
        nets.append(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 5)))
        torch.manual_seed(1)
        if len(nets) == 1:
            variances = lsuv(nets[0], images(), LsuvConfig(tolerance=0.01))
        else:
            by_hand(nets[1], images())
    torch.testing.assert_close(nets[0].state_dict(), nets[1].state_dict())
    assert list(variances) == ["0", "3"]
    assert list(variances.values()) == pytest.approx([1, 1], abs=0.01)


def test_the_layout_in_memory_does_not_matter():
    nets = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        nets.append(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 5, 2)))
        lsuv(nets[-1].to(memory_format=layout), images())
    torch.testing.assert_close(nets[0].state_dict(), nets[1].state_dict())


def test_layers_come_in_the_order_of_the_data_and_nothing_else_changes():
    model = Branches()
    unused = model.unused.weight.detach().clone()
    modes = [module.training for module in model.modules()]
    variances = lsuv(model, images(), LsuvConfig(tolerance=0.01))
    assert list(variances) == ["first", "twice", "last"]
    assert list(variances.values()) == pytest.approx([1, 1, 1], abs=0.01)
    assert torch.equal(model.unused.weight, unused)
    assert [module.training for module in model.modules()] == modes
    assert model.norm.num_batches_tracked == 0
    assert not any(module._forward_hooks for module in model.modules())
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_scaled_weights_stay_orthogonal():
    model = nn.Sequential(nn.Flatten(), nn.Linear(108, 10, bias=False))
    lsuv(model, images())
    gram = model[1].weight @ model[1].weight.T
    torch.testing.assert_close(gram / gram[0, 0], torch.eye(10), atol=1e-5, rtol=0)


def test_it_stops_after_so_many_tries():
    model = nn.Sequential(nn.Flatten(), nn.Linear(108, 10))
    (variance,) = lsuv(model, images(), LsuvConfig(tolerance=1e-12, max_tries=1)).values()
    assert variance == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_an_output_that_does_not_vary_is_refused(value):
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU())
    with pytest.raises(TrainError, match="the output of 0 has variance"):
        lsuv(model, torch.full((2, 3, 6, 6), value))
