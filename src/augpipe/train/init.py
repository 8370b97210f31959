"""Initial weights: which distribution each layer's are drawn from, and with what gain.

The drawing is `torch.nn.init`'s; here stands who gets what.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from augpipe.errors import RecipeError
from augpipe.train.config.init import (
    Activation,
    DiracConfig,
    FixedConfig,
    InitConfig,
    KaimingConfig,
    NormalConfig,
    OrthogonalConfig,
    TruncatedNormalConfig,
    UniformConfig,
    WeightConfig,
    XavierConfig,
)
from augpipe.train.config.section import Section
from augpipe.train.patterns import matches, refuse_idle

_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
_LAYERS = (_ConvNd, nn.Linear)


class _Around(NamedTuple):
    """What drawing weights depends on besides their own config."""

    activation: Activation
    slope: float
    generator: torch.Generator | None

    @property
    def gain(self) -> float:
        return float(nn.init.calculate_gain(self.activation, self.slope))


@torch.no_grad()
def init_weights(
    model: nn.Module, config: InitConfig, generator: torch.Generator | None = None
) -> None:
    """Give a model new weights in place: convolutions, linear layers, norms, and what is named.

    What is left alone: other parameters, such as class tokens and the projections of torch's
    MultiheadAttention, unless `layers` names the module that holds a `weight`.

    Args:
        model: whose weights.
        config: what they shall be.
        generator: to draw from; by default torch's global one.

    Raises:
        RecipeError: `layers` names what is not there, or a way that does not suit the layer.
    """
    _refuse_idle(model, config)
    around = _Around(config.activation, config.slope, generator)
    for name, module in model.named_modules():
        if isinstance(module, _NORMS):
            _reset_norm(module)
        elif weights := _weights_of(name, module, config):
            _draw_layer(name, module, weights, config.bias, around)


def _refuse_idle(model: nn.Module, config: InitConfig) -> None:
    types = {type(module).__name__ for module in model.modules()}
    refuse_idle(model, [key for key in config.layers if key not in types], "train.init.layers")


def _weights_of(name: str, module: nn.Module, config: InitConfig) -> WeightConfig | None:
    if not isinstance(getattr(module, "weight", None), Tensor):
        return None
    for key, weights in reversed(list(config.layers.items())):
        if key == type(module).__name__ or (name and matches(name, key)):
            return weights
    return config.weights if isinstance(module, _LAYERS) else None


def _reset_norm(norm: nn.Module) -> None:
    """Scale 1, shift 0, and the statistics of nothing seen."""
    if isinstance(norm, _NormBase):
        norm.reset_running_stats()
    for name, parameter in norm.named_parameters(recurse=False):
        parameter.fill_(1.0 if name == "weight" else 0.0)


def _draw_layer(
    name: str, module: nn.Module, weights: WeightConfig, bias: float, around: _Around
) -> None:
    try:
        _draw(weights, module.get_parameter("weight"), around)
    except ValueError as error:
        kind = type(module).__name__
        raise RecipeError(
            f"train.init: {weights.name} does not suit {name or 'the model'}, a {kind}: {error}; "
            "name another way for it under layers"
        ) from error
    if isinstance(getattr(module, "bias", None), Tensor):
        module.get_parameter("bias").fill_(bias)


@singledispatch
def _draw(weights: Section, weight: Tensor, around: _Around) -> None:
    raise TypeError(f"{type(weights).__name__} draws no weights")


@_draw.register
def _xavier(weights: XavierConfig, weight: Tensor, around: _Around) -> None:
    draw: Callable[..., Tensor] = {
        "normal": nn.init.xavier_normal_,
        "uniform": nn.init.xavier_uniform_,
    }[weights.distribution]
    draw(weight, gain=around.gain, generator=around.generator)


@_draw.register
def _kaiming(weights: KaimingConfig, weight: Tensor, around: _Around) -> None:
    draw: Callable[..., Tensor] = {
        "normal": nn.init.kaiming_normal_,
        "uniform": nn.init.kaiming_uniform_,
    }[weights.distribution]
    activation, slope, generator = around
    draw(weight, a=slope, mode=weights.mode, nonlinearity=activation, generator=generator)


@_draw.register
def _orthogonal(weights: OrthogonalConfig, weight: Tensor, around: _Around) -> None:
    orthogonal(weight, around.gain, around.generator)


def orthogonal(weight: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> None:
    """`nn.init.orthogonal_` for weights of any layout in memory; torch refuses channels last."""
    drawn = torch.empty_like(weight, memory_format=torch.contiguous_format)
    weight.copy_(nn.init.orthogonal_(drawn, gain=gain, generator=generator))


@_draw.register
def _normal(weights: NormalConfig, weight: Tensor, around: _Around) -> None:
    nn.init.normal_(weight, weights.mean, weights.std, generator=around.generator)


@_draw.register
def _truncated_normal(weights: TruncatedNormalConfig, weight: Tensor, around: _Around) -> None:
    reach = weights.cut * weights.std
    low, high = weights.mean - reach, weights.mean + reach
    nn.init.trunc_normal_(weight, weights.mean, weights.std, low, high, generator=around.generator)


@_draw.register
def _uniform(weights: UniformConfig, weight: Tensor, around: _Around) -> None:
    nn.init.uniform_(weight, weights.low, weights.high, generator=around.generator)


@_draw.register
def _constant(weights: FixedConfig, weight: Tensor, around: _Around) -> None:
    weight.fill_(weights.value)


@_draw.register
def _dirac(weights: DiracConfig, weight: Tensor, around: _Around) -> None:
    nn.init.dirac_(weight)
