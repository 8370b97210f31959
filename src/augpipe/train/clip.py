"""Gradients kept small: together, one by one, or each output's in proportion to its weights.

Every way acts in place and waits for nothing on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_

from augpipe.train.config import ClipConfig

Parameters = Sequence[nn.Parameter]

Clip = Callable[[Parameters, Tensor], None]
"""Clips the gradients of parameters, given their global L2 norm, () on the device."""

# Weights that begin at zero could never move without it (Brock et al., 2021, section 4.1).
_LEAST_NORM = 1e-3


def build_clip(config: ClipConfig | None, model: nn.Module) -> Clip | None:
    """The way of clipping that a recipe asks for."""
    if config is None:
        return None
    if config.norm is not None:
        return by_norm(config.norm)
    if config.value is not None:
        return by_value(config.value)
    if config.adaptive is not None:
        return adaptively(config.adaptive, exempt=last_linear(model))
    return None


def by_norm(largest: float) -> Clip:
    """Scale all gradients down together until their norm is `largest` (Pascanu et al., 2013)."""

    def clip(parameters: Parameters, norm: Tensor) -> None:
        clip_grads_with_norm_(parameters, largest, norm)

    return clip


def by_value(largest: float) -> Clip:
    """Clamp every number of every gradient to [-largest, largest]."""

    def clip(parameters: Parameters, norm: Tensor) -> None:
        clip_grad_value_(parameters, largest)

    return clip


def adaptively(share: float, exempt: Parameters = ()) -> Clip:
    """Scale each output's gradient to at most `share` of the norm of that output's weights.

    Adaptive gradient clipping (Brock et al., ICML 2021, eq. 3): an output of a layer is one row of
    its weights, and of a bias or a norm's scale the whole vector. The paper leaves the last linear
    layer out.

    Args:
        share: the paper's lambda; 0.01 to 0.16 for batches of 4096 down to 256.
        exempt: parameters that are not clipped.
    """
    left_out = {id(parameter) for parameter in exempt}

    @torch.no_grad()
    def clip(parameters: Parameters, norm: Tensor) -> None:
        for parameter in parameters:
            if parameter.grad is None or id(parameter) in left_out:
                continue
            largest = share * _norms(parameter).clamp(min=_LEAST_NORM)
            own = _norms(parameter.grad)
            parameter.grad.mul_(torch.where(own > largest, largest / own, 1.0))

    return clip


def last_linear(model: nn.Module) -> Parameters:
    """The parameters of a model's last linear layer; none where it has no such layer."""
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return list(layers[-1].parameters()) if layers else []


def _norms(tensor: Tensor) -> Tensor:
    """L2 norms of the rows of a tensor, shaped to be multiplied with it; of a vector, its own."""
    rows = tuple(range(1, tensor.ndim)) or None
    norms: Tensor = vector_norm(tensor, dim=rows, keepdim=True)
    return norms
