"""The network as a recipe wants it before the first step."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import nn

from augpipe.train import processes
from augpipe.train.config import TrainConfig
from augpipe.train.freeze import freeze
from augpipe.train.init import init_weights
from augpipe.train.models import build_model


class Network(NamedTuple):
    """A model on its device, and those of its norms that stay in eval mode."""

    model: nn.Module
    frozen_norms: list[nn.Module]


def build_network(config: TrainConfig, classes: int, device: torch.device) -> Network:
    """Build, initialise, freeze, move to the device: in this order, and before any optimizer.

    Args:
        config: the recipe's `train:` section.
        classes: how many classes the data has.
        device: where to train.

    Raises:
        RecipeError: a name or a pattern is unknown, or the model does not fit the data.
    """
    model = build_model(config.model, classes)
    if config.init:
        init_weights(model, config.init)
    if config.sync_batch_norm:
        model = processes.synchronised(model, device)
    frozen = freeze(model, config.freeze)
    return Network(model.to(device).to(memory_format=layout_of(config)), frozen)


def layout_of(config: TrainConfig) -> torch.memory_format:
    """How the network wants pictures and filters laid out in memory."""
    return torch.channels_last if config.channels_last else torch.preserve_format


def forward_of(config: TrainConfig, model: nn.Module) -> nn.Module:
    """The model as training calls it: compiled, then shared by processes; its weights are one."""
    if config.compile:
        model = cast(nn.Module, torch.compile(model))
    return processes.wrapped(model)
