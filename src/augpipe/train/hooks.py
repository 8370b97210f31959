"""What goes on inside a model: outputs and gradients of its layers, read by hooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

from augpipe.errors import RecipeError, TrainError, suggest
from augpipe.train.attack import Loss
from augpipe.train.score import evaluating


class Observed(NamedTuple):
    """One batch's way through a model and back.

    Attributes:
        outputs: of each observed layer, (B, ...), by its name.
        gradients: of the loss with respect to these outputs; zeros where it does not depend on one.
        norms: the L2 norm of the loss's gradient with respect to the parameters that each layer of
            the model has itself, by the layer's name, in the order of the model.
    """

    outputs: dict[str, Tensor]
    gradients: dict[str, Tensor]
    norms: dict[str, float]


class Statistics(NamedTuple):
    """Of a layer's outputs: their mean and deviation, the share of zeros, and of dead channels.

    A channel is dead that is zero in every place of every sample of the batch.
    """

    mean: float
    std: float
    zeros: float
    dead: float


def find_layers(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """The names of layers that any pattern names, in the order of the model.

    Args:
        model: whose `named_modules` are searched.
        patterns: names, such as `layer3`, or patterns of them, such as `stages.*.0`, whose parts
            between the dots match one part each.

    Raises:
        RecipeError: a pattern names no layer.
    """
    names = [name for name, _ in model.named_modules() if name]
    for pattern in patterns:
        if not any(_matches(name, pattern) for name in names):
            raise RecipeError(f"the model has no layer {pattern!r}; {suggest(pattern, names)}")
    return [name for name in names if any(_matches(name, pattern) for pattern in patterns)]


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


@contextmanager
def outputs_of(model: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Keep what layers put out in the last forward pass; the hooks are gone afterwards.

    Yields:
        A dictionary that each forward pass fills, by name.

    Raises:
        TrainError: in the forward pass, where a layer's output is no tensor.
    """
    kept: dict[str, Tensor] = {}
    layers = dict(model.named_modules())
    handles = [layers[name].register_forward_hook(partial(_keep, kept, name)) for name in names]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def _keep(kept: dict[str, Tensor], name: str, layer: nn.Module, inputs: Any, output: Any) -> Tensor:
    """Keep an output, and pass on a copy, which the next layer may change in place."""
    if not isinstance(output, Tensor):
        raise TrainError(f"layer {name} puts out a {type(output).__name__}; observe one inside it")
    kept[name] = output
    return output.clone()


def observe(
    model: nn.Module, images: Tensor, labels: Tensor, loss: Loss, names: Sequence[str]
) -> Observed:
    """Send one batch through a model and back, and leave the model as it was.

    The model is in eval mode meanwhile: nothing is learnt from the batch, and no random number is
    drawn, so training goes on as if nobody had looked. Neither is `.grad` touched.

    Args:
        model: of images to logits; without a wrapper such as DDP.
        images: (B, 3, H, W) float32 on the model's device.
        labels: whatever `loss` takes.
        loss: whose gradients are wanted.
        names: of the layers, see `find_layers`.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with evaluating(model), outputs_of(model, names) as outputs, torch.enable_grad():
        # The leaf asks for gradients, so that frozen layers have some too.
        value = loss(model(images.detach().requires_grad_()), labels)
        wanted = [*outputs.values(), *parameters.values()]
        found = torch.autograd.grad(value, wanted, materialize_grads=True)
    gradients = dict(zip(outputs, found, strict=False))
    norms = gradient_norms(dict(zip(parameters, found[len(outputs) :], strict=True)))
    return Observed({name: output.detach() for name, output in outputs.items()}, gradients, norms)


def gradient_norms(gradients: dict[str, Tensor]) -> dict[str, float]:
    """The L2 norm of each layer's gradients, from those of its parameters by their names.

    In training: `gradient_norms({n: p.grad for n, p in model.named_parameters() if p.grad is not
    None})`, which waits for the device once.
    """
    layers: dict[str, list[Tensor]] = {}
    for name, gradient in gradients.items():
        layers.setdefault(name.rpartition(".")[0], []).append(vector_norm(gradient))
    if not layers:
        return {}
    norms = torch.stack([vector_norm(torch.stack(parts)) for parts in layers.values()])
    return dict(zip(layers, norms.tolist(), strict=True))


def statistics(output: Tensor) -> Statistics:
    """Of one layer's output, (B, C, ...)."""
    alive = (output.transpose(0, 1).flatten(1) != 0).any(1)
    zeros, dead = (output == 0).float().mean(), 1 - alive.float().mean()
    numbers = torch.stack([output.mean(), output.std(correction=0), zeros, dead])
    return Statistics(*numbers.tolist())
