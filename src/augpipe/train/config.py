"""The `train:` section of a recipe, as frozen models that refuse what they do not know.

Imports no torch, so that a recipe can be checked, and its schema printed, in milliseconds. Errors
are pydantic's; whoever read the file turns them into errors that name the file and the line's path.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from augpipe.schema import Fraction, NonNegative, Positive, Settings

BelowOne = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(gt=0)]


class Section(Settings):
    """A part of a recipe; what its fields mean stands below each of them."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class ModelConfig(Section):
    """Which network, and how many classes it tells apart."""

    name: str
    """`small_cnn`, or any classification model of torchvision."""
    num_classes: Count | None = None
    """Outputs of the network; null stands for the number of classes of the data."""


class SgdConfig(Section):
    """Stochastic gradient descent with momentum (`torch.optim.SGD`)."""

    name: Literal["sgd"]
    lr: Positive
    """The peak learning rate, which the schedule multiplies."""
    momentum: BelowOne = 0.9
    nesterov: bool = False
    weight_decay: NonNegative = 0.0
    """L2 penalty on weights; norms and biases are never decayed."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class AdamWConfig(Section):
    """Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019; `torch.optim.AdamW`)."""

    name: Literal["adamw"]
    lr: Positive
    """The peak learning rate, which the schedule multiplies."""
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.01
    """Decay of weights; norms and biases are never decayed."""


class ConstantConfig(Section):
    """The same learning rate throughout."""

    name: Literal["constant"]


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


class StepConfig(Section):
    """The learning rate times `gamma` after every `every_epochs` epochs."""

    name: Literal["step"]
    every_epochs: Count
    gamma: Annotated[Positive, Field(le=1)] = 0.1


class ClipConfig(Section):
    """Gradients scaled down to a global L2 norm of at most `norm` (Pascanu et al., 2013)."""

    norm: Positive


class EmaConfig(Section):
    """An exponential moving average of the weights, evaluated beside the live ones."""

    decay: BelowOne
    """What the average keeps of itself in a step, once it is warm."""


OptimizerConfig = Annotated[SgdConfig | AdamWConfig, Field(discriminator="name")]
ScheduleConfig = Annotated[
    ConstantConfig | CosineConfig | WarmupCosineConfig | StepConfig, Field(discriminator="name")
]


class TrainConfig(Section):
    """How a model is trained."""

    model: ModelConfig
    epochs: Count
    optimizer: OptimizerConfig
    schedule: ScheduleConfig = ConstantConfig(name="constant")
    clip: ClipConfig | None = None
    ema: EmaConfig | None = None
    label_smoothing: BelowOne = 0.0
    """Probability taken from the label and spread over all classes (Szegedy et al., 2016)."""

    @model_validator(mode="after")
    def _warmup_fits(self) -> Self:
        schedule = self.schedule
        if isinstance(schedule, WarmupCosineConfig) and schedule.warmup_epochs > self.epochs:
            raise ValueError(
                f"schedule.warmup_epochs is {schedule.warmup_epochs:g}, more than epochs, which is "
                f"{self.epochs}; lower the one or raise the other"
            )
        return self
