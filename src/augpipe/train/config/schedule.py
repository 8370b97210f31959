"""How the learning rate runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from augpipe.schema import Fraction, NonNegative, Positive
from augpipe.train.config.section import Count, Section


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


ScheduleConfig = Annotated[
    ConstantConfig | CosineConfig | WarmupCosineConfig | StepConfig, Field(discriminator="name")
]
