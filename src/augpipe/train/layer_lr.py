"""How fast each layer learns, and how the learning rate follows the batch size."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import nn

from augpipe.errors import RecipeError
from augpipe.train.config.optimizer import LayerDecayConfig, LrScalingConfig
from augpipe.train.patterns import matches, refuse_idle


def scale_factor(scaling: LrScalingConfig, batch_size: int) -> float:
    """What a learning rate is multiplied by for a batch size.

    Linear: k times the batch means one k-th of the steps (Goyal et al., 2017, "Accurate, large
    minibatch SGD", section 2.1). The root keeps the variance of the steps (Krizhevsky, 2014, "One
    weird trick", section 5), and is what Adam-like optimizers want (Malladi et al., NeurIPS 2022).

    Args:
        scaling: the rule, and the batch size that the learning rate is meant for.
        batch_size: samples in an optimizer step, over all micro-batches and processes.
    """
    ratio = batch_size / scaling.base
    return ratio if scaling.rule == "linear" else math.sqrt(ratio)


def lr_factors(
    model: nn.Module, decay: LayerDecayConfig | None, factors: Mapping[str, float]
) -> dict[str, float]:
    """What the learning rate of each parameter is multiplied by.

    Args:
        model: whose parameters.
        decay: layer-wise decay: layer i of n learns at `factor ** (n - 1 - i)`. Parameters that
            lie in none of its layers count to the first, as class tokens and positions do.
        factors: further factors by pattern; of several that match a parameter the last counts.

    Returns:
        By the parameter's name, shared ones under their first.

    Raises:
        RecipeError: a pattern names nothing, or layers overlap.
    """
    refuse_idle(model, factors, "train.optimizer.lr_factors")
    names = [name for name, _ in model.named_parameters()]
    return {
        name: layer * next((f for p, f in reversed(list(factors.items())) if matches(name, p)), 1.0)
        for name, layer in _decayed(model, names, decay).items()
    }


def _decayed(
    model: nn.Module, names: list[str], decay: LayerDecayConfig | None
) -> dict[str, float]:
    if decay is None:
        return dict.fromkeys(names, 1.0)
    layers = decay.layers or tuple(dict.fromkeys(name.split(".")[0] for name in names))
    refuse_idle(model, layers, "train.optimizer.layer_decay.layers")
    return {name: decay.factor ** (len(layers) - 1 - _layer_of(name, layers)) for name in names}


def _layer_of(name: str, layers: tuple[str, ...]) -> int:
    found = [number for number, pattern in enumerate(layers) if matches(name, pattern)]
    if len(found) > 1:
        raise RecipeError(
            f"train.optimizer.layer_decay.layers: {layers[found[0]]!r} and {layers[found[1]]!r} "
            f"both name {name}; each parameter lies in one layer"
        )
    return found[0] if found else 0
