"""Layer-sequential unit variance: initial weights that suit the data.

Mishkin & Matas, "All you need is a good init", ICLR 2016, algorithm 1: make each weight orthogonal;
then, from the first layer to the last, divide it by the standard deviation of its output on a real
batch until that is 1. Biases are left as they are (the paper starts them at 0, and so does `init`).
The model runs in eval mode: dropout draws nothing, and norms neither collect nor use the statistics
of the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from augpipe.errors import TrainError
from augpipe.train.config.init import LsuvConfig
from augpipe.train.init import orthogonal
from augpipe.train.score import evaluating

_LAYERS = (_ConvNd, nn.Linear)


@torch.no_grad()
def lsuv(
    model: nn.Module,
    images: Tensor,
    config: LsuvConfig | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, float]:
    """Scale convolutions and linear layers, in the order in which data meets them.

    Args:
        model: on the device of the images.
        images: (B, 3, H, W) float32, a batch as training sees it.
        config: when to stop; by default within 0.1 of 1, or after 10 tries.
        generator: to draw the orthogonal matrices from; by default torch's global one.

    Returns:
        By the layer's name in that order, the variance of its output at the end.

    Raises:
        TrainError: a layer's output does not vary at all, or is not finite.
    """
    config = config or LsuvConfig()
    names = {module: name for name, module in model.named_modules()}
    with evaluating(model):
        layers = _layers_in_order(model, images)
        for layer in layers:
            orthogonal(layer.get_parameter("weight"), generator=generator)
        return {
            names[layer]: _scale(model, images, layer, names[layer], config) for layer in layers
        }


def _scale(
    model: nn.Module, images: Tensor, layer: nn.Module, name: str, config: LsuvConfig
) -> float:
    """Scale one layer; returns the variance of its output."""
    variance = _output_variance(model, images, layer)
    for _ in range(config.max_tries):
        if not 0 < variance < float("inf"):
            raise TrainError(
                f"LSUV: the output of {name} has variance {variance:g}; no scale of its weights "
                "makes that 1, so look at what it is fed, and at its weights"
            )
        if abs(variance - 1) < config.tolerance:
            break
        layer.get_parameter("weight").div_(variance**0.5)
        variance = _output_variance(model, images, layer)
    return variance


def _layers_in_order(model: nn.Module, images: Tensor) -> list[nn.Module]:
    """The layers that a forward pass runs through, each once."""
    found: dict[nn.Module, None] = {}
    hooks = [
        module.register_forward_pre_hook(lambda module, inputs: found.setdefault(module))
        for module in model.modules()
        if isinstance(module, _LAYERS)
    ]
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return list(found)


def _output_variance(model: nn.Module, images: Tensor, layer: nn.Module) -> float:
    """The variance over all of a layer's output, the first time that it is used."""
    seen: list[float] = []
    hook = layer.register_forward_hook(
        lambda module, inputs, output: seen.append(float(output.float().var(correction=0)))
    )
    try:
        model(images)
    finally:
        hook.remove()
    return seen[0]
