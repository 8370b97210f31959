import torch
from torch import nn

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
