"""The section as a whole."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from augpipe.schema import Positive
from augpipe.train.config.model import ModelConfig
from augpipe.train.config.optimizer import OptimizerConfig
from augpipe.train.config.schedule import ConstantConfig, ScheduleConfig, WarmupCosineConfig
from augpipe.train.config.section import BelowOne, Count, Section


class ClipConfig(Section):
    """Gradients scaled down to a global L2 norm of at most `norm` (Pascanu et al., 2013)."""

    norm: Positive


class EmaConfig(Section):
    """An exponential moving average of the weights, evaluated beside the live ones."""

    decay: BelowOne
    """What the average keeps of itself in a step, once it is warm."""


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
