import math
from typing import get_args

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.optim import lr_scheduler

from augpipe.errors import RecipeError
from augpipe.train.config.schedule import (
    CosineConfig,
    ScheduleConfig,
    WarmupCosineConfig,
    misfit,
)
from augpipe.train.config.section import Section
from augpipe.train.schedule import Clock, lr_factor, momentum
from augpipe.train.torch_schedule import from_torch, to_torch

CLOCK = Clock(total_steps=60, steps_per_epoch=12)


def schedule(name, **options):
    return TypeAdapter(ScheduleConfig).validate_python({"name": name, **options})


def double(step, clock, by=1.0):
    """A schedule of a user's."""
    return by * 2 * step / clock.total_steps


# Each with the scheduler of torch that does the same, stepped after every optimizer step, or None.
EXAMPLES = {
    "constant": (schedule("constant"), lambda o: lr_scheduler.ConstantLR(o, 1.0)),
    "piecewise": (
        schedule("piecewise", epochs=[1.5], factors=[0.3, 1]),
        lambda o: lr_scheduler.ConstantLR(o, 0.3, 18),
    ),
    "step": (
        schedule("step", every_epochs=2, gamma=0.3), lambda o: lr_scheduler.StepLR(o, 24, 0.3),
    ),
    "multistep": (
        schedule("multistep", epochs=[1, 2.5, 4], gamma=0.3),
        lambda o: lr_scheduler.MultiStepLR(o, [12, 30, 48], 0.3),
    ),
    "exponential": (
        schedule("exponential", gamma=0.5),
        lambda o: lr_scheduler.ExponentialLR(o, 0.5 ** (1 / 12)),
    ),
    "reciprocal": (
        schedule("reciprocal", r=2, c=0.75),
        lambda o: lr_scheduler.LambdaLR(o, lambda step: (1 + step / 24) ** -0.75),
    ),
    "linear": (
        schedule("linear", start=0.2, final=0.7), lambda o: lr_scheduler.LinearLR(o, 0.2, 0.7, 60),
    ),
    "polynomial": (
        schedule("polynomial", power=2), lambda o: lr_scheduler.PolynomialLR(o, 60, 2),
    ),
    "polynomial that ends above": (schedule("polynomial", power=0.9, final=0.1), None),
    "cosine": (schedule("cosine"), lambda o: lr_scheduler.CosineAnnealingLR(o, 60)),
    "cosine that ends above": (
        schedule("cosine", final=0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, 60, 0.1),
    ),
    "warmup_cosine": (schedule("warmup_cosine"), None),
    "a short warmup": (schedule("warmup_cosine", warmup_epochs=0.3, final=0.05), None),
    "restarts": (
        schedule("cosine_restarts", period_epochs=1, multiply=2, final=0.1),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 12, 2, 0.1),
    ),
    "equal restarts": (
        schedule("cosine_restarts", period_epochs=0.75),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 9),
    ),
    "one_cycle": (schedule("one_cycle"), lambda o: lr_scheduler.OneCycleLR(o, 1.0, 60)),
    "one_cycle in three phases": (
        schedule(
            "one_cycle", three_phase=True, anneal="linear", pct_start=0.4, div_factor=5,
            final_div_factor=10, momentum=[0.5, 0.9],
        ),
        lambda o: lr_scheduler.OneCycleLR(
            o, 1.0, 60, three_phase=True, anneal_strategy="linear", pct_start=0.4, div_factor=5,
            final_div_factor=10, base_momentum=0.5, max_momentum=0.9,
        ),
    ),
    "cyclic": (
        schedule("cyclic", up_epochs=0.5, momentum=[0.8, 0.9]),
        lambda o: lr_scheduler.CyclicLR(o, 0.1, 1.0, 6),
    ),
    "lower and lower": (
        schedule("cyclic", up_epochs=0.5, down_epochs=1, low=0.2, mode="triangular2"),
        lambda o: lr_scheduler.CyclicLR(o, 0.2, 1.0, 6, 12, "triangular2", cycle_momentum=False),
    ),
    "exp_range": (
        schedule("cyclic", up_epochs=0.5, down_epochs=0.25, mode="exp_range", gamma=0.9),
        lambda o: lr_scheduler.CyclicLR(o, 0.1, 1.0, 6, 3, "exp_range", 0.9, cycle_momentum=False),
    ),
    "function": (
        schedule("function", function=f"{__name__}:double", arguments={"by": 0.5}),
        lambda o: lr_scheduler.LambdaLR(o, lambda step: step / 60),
    ),
    "torch": (
        schedule("torch", scheduler="CosineAnnealingLR", arguments={"T_max": 60}, per="step"),
        lambda o: lr_scheduler.CosineAnnealingLR(o, 60),
    ),
    "torch by epochs": (
        schedule("torch", scheduler="ExponentialLR", arguments={"gamma": 0.5}),
        lambda o: lr_scheduler.LambdaLR(o, lambda step: 0.5 ** (step // 12)),
    ),
    "warmup": (
        schedule("warmup", epochs=1, start=0.25, schedule={"name": "cosine"}),
        lambda o: lr_scheduler.SequentialLR(
            o,
            [
                lr_scheduler.LambdaLR(o, lambda step: 0.25 + 0.75 * (step + 1) / 12),
                lr_scheduler.CosineAnnealingLR(o, 48),
            ],
            [12],
        ),
    ),
    "chain": (
        schedule(
            "chain",
            chain=[
                {"schedule": {"name": "linear", "start": 0.1, "final": 1}, "epochs": 1},
                {"schedule": {"name": "constant"}, "epochs": 1.5},
                {"schedule": {"name": "exponential", "gamma": 0.5}},
            ],
        ),
        lambda o: lr_scheduler.SequentialLR(
            o,
            [
                lr_scheduler.LinearLR(o, 0.1, 1, 12),
                lr_scheduler.ConstantLR(o, 1.0),
                lr_scheduler.ExponentialLR(o, 0.5 ** (1 / 12)),
            ],
            [12, 30],
        ),
    ),
}  # fmt: skip
ALL = pytest.mark.parametrize(("config", "make"), EXAMPLES.values(), ids=EXAMPLES)


def curve(config, clock=CLOCK):
    return [lr_factor(config, step, clock) for step in range(clock.total_steps)]


# torch warns that a scheduler of a chain is stepped with an epoch, which it does itself.
QUIET = pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")


def torch_curve(make, lr=1.0, steps=CLOCK.total_steps):
    """The plain loop that all of torch's examples show: rates and momenta."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    scheduler = make(optimizer)
    rates, momenta = [], []
    for step in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    return rates, momenta


def test_every_schedule_of_the_recipe_has_a_function_and_an_example():
    configs = set(get_args(get_args(ScheduleConfig)[0]))
    assert configs == {type(config) for config, _ in EXAMPLES.values()}
    assert configs <= set(lr_factor.registry)


@ALL
def test_factors_lie_between_zero_and_one(config, make):
    assert all(0 <= factor <= 1 for factor in curve(config))
    assert max(curve(config)) > 0.5


@QUIET
@ALL
def test_schedules_are_torchs_step_by_step(config, make):
    if make is None:
        return  # these have tests of their own below
    rates, momenta = torch_curve(make)
    assert curve(config) == pytest.approx(rates, abs=1e-12)
    ours = [momentum(config, step, CLOCK) for step in range(60)]
    assert [0.9 if m is None else m for m in ours] == pytest.approx(momenta)


@ALL
def test_to_torch_gives_a_scheduler_that_can_be_resumed(config, make):
    def adapter(optimizer, last_step=-1):
        return to_torch(optimizer, lambda step: lr_factor(config, step, CLOCK), last_step)

    assert torch_curve(adapter, lr=0.2)[0] == pytest.approx([0.2 * f for f in curve(config)])
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    optimizer.param_groups[0]["initial_lr"] = 0.2
    adapter(optimizer, last_step=29)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.2 * lr_factor(config, 30, CLOCK))


FROM_TORCH = {
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o, 0.3, 7),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 20, 0.01),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7, 2),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.2, 7),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step)),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, 0.3, 1, 9),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [3, 30]),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda step: 0.97),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.2, 60),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 60, 2),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 7),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o, 0.3), lr_scheduler.StepLR(o, 7)], [11]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, 0.3), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
}


def test_every_scheduler_of_torch_is_compared():
    known = {
        name
        for name, kind in vars(lr_scheduler).items()
        if isinstance(kind, type) and issubclass(kind, lr_scheduler.LRScheduler) and name[0] != "_"
    }
    assert known - {"LRScheduler", "ReduceLROnPlateau"} == set(FROM_TORCH)


@QUIET
@pytest.mark.parametrize("make", FROM_TORCH.values(), ids=FROM_TORCH)
def test_from_torch_is_the_plain_loop_at_any_step(make):
    rates, momenta = torch_curve(make, lr=0.2)
    table = from_torch(make, 60, lr=0.2)
    for step in (59, 0, 30, 7, 8):
        assert 0.2 * table.lr_factor(step) == pytest.approx(rates[step])
        assert (table.momentum(step) or 0.9) == pytest.approx(momenta[step])


def test_a_plateau_is_no_function_of_the_step():
    with pytest.raises(TypeError, match="use augpipe's Plateau"):
        from_torch(lr_scheduler.ReduceLROnPlateau, 10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "CosineAnealingLR"}, "did you mean 'CosineAnnealingLR'"),
        ({"scheduler": "SequentialLR"}, "SequentialLR does not fit in a recipe; use chain"),
        ({"scheduler": "StepLR"}, "arguments: StepLR: .*step_size"),
        ({"scheduler": "PolynomialLR", "arguments": {"poewr": 1}}, "arguments: PolynomialLR"),
    ],
)
def test_a_wrong_scheduler_of_torch_is_refused(options, message):
    with pytest.raises(RecipeError, match=message):
        lr_factor(schedule("torch", **options), 0, CLOCK)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("no_such_module:f", "cannot import 'no_such_module'"),
        (f"{__name__}:dubble", "has no function 'dubble'; did you mean 'double'"),
    ],
)
def test_a_function_that_is_not_there_is_refused(function, message):
    with pytest.raises(RecipeError, match=message):
        lr_factor(schedule("function", function=function), 0, CLOCK)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "piecewise", "epochs": [1, 2], "factors": [1, 0.1]},
        {"name": "piecewise", "epochs": [2, 1], "factors": [1, 0.5, 0.1]},
        {"name": "multistep", "epochs": [2, 2]},
        {"name": "multistep", "epochs": []},
        {"name": "one_cycle", "three_phase": True, "pct_start": 0.5},
        {"name": "function", "function": "os.system"},
        {"name": "chain", "chain": []},
        {"name": "chain", "chain": [{"schedule": {"name": "linear"}}] * 2},
    ],
    ids=repr,
)
def test_schedules_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        schedule(**wrong)


RAMP = {"name": "warmup_cosine", "warmup_epochs": 6}


def parts(*epochs):
    return [{"schedule": {"name": "constant"}, "epochs": e} for e in epochs]


@pytest.mark.parametrize(
    ("config", "fits"),
    [
        (schedule("warmup_cosine", warmup_epochs=5), True),
        (schedule(**RAMP), False),
        (schedule("warmup", epochs=6, schedule={"name": "constant"}), False),
        (schedule("warmup", epochs=2, schedule={"name": "warmup_cosine"}), True),
        (schedule("warmup", epochs=4.5, schedule={"name": "warmup_cosine"}), False),
        (schedule("chain", chain=parts(2, 3)), True),
        (schedule("chain", chain=parts(2, 2)), False),
        (schedule("chain", chain=parts(2, None)), True),
        (schedule("chain", chain=parts(5, None)), False),
        (
            schedule("chain", chain=[{"schedule": {"name": "warmup_cosine", "warmup_epochs": 6}}]),
            False,
        ),
    ],
)
def test_what_does_not_fit_the_run_is_told(config, fits):
    assert (misfit(config, 5) is None) is fits


def test_a_ramp_of_its_own_is_that_of_warmup_cosine():
    ramp = schedule("warmup", epochs=2, schedule={"name": "cosine", "final": 0.1})
    assert curve(ramp) == curve(schedule("warmup_cosine", warmup_epochs=2, final=0.1))


def test_momentum_is_cycled_in_chains_and_behind_ramps_and_nowhere_else():
    cycle = {"name": "one_cycle", "momentum": [0.5, 0.9]}
    chain = schedule(
        "chain", chain=[*parts(1), {"schedule": {"name": "warmup", "epochs": 1, "schedule": cycle}}]
    )
    assert momentum(chain, 11, CLOCK) is None
    ours = [momentum(chain, step, CLOCK) for step in range(12, 60)]
    alone = [momentum(schedule(**cycle), step, Clock(36, 12)) for step in range(36)]
    assert ours == [alone[0]] * 12 + alone


def test_a_polynomial_ends_at_its_final_rate():
    config, final = EXAMPLES["polynomial that ends above"][0], 0.1
    assert lr_factor(config, 0, CLOCK) == 1
    assert lr_factor(config, 30, CLOCK) == pytest.approx(final + 0.9 * 0.5**0.9)
    assert lr_factor(config, 60, CLOCK) == pytest.approx(final)


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
