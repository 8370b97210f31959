"""The section as a whole."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from augpipe.schema import Positive
from augpipe.train.config.average import EmaConfig, SwaConfig
from augpipe.train.config.distill import DistillConfig
from augpipe.train.config.init import InitConfig
from augpipe.train.config.keep import CheckpointConfig, WriterName
from augpipe.train.config.model import ModelConfig
from augpipe.train.config.optimizer import OptimizerConfig
from augpipe.train.config.robust import AttackConfig, AwpConfig
from augpipe.train.config.schedule import (
    ConstantConfig,
    PlateauConfig,
    ScheduleConfig,
    misfit,
)
from augpipe.train.config.section import BelowOne, Count, Section
from augpipe.train.config.step import ClipConfig, EarlyStoppingConfig, PrecisionName


class TrainConfig(Section):
    """How a model is trained."""

    model: ModelConfig
    epochs: Count
    init: InitConfig | None = None
    """Initial weights; null leaves those that the network draws itself."""
    freeze: tuple[str, ...] = ()
    """Parts that do not learn, by the names of modules and parameters; `*` stands for anything."""
    optimizer: OptimizerConfig
    schedule: ScheduleConfig = ConstantConfig(name="constant")
    plateau: PlateauConfig | None = None
    """Lower the learning rate, beside the schedule, where training no longer helps."""
    clip: ClipConfig | None = None
    ema: EmaConfig | None = None
    swa: SwaConfig | None = None
    attack: AttackConfig | None = None
    """Learn from adversarial pictures only, and be judged by them besides."""
    awp: AwpConfig | None = None
    """Take gradients where the weights are at their worst."""
    distill: DistillConfig | None = None
    """Learn from a teacher besides."""
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
    sync_batch_norm: bool = False
    """Of several processes on GPUs: take the statistics of batch norms over all of them."""
    early_stopping: EarlyStoppingConfig | None = None
    max_skipped: Count = 10
    """So many steps in a row whose loss or gradients are not finite end the run."""
    top_k: Count | None = None
    """Report also how often the class is among the first k answers."""
    checkpoint: CheckpointConfig = CheckpointConfig()
    writers: tuple[WriterName, ...] = ()
    """Where metrics go beside the run's folder; each is an extra of augpipe."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if reason := misfit(self.schedule, self.epochs):
            raise ValueError(reason)
        if self.swa and self.swa.start_epoch > self.epochs:
            raise ValueError(
                f"swa.start_epoch is {self.swa.start_epoch}, but the run has {self.epochs} epochs"
            )
        return self
