import math
from typing import get_args

import pytest
import torch

from augpipe.train.config import (
    ConstantConfig,
    CosineConfig,
    ScheduleConfig,
    Section,
    StepConfig,
    WarmupCosineConfig,
)
from augpipe.train.schedule import Clock, lr_factor

CLOCK = Clock(total_steps=60, steps_per_epoch=12)
EXAMPLES = [
    ConstantConfig(name="constant"),
    CosineConfig(name="cosine"),
    CosineConfig(name="cosine", final=0.1),
    WarmupCosineConfig(name="warmup_cosine"),
    WarmupCosineConfig(name="warmup_cosine", warmup_epochs=0.3, final=0.05),
    StepConfig(name="step", every_epochs=2, gamma=0.3),
]


def curve(schedule, clock=CLOCK):
    return [lr_factor(schedule, step, clock) for step in range(clock.total_steps)]


def torch_curve(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(CLOCK.total_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_every_schedule_of_the_recipe_has_a_function_and_an_example():
    configs = set(get_args(get_args(ScheduleConfig)[0]))
    assert configs == {type(example) for example in EXAMPLES}
    assert configs <= set(lr_factor.registry)


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_factors_are_above_zero_and_at_most_one(schedule):
    assert all(0 < factor <= 1 for factor in curve(schedule))


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_cosine_is_torchs(final):
    def annealing(optimizer):
        return torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, CLOCK.total_steps, eta_min=final
        )

    ours = curve(CosineConfig(name="cosine", final=final))
    assert ours == pytest.approx(torch_curve(annealing), abs=1e-12)


def test_step_is_torchs():
    def decay(optimizer):
        return torch.optim.lr_scheduler.StepLR(optimizer, 2 * CLOCK.steps_per_epoch, gamma=0.3)

    ours = curve(StepConfig(name="step", every_epochs=2, gamma=0.3))
    assert ours == pytest.approx(torch_curve(decay))


def test_warmup_is_a_straight_ramp_to_the_peak_and_then_a_cosine():
    factors = curve(WarmupCosineConfig(name="warmup_cosine", warmup_epochs=1, final=0.2))
    assert factors[:12] == pytest.approx([(step + 1) / 12 for step in range(12)])
    assert factors[12] == 1
    assert factors[36] == pytest.approx(0.6)  # half way down from 1 to 0.2
    assert factors[-1] == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi * 47 / 48)))


def test_without_warmup_it_is_the_cosine():
    warm = WarmupCosineConfig(name="warmup_cosine", warmup_epochs=0)
    assert curve(warm) == curve(CosineConfig(name="cosine"))


def test_a_run_may_consist_of_warmup_alone():
    factors = curve(WarmupCosineConfig(name="warmup_cosine", warmup_epochs=5))
    assert factors[-1] == 1
    assert factors == sorted(factors)


def test_what_is_no_schedule_has_no_factor():
    with pytest.raises(TypeError, match="Section has no schedule"):
        lr_factor(Section(), 0, CLOCK)
