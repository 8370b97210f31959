"""How the learning rate runs.

Times are in epochs and may be fractions; they are rounded to whole optimizer steps. Rates are
fractions of the peak rate, which the optimizer names.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from augpipe.schema import Fraction, NonNegative, Positive
from augpipe.train.config.section import BelowOne, Count, Section

Gamma = Annotated[Positive, Field(le=1)]
Epochs = Annotated[tuple[Positive, ...], Field(min_length=1)]


class ConstantConfig(Section):
    """The same learning rate throughout."""

    name: Literal["constant"]


class PiecewiseConfig(Section):
    """A learning rate of its own for each stretch of the run."""

    name: Literal["piecewise"]
    epochs: Epochs
    """Where one stretch ends and the next begins."""
    factors: tuple[NonNegative, ...]
    """One for each stretch: one more than there are `epochs`."""

    @model_validator(mode="after")
    def _one_more(self) -> Self:
        _refuse_unordered(self.epochs)
        if len(self.factors) != len(self.epochs) + 1:
            raise ValueError(
                f"{len(self.epochs)} epochs part the run in {len(self.epochs) + 1} stretches, but "
                f"there are {len(self.factors)} factors"
            )
        return self


class StepConfig(Section):
    """The learning rate times `gamma` after every `every_epochs` epochs."""

    name: Literal["step"]
    every_epochs: Count
    gamma: Gamma = 0.1


class MultistepConfig(Section):
    """The learning rate times `gamma` after each of several epochs."""

    name: Literal["multistep"]
    epochs: Epochs
    gamma: Gamma = 0.1

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _refuse_unordered(self.epochs)
        return self


class ExponentialConfig(Section):
    """The learning rate times `gamma` in each epoch, a little in each step."""

    name: Literal["exponential"]
    gamma: Gamma


class ReciprocalConfig(Section):
    """(1 + t / r)^-c: Robbins & Monro (1951) for c in (1/2, 1], slower than any exponential."""

    name: Literal["reciprocal"]
    r: Positive = 1.0
    """After how many epochs the rate has fallen to 2^-c."""
    c: Positive = 0.5


class LinearConfig(Section):
    """A straight line from `start` to `final`."""

    name: Literal["linear"]
    start: Fraction = 1.0
    final: Fraction = 0.0


class PolynomialConfig(Section):
    """(1 - t)^power down to `final`, as for segmentation (Liu et al., 2015, "ParseNet")."""

    name: Literal["polynomial"]
    power: Positive = 0.9
    final: Fraction = 0.0


class CosineConfig(Section):
    """Half a cosine from the peak down to `final` (Loshchilov & Hutter, ICLR 2017, eq. 5)."""

    name: Literal["cosine"]
    final: Fraction = 0.0
    """Where the cosine ends, as a fraction of the peak."""


class WarmupCosineConfig(Section):
    """A straight ramp up to the peak (Goyal et al., 2017), then half a cosine down to `final`."""

    name: Literal["warmup_cosine"]
    warmup_epochs: NonNegative = 1.0
    """Length of the ramp in epochs, which may be a fraction."""
    final: Fraction = 0.0
    """Where the cosine ends, as a fraction of the peak."""


class CosineRestartsConfig(Section):
    """Half cosines, each beginning at the peak (SGDR: Loshchilov & Hutter, ICLR 2017)."""

    name: Literal["cosine_restarts"]
    period_epochs: Positive
    """Length of the first."""
    multiply: Count = 1
    """How many times longer each is than the one before."""
    final: Fraction = 0.0


Momenta = tuple[BelowOne, BelowOne]


class OneCycleConfig(Section):
    """Up to the peak and far down, momentum the other way (Smith & Topin, 2018; torch's form)."""

    name: Literal["one_cycle"]
    pct_start: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the run in which the rate rises."""
    anneal: Literal["cos", "linear"] = "cos"
    div_factor: Annotated[float, Field(ge=1)] = 25.0
    """The peak over the first rate."""
    final_div_factor: Annotated[float, Field(ge=1)] = 1e4
    """The first rate over the last."""
    three_phase: bool = False
    """Down to the first rate as long as it went up, as in the paper, and only then to the last."""
    momentum: Momenta | None = (0.85, 0.95)
    """Momentum at the peak and at both ends; null leaves the optimizer's alone."""

    @model_validator(mode="after")
    def _three_phases_fit(self) -> Self:
        if self.three_phase and self.pct_start >= 0.5:
            raise ValueError("three_phase needs a pct_start below 0.5: it goes up and down again")
        return self


class CyclicConfig(Section):
    """Triangles between `low` and the peak (Smith, WACV 2017)."""

    name: Literal["cyclic"]
    up_epochs: Positive
    down_epochs: Positive | None = None
    """null stands for as long as it went up."""
    low: Fraction = 0.1
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    """All as high; each half as high as the one before; or heights times `gamma` in each step."""
    gamma: Gamma = 1.0
    momentum: Momenta | None = None
    """Momentum at the peaks and at the lows; null leaves the optimizer's alone."""


class FunctionConfig(Section):
    """A function of yours."""

    name: Literal["function"]
    function: Annotated[str, Field(pattern=r"^\w+(\.\w+)*:\w+$")]
    """`module:function`; called with the step, the clock and `arguments`, it returns the factor."""
    arguments: dict[str, Any] = Field(default_factory=dict)


class TorchConfig(Section):
    """One of `torch.optim.lr_scheduler`, run ahead of time under a peak rate of 1."""

    name: Literal["torch"]
    scheduler: str
    """Its class, such as CosineAnnealingLR."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Rates among them, such as eta_min, are fractions of the peak."""
    per: Literal["step", "epoch"] = "epoch"
    """When it is stepped."""


class WarmupConfig(Section):
    """A straight ramp in front of any schedule (Goyal et al., 2017, section 2.2)."""

    name: Literal["warmup"]
    epochs: Positive
    start: Fraction = 0.0
    """The ramp rises from here, and has left it after the first step."""
    schedule: ScheduleConfig
    """What comes after the ramp, and begins where the ramp ends."""


class PartConfig(Section):
    """A stretch of a chain."""

    schedule: ScheduleConfig
    epochs: Positive | None = None
    """null, for the last one only, stands for the rest of the run."""


class ChainConfig(Section):
    """Schedules one after the other, each as if its stretch were the run."""

    name: Literal["chain"]
    chain: Annotated[tuple[PartConfig, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _only_the_last_is_open(self) -> Self:
        if any(part.epochs is None for part in self.chain[:-1]):
            raise ValueError("every part of a chain but the last has to say its epochs")
        return self


ScheduleConfig = Annotated[
    ConstantConfig
    | PiecewiseConfig
    | StepConfig
    | MultistepConfig
    | ExponentialConfig
    | ReciprocalConfig
    | LinearConfig
    | PolynomialConfig
    | CosineConfig
    | WarmupCosineConfig
    | CosineRestartsConfig
    | OneCycleConfig
    | CyclicConfig
    | FunctionConfig
    | TorchConfig
    | WarmupConfig
    | ChainConfig,
    Field(discriminator="name"),
]


class PlateauConfig(Section):
    """Lower the learning rate where training no longer helps, on top of any schedule."""

    monitor: Literal["loss", "accuracy"] = "loss"
    """The validation score to watch."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    patience: Annotated[int, Field(ge=0)] = 5
    """How many epochs without an improvement are borne."""
    threshold: NonNegative = 1e-4
    """What counts as an improvement, relative to the best so far."""
    cooldown: Annotated[int, Field(ge=0)] = 0
    """For how many epochs after a lowering none is counted."""
    least: Fraction = 0.0
    """Where lowering ends, as a fraction of the peak."""


def misfit(schedule: Section, epochs: float) -> str | None:
    """Why a schedule does not fit a run of so many epochs, or None where it does."""
    if isinstance(schedule, WarmupCosineConfig) and schedule.warmup_epochs > epochs:
        return f"schedule.warmup_epochs is {schedule.warmup_epochs:g}, more than {epochs:g} epochs"
    if isinstance(schedule, WarmupConfig):
        if schedule.epochs > epochs:
            return f"the warm-up is {schedule.epochs:g} epochs long, the run {epochs:g}"
        return misfit(schedule.schedule, epochs - schedule.epochs)
    if isinstance(schedule, ChainConfig):
        return _chain_misfit(schedule, epochs)
    return None


def _chain_misfit(chain: ChainConfig, epochs: float) -> str | None:
    known = sum(part.epochs or 0 for part in chain.chain)
    is_open = chain.chain[-1].epochs is None
    if (known >= epochs) if is_open else (abs(known - epochs) > 1e-9):
        return (
            f"the parts of the chain last {known:g} epochs, the run {epochs:g}; leave out the "
            "epochs of the last part to let it take the rest"
        )
    return next(
        filter(None, (misfit(p.schedule, p.epochs or epochs - known) for p in chain.chain)), None
    )


def _refuse_unordered(epochs: tuple[float, ...]) -> None:
    if list(epochs) != sorted(set(epochs)):
        raise ValueError("epochs have to rise")
