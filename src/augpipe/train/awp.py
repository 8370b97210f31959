"""Adversarial weight perturbation: train where the weights are at their worst (Wu et al., 2020).

Wu, Xia and Wang, "Adversarial Weight Perturbation Helps Robust Generalization", NeurIPS 2020,
eq. 8 to 11, with the one step that the paper found to be enough. The gradients that train the model
are those at the perturbed weights, but they move the weights that were there before:

    with perturbed(model, images, labels, loss, gamma=0.005):
        loss(model(images), labels).backward()
    optimizer.step()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

from augpipe.train.attack import Loss
from augpipe.train.untouched import buffers_restored


@contextmanager
def perturbed(
    model: nn.Module, images: Tensor, labels: Tensor, loss: Loss, *, gamma: float = 0.005
) -> Iterator[None]:
    """Move each weight w up its own gradient g, by gamma * |w| * g / |g|; put it back at the end.

    The weights are put back to the bit, also when the block raises, and before optimizer and
    averages see them. Norms, biases and frozen weights stay where they are. Looking for the
    gradient changes neither `.grad` nor running statistics; what runs inside the block does.

    Args:
        model: in the mode it trains in; without a wrapper such as DDP.
        images: (B, C, H, W), already adversarial where training is.
        labels: whatever `loss` takes.
        loss: what to make worse.
        gamma: how far, relative to the norm of each weight.
    """
    weights = [p for p in model.parameters() if p.ndim > 1 and p.requires_grad]
    with buffers_restored(model), torch.enable_grad():
        gradients = torch.autograd.grad(loss(model(images), labels), weights, allow_unused=True)
    kept = [weight.detach().clone() for weight in weights]
    try:
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                if gradient is not None:
                    weight.add_(_ascent(weight, gradient, gamma))
        yield
    finally:
        with torch.no_grad():
            for weight, before in zip(weights, kept, strict=True):
                weight.copy_(before)


def _ascent(weight: Tensor, gradient: Tensor, gamma: float) -> Tensor:
    """How far one weight moves; nowhere where there is no gradient."""
    tiny = torch.finfo(gradient.dtype).tiny
    move: Tensor = gradient / vector_norm(gradient).clamp(min=tiny)
    return move.mul_(gamma * vector_norm(weight))
