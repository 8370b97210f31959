"""The `train:` section of a recipe, as frozen models that refuse what they do not know.

Imports no torch, so that a recipe can be checked, and its schema printed, in milliseconds. Errors
are pydantic's; whoever read the file turns them into errors that name the file and the line's path.
"""

from augpipe.train.config.average import EmaConfig, SwaConfig
from augpipe.train.config.distill import DistillConfig
from augpipe.train.config.init import InitConfig
from augpipe.train.config.keep import CheckpointConfig, WriterName
from augpipe.train.config.model import ModelConfig
from augpipe.train.config.optimizer import AdamWConfig, OptimizerConfig, SgdConfig
from augpipe.train.config.robust import AttackConfig, AwpConfig
from augpipe.train.config.schedule import (
    ConstantConfig,
    CosineConfig,
    PlateauConfig,
    ScheduleConfig,
    StepConfig,
    WarmupCosineConfig,
)
from augpipe.train.config.section import Section
from augpipe.train.config.step import ClipConfig, EarlyStoppingConfig, PrecisionName
from augpipe.train.config.train import TrainConfig

__all__ = [
    "AdamWConfig",
    "AttackConfig",
    "AwpConfig",
    "CheckpointConfig",
    "ClipConfig",
    "ConstantConfig",
    "CosineConfig",
    "DistillConfig",
    "EarlyStoppingConfig",
    "EmaConfig",
    "InitConfig",
    "ModelConfig",
    "OptimizerConfig",
    "PlateauConfig",
    "PrecisionName",
    "ScheduleConfig",
    "Section",
    "SgdConfig",
    "StepConfig",
    "SwaConfig",
    "TrainConfig",
    "WarmupCosineConfig",
    "WriterName",
]
