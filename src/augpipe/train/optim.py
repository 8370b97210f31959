"""Optimizers, and which parameters they decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from augpipe.errors import TrainError
from augpipe.train.config import AdamWConfig, SgdConfig

# _NormBase is the root of every batch norm (SyncBatchNorm too) and of every instance norm.
_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the trainable parameters into those that are decayed and those that are not.

    Norms, of whatever shape, and everything with at most one dimension (biases, scales) are not
    decayed. Every trainable parameter lands in exactly one group, a shared one too.

    Raises:
        TrainError: the model has no trainable parameter.
    """
    exempt = {
        id(parameter)
        for module in model.modules()
        for parameter in module.parameters(recurse=False)
        if isinstance(module, _NORMS) or parameter.ndim <= 1
    }
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise TrainError(f"{type(model).__name__} has no trainable parameter")
    decayed = [parameter for parameter in trainable if id(parameter) not in exempt]
    plain = [parameter for parameter in trainable if id(parameter) in exempt]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def build_optimizer(config: SgdConfig | AdamWConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Build the optimizer of a recipe for a model that already lies on its device.

    Optimizers are fused: one kernel for all parameters, and able to skip a step by a flag that
    stays on the device (see `step`).
    """
    groups = parameter_groups(model, config.weight_decay)
    for group in groups:
        group["initial_lr"] = config.lr
    if isinstance(config, AdamWConfig):
        return torch.optim.AdamW(
            groups, lr=config.lr, betas=config.betas, eps=config.eps, fused=True
        )
    optimizer = torch.optim.SGD(
        groups, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov, fused=True
    )
    if config.momentum:
        _zero_momentum(optimizer)
    return optimizer


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to `factor` times its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def _zero_momentum(optimizer: torch.optim.SGD) -> None:
    """Start momentum from zeros, which gives the same first step as torch's first gradient.

    The fused SGD of torch (2.15 and before) allocates the buffers uninitialised in its first step
    and leaves them so when that very step is skipped: the second step would add whatever lay in
    that memory to the weights.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
