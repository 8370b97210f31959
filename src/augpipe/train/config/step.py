"""How a step is taken: gradients, numbers, and when a run gives up."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from augpipe.schema import NonNegative, Positive
from augpipe.train.config.section import Count, Section

PrecisionName = Literal["float32", "bfloat16", "float16"]


class ClipConfig(Section):
    """How gradients are kept small; one of the three."""

    norm: Positive | None = None
    """Scaled down together, to a global L2 norm of at most this (Pascanu et al., 2013)."""
    value: Positive | None = None
    """Each number on its own, to at most this."""
    adaptive: Positive | None = None
    """Each output's gradient to at most this share of its weights' norm (Brock et al., 2021)."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name, value in self if value is not None]
        if len(given) != 1:
            raise ValueError("give one of norm, value and adaptive")
        return self


class EarlyStoppingConfig(Section):
    """The run ends when the validation accuracy has stopped growing."""

    patience: Count
    """So many epochs without a new best end the run."""
    min_delta: NonNegative = 0.0
    """By how much an accuracy in [0, 1] must exceed the best one to be a new best."""
