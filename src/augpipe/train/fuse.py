"""A model as it is deployed: batch norms and side branches folded into convolutions."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from augpipe.errors import TrainError
from augpipe.train.nets.reparam import BranchedConv, fuse_norm

# Of the largest output. In float64 the two differ by rounding only, about 1e-15 for each layer.
_TOLERANCE = 1e-10


def fuse(model: nn.Module, images: Tensor) -> nn.Module:
    """A copy of a model with fewer layers and the same outputs, which is checked.

    Folded are `BranchedConv`, and in every `nn.Sequential` a convolution with the batch norm right
    after it; other models, such as most of torchvision's, keep the norms they call by name. Kernels
    are folded, and outputs compared, in float64; the copy is rounded at the end.

    Args:
        model: in eval mode; it is left alone. Best the averaged one.
        images: (B, 3, H, W) a batch to compare the outputs on.

    Returns:
        The fused copy, in eval mode, on the model's device and in its dtype.

    Raises:
        TrainError: the model is in training mode, where batch norm is no linear map; or, which
            would be a bug, the outputs differ.
    """
    if any(module.training for module in model.modules()):
        raise TrainError(
            "only a model in eval mode can be fused: in training, batch norm depends on the batch; "
            "call model.eval() first"
        )
    parameter = next(model.parameters())
    exact, batch = copy.deepcopy(model).cpu().double(), images.detach().cpu().double()
    with torch.no_grad():
        expected = exact(batch)
        fused = _fused(exact)
        _compare(fused(batch), expected)
    return fused.eval().to(parameter.device, parameter.dtype)


def _fused(module: nn.Module) -> nn.Module:
    """The module with all that is in it fused; parts are replaced in place."""
    if isinstance(module, BranchedConv):
        return module.fuse()
    if type(module).forward is nn.Sequential.forward:
        _fold_norms(cast(nn.Sequential, module))
    for name, child in module.named_children():
        setattr(module, name, _fused(child))
    return module


def _fold_norms(sequence: nn.Sequential) -> None:
    """Fold each batch norm with running statistics into the convolution right before it."""
    for at, (first, second) in enumerate(pairwise(list(sequence))):
        foldable = isinstance(second, nn.BatchNorm2d) and second.track_running_stats
        if isinstance(first, nn.Conv2d) and foldable:
            sequence[at] = fuse_norm(first, cast(nn.BatchNorm2d, second))
            sequence[at + 1] = nn.Identity()


def _compare(outputs: Tensor, expected: Tensor) -> None:
    error = float((outputs - expected).abs().max() / expected.abs().max().clamp(min=1.0))
    if not error <= _TOLERANCE:
        raise TrainError(
            f"the fused model's outputs differ by {error:.1e}, more than {_TOLERANCE:.0e}; "
            "deploy the model as it is, and please report its architecture"
        )
