"""Which optimizer, and what it decays."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from augpipe.schema import NonNegative, Positive
from augpipe.train.config.section import BelowOne, Section


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


OptimizerConfig = Annotated[SgdConfig | AdamWConfig, Field(discriminator="name")]
