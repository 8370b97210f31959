import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

from augpipe.errors import StateError
from augpipe.train import checkpoint
from augpipe.train.averaging import Swa, average_checkpoints, recompute_norms
from augpipe.train.config.average import SwaConfig


def convnet(**options):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, **options), nn.ReLU(), nn.Conv2d(4, 2, 1)
    )


def batches(count=5):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(6, 3, 4, 4, generator=generator) + k for k in range(count)]


def wander(model, epochs):
    generator = torch.Generator().manual_seed(1)
    for epoch in range(1, epochs + 1):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator))
        yield epoch


def test_swa_is_torchs_from_its_first_epoch_on():
    model = convnet()
    swa, torchs = Swa(model, SwaConfig(start_epoch=3)), AveragedModel(model)
    for epoch in wander(model, 7):
        assert swa.update(epoch) == (epoch >= 3)
        if epoch >= 3:
            torchs.update_parameters(model)
    torch.testing.assert_close(swa.average.state_dict(), torchs.module.state_dict())
    assert swa.count == 5


def test_swa_is_the_mean_of_the_epochs_that_count():
    model = convnet()
    swa = Swa(model, SwaConfig(start_epoch=2, every_epochs=3))
    weights = {}
    for epoch in wander(model, 9):
        swa.update(epoch)
        weights[epoch] = model[0].weight.detach().clone()
    expected = (weights[2] + weights[5] + weights[8]) / 3
    torch.testing.assert_close(swa.average[0].weight, expected)
    assert not any(parameter.requires_grad for parameter in swa.average.parameters())


def test_swa_goes_on_where_it_was_stopped(tmp_path, assert_same):
    model = convnet()
    whole, resumed = (Swa(model, SwaConfig(start_epoch=1)) for _ in range(2))
    for epoch in wander(model, 6):
        whole.update(epoch)
        if epoch == 3:
            torch.save(whole.state_dict(), tmp_path / "swa.pt")
            resumed.load_state_dict(torch.load(tmp_path / "swa.pt", weights_only=True))
        if epoch > 3:
            resumed.update(epoch)
    assert_same(whole.state_dict(), resumed.state_dict())


@pytest.mark.parametrize("momentum", [0.1, 0.9, None])
def test_norms_get_the_statistics_that_torch_gives_them(momentum):
    ours, theirs = convnet(momentum=momentum), convnet(momentum=momentum)
    ours(torch.full((2, 3, 4, 4), 100.0))  # what was collected before must not count
    ours.eval()
    recompute_norms(ours, batches())
    update_bn(batches(), theirs)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    assert ours[1].momentum == momentum
    assert not any(module.training for module in ours.modules())


def test_one_batch_gives_its_own_statistics():
    model = convnet()
    (images,) = batches(1)
    recompute_norms(model, [images])
    seen = model[0](images).detach()
    torch.testing.assert_close(model[1].running_mean, seen.mean((0, 2, 3)))
    torch.testing.assert_close(model[1].running_var, seen.var((0, 2, 3)))


def test_dropout_draws_nothing_while_norms_are_recomputed():
    model = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(3))
    (images,) = batches(1)
    recompute_norms(model, [images])
    torch.testing.assert_close(model[1].running_mean, images.mean((0, 2, 3)))
    assert model[0].training


def test_frozen_norms_are_left_alone():
    model = convnet()
    recompute_norms(model, batches(), keep=[model[1]])
    assert model[1].num_batches_tracked == 0
    assert torch.equal(model[1].running_mean, torch.zeros(4))


def test_momentum_comes_back_after_an_error():
    model = convnet()
    with pytest.raises(RuntimeError):
        recompute_norms(model, [torch.zeros(1, 5, 2, 2)])
    assert model[1].momentum == 0.1
    assert model.training


def write(path, model, ema=None):
    state = dict.fromkeys(checkpoint.State.__required_keys__, 0)
    weights = {"model": model.state_dict(), "ema": ema and ema.state_dict()}
    checkpoint.save(path, state | weights | {"version": checkpoint.VERSION})
    return path


def test_checkpoints_are_averaged_by_weight(tmp_path):
    model, paths, weights = convnet(), [], []
    for epoch in wander(model, 3):
        model(batches(1)[0])
        paths.append(write(tmp_path / f"{epoch}.pt", model))
        weights.append(model[0].weight.detach().clone())
    mean = average_checkpoints(paths, [1, 2, 5])
    torch.testing.assert_close(mean["0.weight"], (weights[0] + 2 * weights[1] + 5 * weights[2]) / 8)
    assert mean["1.num_batches_tracked"] == 3
    convnet().load_state_dict(mean)
    alike = average_checkpoints(paths)["0.weight"]
    torch.testing.assert_close(alike, sum(weights) / 3)


def test_a_checkpoint_averaged_with_itself_is_itself(tmp_path, assert_same):
    model = convnet()
    path = write(tmp_path / "a.pt", model)
    assert_same(average_checkpoints([path] * 3, [0.1, 0.2, 0.7]), dict(model.state_dict()))


def test_moving_averages_can_be_averaged(tmp_path):
    path = write(tmp_path / "a.pt", convnet(), ema=convnet(momentum=0.3).requires_grad_(False))
    assert average_checkpoints([path], key="ema").keys() == convnet().state_dict().keys()
    with pytest.raises(StateError, match="holds no moving average"):
        average_checkpoints([write(tmp_path / "b.pt", convnet())], key="ema")


def test_checkpoints_of_different_models_are_refused(tmp_path):
    one = write(tmp_path / "one.pt", convnet())
    other = write(tmp_path / "other.pt", nn.Sequential(nn.Conv2d(3, 5, 1)))
    with pytest.raises(StateError, match=r"other model than .*: 0.bias, 0.weight, 1.bias differ"):
        average_checkpoints([one, other])


@pytest.mark.parametrize("weights", [[1], [1, -1]])
def test_weights_that_fit_no_mean_are_refused(tmp_path, weights):
    paths = [write(tmp_path / "a.pt", convnet())] * 2
    with pytest.raises(ValueError, match="2 checkpoints"):
        average_checkpoints(paths, weights)
    with pytest.raises(ValueError, match="0 checkpoints"):
        average_checkpoints([])
