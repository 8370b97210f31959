import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from augpipe.train.ema import Ema

YES, NO = torch.tensor(True), torch.tensor(False)


def walk(model, ema, taken=(YES,) * 30):
    """Move the live weights and update; yields the live and the averaged weight of the time."""
    generator = torch.Generator().manual_seed(0)
    for flag in taken:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += torch.randn(parameter.shape, generator=generator)
        ema.update(flag)
        yield model.weight.detach().clone(), ema.averaged().weight.clone()


def test_average_follows_the_recursion_with_a_warm_decay():
    model = nn.Linear(3, 2)
    expected = model.weight.detach().clone()
    for t, (live, average) in enumerate(walk(model, Ema(model, decay=0.5))):
        decay = min(0.5, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * live
        torch.testing.assert_close(average, expected)


def test_a_skipped_step_neither_moves_nor_warms_the_average():
    model = nn.Linear(3, 2)
    ema = Ema(model, decay=0.9)
    list(walk(model, ema, (YES, YES)))
    before = ema.averaged().weight.clone()
    list(walk(model, ema, (NO, NO)))
    assert torch.equal(ema.averaged().weight, before)
    assert ema.updates == 2


def test_buffers_are_the_live_ones_of_the_moment():
    model = nn.BatchNorm2d(3)
    ema = Ema(model, decay=0.9)
    model(torch.randn(4, 3, 2, 2))
    assert torch.equal(ema.averaged().running_mean, model.running_mean)
    assert ema.state_dict()["num_batches_tracked"] == 1


def test_the_average_is_frozen_in_eval_mode_and_its_own():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    average = Ema(model, decay=0.9).averaged()
    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert not any(module.training for module in average.modules())
    assert all(module.training for module in model.modules())
    assert average[0].weight.data_ptr() != model[0].weight.data_ptr()


def test_a_restored_average_goes_on_as_if_never_stopped():
    model = nn.Linear(3, 2)
    ema = Ema(model, decay=0.9)
    list(walk(model, ema, (YES,) * 5))
    restored = Ema(model, decay=0.9)
    restored.load_state_dict(ema.state_dict(), int(ema.updates))
    model.requires_grad_(False).weight.add_(1)
    ema.update(YES)
    restored.update(YES)
    assert torch.equal(ema.averaged().weight, restored.averaged().weight)


def test_without_warmup_the_decay_is_the_same_from_the_start():
    model = nn.Linear(3, 2)
    expected = model.weight.detach().clone()
    for live, average in walk(model, Ema(model, decay=0.5, warmup=False)):
        expected = 0.5 * expected + 0.5 * live
        torch.testing.assert_close(average, expected)


def test_it_is_torchs_average_where_torch_has_one():
    model = nn.Linear(3, 2)
    torchs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.8))
    ema = Ema(model, decay=0.8, warmup=False)
    torchs.update_parameters(model)  # which copies, the first time
    for _ in walk(model, ema):
        torchs.update_parameters(model)
    torch.testing.assert_close(ema.state_dict(), torchs.module.state_dict())


def test_buffers_may_be_averaged_as_weights_are():
    model = nn.BatchNorm2d(3)
    ema = Ema(model, decay=0.5, warmup=False, buffers="ema")
    expected = model.running_mean.clone()
    for step, taken in enumerate((YES, NO, YES)):
        model(torch.full((4, 3, 2, 2), float(step)))
        ema.update(taken)
        expected += taken * 0.5 * (model.running_mean - expected)
    torch.testing.assert_close(ema.averaged().running_mean, expected)
    assert ema.averaged().num_batches_tracked == 3


@pytest.mark.parametrize("taken", [YES, NO])
def test_spoilt_statistics_do_not_reach_the_average(taken):
    model = nn.BatchNorm2d(3)
    ema = Ema(model, decay=0.5, buffers="ema")
    model(torch.randn(4, 3, 2, 2))
    ema.update(YES)
    before = ema.averaged().running_var.clone()
    model.running_var.fill_(torch.nan)
    ema.update(taken)
    assert torch.equal(ema.averaged().running_var, before)


def test_the_average_can_be_applied_and_the_live_weights_restored(assert_same):
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    ema = Ema(model, decay=0.5, buffers="ema")
    model(torch.randn(4, 3))
    with torch.no_grad():
        model[0].weight.add_(1)
    ema.update(YES)
    live = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    average = {name: tensor.clone() for name, tensor in ema.state_dict().items()}
    with ema.applied() as applied:
        assert applied is model
        assert_same(dict(model.state_dict()), average)
        for act in (ema.apply, ema.averaged, lambda: ema.update(YES)):
            with pytest.raises(RuntimeError, match=r"call restore\(\) first"):
                act()
    assert_same(dict(model.state_dict()), live)
    assert_same(dict(ema.state_dict()), average)
    with pytest.raises(RuntimeError, match=r"call apply\(\) first"):
        ema.restore()


def test_live_weights_come_back_after_an_error():
    model = nn.Linear(3, 2)
    ema = Ema(model, decay=0.5)
    *_, (live, _) = walk(model, ema)
    with pytest.raises(ZeroDivisionError), ema.applied():
        raise ZeroDivisionError
    assert torch.equal(model.weight, live)
