import pytest
import torch
from torch import nn
from torch.nn import functional

from augpipe.errors import RecipeError, TrainError
from augpipe.train.hooks import find_layers, gradient_norms, observe, outputs_of, statistics

loss = functional.cross_entropy


def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 3, 8, 8, generator=generator), torch.arange(6) % 3


def hooks(model):
    return sum(len(module._forward_hooks) for module in model.modules())


def test_layers_are_found_by_name_and_by_pattern(net):
    model = nn.ModuleDict({"body": net, "head": nn.Linear(3, 3)})
    assert find_layers(model, ["head"]) == ["head"]
    assert find_layers(model, ["head", "body.[01]"]) == ["body.0", "body.1", "head"]
    assert find_layers(model, ["*"]) == ["body", "head"]
    with pytest.raises(RecipeError, match=r"no layer 'heat'; did you mean 'head'\?"):
        find_layers(model, ["head", "heat"])


def test_outputs_are_what_the_layer_said_before_the_next_changed_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten())
    images = batch()[0]
    with outputs_of(model, ["0", "1"]) as kept:
        logits = model(images)
    assert torch.equal(kept["0"], model[0](images))
    assert torch.equal(kept["1"], kept["0"].relu())
    assert torch.equal(logits, kept["1"].flatten(1))


def test_hooks_are_gone_afterwards_also_after_an_exception(net):
    with outputs_of(net, ["0", "2"]):
        assert hooks(net) == 2
    with pytest.raises(KeyboardInterrupt), outputs_of(net, ["0"]):
        raise KeyboardInterrupt
    assert hooks(net) == 0
    with pytest.raises(RuntimeError):
        observe(net, torch.zeros(2, 5, 8, 8), batch()[1][:2], loss, ["0"])
    assert hooks(net) == 0
    assert net.training


def test_a_layer_that_puts_out_no_tensor_is_named():
    model = nn.Sequential(nn.LSTM(3, 4))
    with pytest.raises(TrainError, match="layer 0 puts out a tuple"), outputs_of(model, ["0"]):
        model(torch.zeros(2, 1, 3))


def test_gradients_are_those_of_backward(net):
    images, labels = batch()
    observed = observe(net, images, labels, loss, ["0", "2"])
    net.eval()
    middle = net[0](images)
    middle.retain_grad()
    loss(net[1:](middle), labels).backward()
    torch.testing.assert_close(observed.outputs["0"], middle.detach())
    torch.testing.assert_close(observed.gradients["0"], middle.grad)
    assert list(observed.outputs) == list(observed.gradients) == ["0", "2"]
    for name, norm in observed.norms.items():
        parts = [p.grad.flatten() for p in net.get_submodule(name).parameters()]
        assert norm == pytest.approx(float(torch.cat(parts).norm()), rel=1e-5)
    assert list(observed.norms) == ["0", "1", "5"]


def test_observing_leaves_no_trace(net):
    images, labels = batch()
    loss(net(images), labels).backward()
    net[1].eval()
    gradients = [p.grad.clone() for p in net.parameters()]
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    rng = torch.get_rng_state()
    with torch.no_grad():
        observed = observe(net, images, labels, loss, ["2"])
    assert torch.equal(torch.get_rng_state(), rng)
    assert net.training
    assert not net[1].training
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), gradients, strict=True))
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert not images.requires_grad
    assert not observed.outputs["2"].requires_grad


def test_frozen_layers_have_gradients_of_outputs_and_none_of_parameters(net):
    net.requires_grad_(False)
    observed = observe(net, *batch(), loss, ["0"])
    assert observed.gradients["0"].abs().max() > 0
    assert observed.norms == {}


def test_norms_are_over_all_parameters_of_a_layer():
    gradients = {"a.weight": torch.tensor([[3.0]]), "a.bias": torch.tensor([4.0])}
    norms = gradient_norms(gradients | {"a.b.weight": torch.zeros(2), "scale": torch.ones(4)})
    assert norms == {"a": 5.0, "a.b": 0.0, "": 2.0}


def test_statistics():
    output = torch.zeros(2, 4, 1, 2)
    output[0, 1] = torch.tensor([1.0, -1.0])
    output[:, 2] = 3.0
    numbers = statistics(output)
    assert numbers.mean == pytest.approx(12 / 16)
    assert numbers.std == pytest.approx((38 / 16 - (12 / 16) ** 2) ** 0.5)
    assert (numbers.zeros, numbers.dead) == (10 / 16, 0.5)
    assert statistics(torch.tensor([[0.0, 1.0], [0.0, 2.0]])).dead == 0.5
