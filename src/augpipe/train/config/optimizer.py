"""Which optimizer, what it decays, and how fast each layer learns."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from augpipe.schema import NonNegative, Positive
from augpipe.train.config.section import BelowOne, Count, Section

Patterns = Annotated[tuple[str, ...], Field(min_length=1)]


class LrScalingConfig(Section):
    """The learning rate follows the batch size: it is meant for `base` and scaled from there."""

    rule: Literal["linear", "sqrt"] = "linear"
    """Times batch / base (Goyal et al., 2017), or times the root of it (Krizhevsky, 2014)."""
    base: Count = 256
    """The batch size that `lr` is meant for."""


class LayerDecayConfig(Section):
    """Each layer learns slower than the next, for fine-tuning (Clark et al., ICLR 2020)."""

    factor: Annotated[Positive, Field(le=1)]
    """From one layer to the one before it; the last has the full learning rate."""
    layers: Patterns | None = None
    """Patterns in the order of the data; null stands for the parts that the model is made of."""


class _OptimizerConfig(Section):
    """What all optimizers have."""

    lr: Positive
    """The peak learning rate, which the schedule multiplies."""
    lr_scaling: LrScalingConfig | None = None
    layer_decay: LayerDecayConfig | None = None
    lr_factors: dict[str, Positive] = Field(default_factory=dict)
    """By pattern, what a layer's learning rate is multiplied by; the last that matches counts."""


class SgdConfig(_OptimizerConfig):
    """Stochastic gradient descent with momentum (`torch.optim.SGD`)."""

    name: Literal["sgd"]
    momentum: BelowOne = 0.9
    nesterov: bool = False
    """Nesterov's momentum, in the form of Sutskever et al. (ICML 2013)."""
    weight_decay: NonNegative = 0.0
    """L2 penalty on weights; norms and biases are never decayed."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class AdagradConfig(_OptimizerConfig):
    """Steps shrink with the sum of squared gradients (Duchi et al., 2011; `torch.optim.Adagrad`).

    Its own decay of the learning rate is left out: that is what schedules are for.
    """

    name: Literal["adagrad"]
    initial_accumulator_value: NonNegative = 0.0
    eps: Positive = 1e-10
    weight_decay: NonNegative = 0.0
    """L2 penalty on weights; norms and biases are never decayed."""


class RmspropConfig(_OptimizerConfig):
    """Steps shrink with the mean of squared gradients (Tieleman & Hinton, 2012; torch's)."""

    name: Literal["rmsprop"]
    alpha: BelowOne = 0.99
    """What the mean keeps of itself in a step."""
    eps: Positive = 1e-8
    momentum: BelowOne = 0.0
    centered: bool = False
    """Divide by the standard deviation instead (Graves, 2013)."""
    weight_decay: NonNegative = 0.0
    """L2 penalty on weights; norms and biases are never decayed."""


class _AdamConfig(_OptimizerConfig):
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    eps: Positive = 1e-8


class AdamConfig(_AdamConfig):
    """Adam (Kingma & Ba, ICLR 2015; `torch.optim.Adam`)."""

    name: Literal["adam"]
    weight_decay: NonNegative = 0.0
    """L2 penalty on weights; norms and biases are never decayed."""


class AdamWConfig(_AdamConfig):
    """Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019; `torch.optim.AdamW`)."""

    name: Literal["adamw"]
    weight_decay: NonNegative = 0.01
    """Decay of weights; norms and biases are never decayed."""


OptimizerConfig = Annotated[
    SgdConfig | AdagradConfig | RmspropConfig | AdamConfig | AdamWConfig,
    Field(discriminator="name"),
]
