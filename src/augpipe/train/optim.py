"""Optimizers, what they decay, and how fast each layer learns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from augpipe.errors import TrainError
from augpipe.train.config.optimizer import (
    AdagradConfig,
    AdamConfig,
    AdamWConfig,
    OptimizerConfig,
    RmspropConfig,
    SgdConfig,
)
from augpipe.train.layer_lr import lr_factors, scale_factor
from augpipe.train.revocable import RMSprop

# _NormBase is the root of every batch norm (SyncBatchNorm too) and of every instance norm.
_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)

# What a config says about the groups, and not about the optimizer.
_GROUP_SETTINGS = {"name", "lr", "lr_scaling", "layer_decay", "lr_factors", "weight_decay"}

_KINDS: dict[type, Callable[..., torch.optim.Optimizer]] = {
    SgdConfig: torch.optim.SGD,
    AdagradConfig: torch.optim.Adagrad,
    RmspropConfig: RMSprop,
    AdamConfig: torch.optim.Adam,
    AdamWConfig: torch.optim.AdamW,
}


def parameter_groups(
    model: nn.Module, weight_decay: float, factors: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Split the trainable parameters by whether they are decayed, and by how fast they learn.

    Norms, of whatever shape, and everything with at most one dimension (biases, scales) are not
    decayed. Every trainable parameter lands in exactly one group, a shared one too.

    Args:
        model: whose parameters.
        weight_decay: of those that are decayed.
        factors: by name, what the parameter's learning rate is multiplied by; by default 1.

    Returns:
        Groups with `params`, `weight_decay` and `lr_factor`: the decayed ones first, and of those
        the ones that learn fastest.

    Raises:
        TrainError: the model has no trainable parameter.
    """
    exempt = {
        id(parameter)
        for module in model.modules()
        for parameter in module.parameters(recurse=False)
        if isinstance(module, _NORMS) or parameter.ndim <= 1
    }
    members: dict[tuple[bool, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            factor = 1.0 if factors is None else factors[name]
            members[id(parameter) in exempt, factor].append(parameter)
    if not members:
        raise TrainError(f"{type(model).__name__} has no trainable parameter")
    return [
        {"params": params, "weight_decay": 0.0 if plain else weight_decay, "lr_factor": factor}
        for (plain, factor), params in sorted(
            members.items(), key=lambda item: (item[0][0], -item[0][1])
        )
    ]


def build_optimizer(
    config: OptimizerConfig, model: nn.Module, batch_size: int | None = None
) -> torch.optim.Optimizer:
    """Build the optimizer of a recipe for a model that already lies on its device.

    All of them can skip a step by a flag that stays on the device, `found_inf` (see `step`): the
    fused ones, of one kernel for all parameters, in that kernel, and RMSprop as `revocable` says.

    Args:
        config: which one.
        model: whose parameters it moves; those without `requires_grad` are left out.
        batch_size: samples in an optimizer step, over all micro-batches and processes; needed
            where the learning rate scales with it.

    Raises:
        TrainError: there is nothing to train.
        RecipeError: a pattern names nothing.
        ValueError: the learning rate scales with a batch size that is not given.
    """
    lr = config.lr * _scale(config, batch_size)
    factors = lr_factors(model, config.layer_decay, config.lr_factors)
    groups = parameter_groups(model, config.weight_decay, factors)
    for group in groups:
        group["lr"] = group["initial_lr"] = lr * group["lr_factor"]
        group["initial_momentum"] = _momentum(config)
    options: dict[str, Any] = config.model_dump(exclude=_GROUP_SETTINGS)
    if isinstance(config, RmspropConfig):
        # On a GPU the count of steps has to lie there too, or skipping one would wait for it.
        options["capturable"] = next(model.parameters()).is_cuda
    else:
        options["fused"] = True
    optimizer = _KINDS[type(config)](groups, lr=lr, **options)
    if isinstance(config, SgdConfig) and config.momentum:
        _zero_momentum(optimizer)
    return optimizer


def _momentum(config: OptimizerConfig) -> float:
    if isinstance(config, AdamConfig | AdamWConfig):
        return config.betas[0]
    return 0.0 if isinstance(config, AdagradConfig) else config.momentum


def _scale(config: OptimizerConfig, batch_size: int | None) -> float:
    if config.lr_scaling is None:
        return 1.0
    if batch_size is None:
        raise ValueError("lr_scaling needs the batch size; give build_optimizer(batch_size=…)")
    return scale_factor(config.lr_scaling, batch_size)


def set_lr(optimizer: torch.optim.Optimizer, factor: float | Tensor) -> None:
    """Set every group's learning rate to `factor` times its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def set_momentum(optimizer: torch.optim.Optimizer, momentum: float | None) -> None:
    """Set every group's momentum, which for Adam is the first of its betas.

    Args:
        optimizer: made by `build_optimizer`.
        momentum: None stands for the one that the optimizer was built with.

    Raises:
        TrainError: the optimizer has no momentum, or was built without one.
    """
    for group in optimizer.param_groups:
        wanted = group["initial_momentum"] if momentum is None else momentum
        if "betas" in group:
            group["betas"] = (wanted, *group["betas"][1:])
        elif group["initial_momentum"]:
            group["momentum"] = wanted
        elif momentum is not None:
            raise TrainError(
                f"{type(optimizer).__name__} runs without momentum, which the schedule cycles; set "
                "schedule.momentum to null, or give the optimizer a momentum"
            )


def _zero_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Start momentum from zeros, which gives the same first step as torch's first gradient.

    The fused SGD of torch (2.15 and before) allocates the buffers uninitialised in its first step
    and leaves them so when that very step is skipped: the second step would add whatever lay in
    that memory to the weights.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
