"""Parts of a model that do not learn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from augpipe.train.patterns import matches, refuse_idle


def freeze(model: nn.Module, patterns: Sequence[str]) -> list[nn.Module]:
    """Let the parameters that patterns name get no gradient; call it before `build_optimizer`.

    Args:
        model: whose parts are frozen.
        patterns: names of modules and parameters; `*` stands for anything, see `patterns`.

    Returns:
        The frozen norms with running statistics, for `train_mode`.

    Raises:
        RecipeError: a pattern names nothing.
    """
    refuse_idle(model, patterns, "train.freeze")
    for name, parameter in model.named_parameters():
        if any(matches(name, pattern) for pattern in patterns):
            parameter.requires_grad_(False)
    return [
        module
        for name, module in model.named_modules()
        if isinstance(module, _NormBase) and any(matches(name, pattern) for pattern in patterns)
    ]


def train_mode(model: nn.Module, frozen_norms: Iterable[nn.Module] = ()) -> None:
    """`model.train()`, except that frozen norms stay in eval mode.

    In train mode they would go on collecting statistics, and normalise by those of the batch:
    a frozen layer would keep changing what it computes.
    """
    model.train()
    for norm in frozen_norms:
        norm.eval()
