import pytest
import torch
from torch.nn import functional

from augpipe.train.awp import perturbed

loss = functional.cross_entropy


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 3, 8, 8, generator=generator), torch.arange(6) % 3


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(state, other):
    return all(torch.equal(tensor, other[name]) for name, tensor in state.items())


def test_weights_move_by_their_own_norm_up_the_gradient(net, batch):
    net.eval()
    before = dict(net.named_parameters())
    kept = {name: p.detach().clone() for name, p in before.items()}
    gradients = torch.autograd.grad(loss(net(batch[0]), batch[1]), list(before.values()))
    with perturbed(net, *batch, loss, gamma=0.02):
        for (name, weight), gradient in zip(before.items(), gradients, strict=True):
            if weight.ndim > 1:
                step = 0.02 * kept[name].norm() * gradient / gradient.norm()
                torch.testing.assert_close(weight - kept[name], step, rtol=1e-4, atol=1e-7)
            else:
                assert torch.equal(weight, kept[name])


def test_the_loss_is_higher_there_than_anywhere_near(net, batch):
    """No random direction of the same size does as much harm to a nearly linear loss."""
    net.eval()
    weights = [p for p in net.parameters() if p.ndim > 1]
    torch.manual_seed(0)
    with perturbed(net, *batch, loss, gamma=0.01), torch.no_grad():
        worst = loss(net(batch[0]), batch[1])
    kept = [w.detach().clone() for w in weights]
    for _ in range(20):
        with torch.no_grad():
            for weight, before in zip(weights, kept, strict=True):
                noise = torch.randn_like(weight)
                weight.copy_(before + 0.01 * before.norm() * noise / noise.norm())
            assert loss(net(batch[0]), batch[1]) < worst


def test_weights_are_back_to_the_bit(net, batch):
    net.eval()
    before = snapshot(net)
    with perturbed(net, *batch, loss, gamma=0.3):
        assert not same(snapshot(net), before)
    assert same(snapshot(net), before)


def test_weights_are_back_after_an_exception(net, batch):
    before = snapshot(net)
    with pytest.raises(KeyboardInterrupt), perturbed(net, *batch, loss):
        raise KeyboardInterrupt
    assert same(snapshot(net), before)


def test_looking_for_the_direction_leaves_no_trace(net, batch):
    before = snapshot(net)
    with perturbed(net, *batch, loss):
        assert same({n: b.clone() for n, b in net.named_buffers()}, before)
        assert net[1].num_batches_tracked == 0
    assert net.training
    assert all(p.grad is None for p in net.parameters())


def test_gradients_are_those_at_the_perturbed_weights(net, batch):
    net.eval()
    with perturbed(net, *batch, loss, gamma=0.1):
        loss(net(batch[0]), batch[1]).backward()
        there = torch.autograd.grad(loss(net(batch[0]), batch[1]), list(net.parameters()))
    here = torch.autograd.grad(loss(net(batch[0]), batch[1]), list(net.parameters()))
    found = [p.grad for p in net.parameters()]
    assert all(map(torch.equal, found, there))
    assert not any(map(torch.equal, found, here))


def test_a_weight_without_a_gradient_stays(net, batch):
    frozen, idle = net[0].weight.requires_grad_(False), torch.nn.Linear(3, 3)
    net.idle, net.zero = idle, torch.nn.Parameter(torch.zeros(3, 3))
    net.forward = lambda images: torch.nn.Sequential(*list(net)[:6])(images) + net.zero.sum() * 0
    before = [frozen.clone(), idle.weight.clone()]
    with perturbed(net, *batch, loss, gamma=0.1):
        assert torch.equal(net[0].weight, before[0])
        assert torch.equal(idle.weight, before[1])
        assert torch.equal(net.zero, torch.zeros(3, 3))
        assert loss(net(batch[0]), batch[1]).isfinite()
