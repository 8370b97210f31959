"""The section as a whole."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from augpipe.schema import Positive
from augpipe.train.config.keep import CheckpointConfig, WriterName
from augpipe.train.config.model import ModelConfig
from augpipe.train.config.optimizer import OptimizerConfig
from augpipe.train.config.schedule import ConstantConfig, ScheduleConfig, WarmupCosineConfig
from augpipe.train.config.section import BelowOne, Count, Section
from augpipe.train.config.step import ClipConfig, EarlyStoppingConfig, PrecisionName


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
    class_weights: Literal["balanced"] | tuple[Positive, ...] | None = None
    """What a sample of each class counts in the loss: numbers in the order of the classes, or
    `balanced`, which lets every class count the same."""
    accumulate: Count = 1
    """Batches whose gradients make one step; the last step of an epoch may have fewer."""
    precision: PrecisionName = "float32"
    """What the network computes in; its weights are float32 in any case."""
    channels_last: bool = False
    """Lay pictures and filters out channel by channel, which most GPUs convolve faster."""
    compile: bool = False
    """Train the network as `torch.compile` rewrites it."""
    early_stopping: EarlyStoppingConfig | None = None
    max_skipped: Count = 10
    """So many steps in a row whose loss or gradients are not finite end the run."""
    top_k: Count | None = None
    """Report also how often the class is among the first k answers."""
    checkpoint: CheckpointConfig = CheckpointConfig()
    writers: tuple[WriterName, ...] = ()
    """Where metrics go beside the run's folder; each is an extra of augpipe."""

    @model_validator(mode="after")
    def _warmup_fits(self) -> Self:
        schedule = self.schedule
        if isinstance(schedule, WarmupCosineConfig) and schedule.warmup_epochs > self.epochs:
            raise ValueError(
                f"schedule.warmup_epochs is {schedule.warmup_epochs:g}, more than epochs, which is "
                f"{self.epochs}; lower the one or raise the other"
            )
        return self
