"""Averages of weights that training has left behind: of epochs (SWA), and of checkpoints."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypedDict

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from augpipe.errors import StateError
from augpipe.train import checkpoint
from augpipe.train.config.average import SwaConfig
from augpipe.train.score import evaluating

Weights = dict[str, Tensor]


class SwaState(TypedDict):
    """What a checkpoint keeps."""

    model: Weights
    count: int


class Swa:
    """The plain mean of a model's weights after several epochs (Izmailov et al., UAI 2018).

    The mean belongs to no batch statistics that were ever collected: `recompute_norms` before it is
    evaluated. (In the paper the learning rate stays high or cycles while it is taken.)

    Args:
        model: to follow.
        config: after which epochs.

    Attributes:
        count: how many sets of weights the mean is of.
    """

    def __init__(self, model: nn.Module, config: SwaConfig) -> None:
        self._live, self._config = model, config
        self.average = copy.deepcopy(model).requires_grad_(False).eval()
        """The averaged model, frozen and in eval mode."""
        self.count = 0

    @torch.no_grad()
    def update(self, epoch: int) -> bool:
        """Take in the weights at the end of an epoch, if it is one that counts.

        Args:
            epoch: counted from 1.

        Returns:
            Whether it was.
        """
        since = epoch - self._config.start_epoch
        if since < 0 or since % self._config.every_epochs:
            return False
        for mean, now in zip(self.average.parameters(), self._live.parameters(), strict=True):
            mean.lerp_(now, 1 / (self.count + 1))
        for own, live in zip(self.average.buffers(), self._live.buffers(), strict=True):
            own.copy_(live)
        self.count += 1
        return True

    def state_dict(self) -> SwaState:
        """What `load_state_dict` needs to go on."""
        return {"model": self.average.state_dict(), "count": self.count}

    def load_state_dict(self, state: SwaState) -> None:
        """Go on from there."""
        self.average.load_state_dict(state["model"])
        self.count = state["count"]


@torch.no_grad()
def recompute_norms(
    model: nn.Module, images: Iterable[Tensor], keep: Iterable[nn.Module] = ()
) -> None:
    """Give batch norms the statistics of these weights, as the mean over all batches.

    Statistics are reset, and `momentum=None` makes torch take the plain mean of the batches' ones
    (`torch.optim.swa_utils.update_bn`; a momentum of 0 would leave them at their reset values:
    Lightning issue 14866). Everything but the norms runs in eval mode, so the statistics are those
    of the net as it will be used; torch leaves dropout on.

    Args:
        model: whose norms.
        images: batches (B, 3, H, W) on the model's device, augmented as in training.
        keep: norms that are left alone, such as frozen ones.
    """
    kept = set(keep)
    norms = [
        module
        for module in model.modules()
        if isinstance(module, _NormBase) and module.track_running_stats and module not in kept
    ]
    momenta = [norm.momentum for norm in norms]
    with evaluating(model):
        for norm in norms:
            norm.train()
            norm.reset_running_stats()
            norm.momentum = None
        try:
            for batch in images if norms else ():
                model(batch)
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum


def average_checkpoints(
    paths: Sequence[Path],
    weights: Sequence[float] | None = None,
    key: Literal["model", "ema"] = "model",
) -> Weights:
    """The weighted mean of the weights in several checkpoints of one model.

    Files are read with `weights_only`. Sums are float64. What holds no floating-point numbers, such
    as counts of batches, is the last file's; statistics of norms are averaged too, which is no more
    than a first guess: `recompute_norms` afterwards.

    Args:
        paths: checkpoints of augpipe.
        weights: one for each, of any sum but 0; by default all alike.
        key: the live weights, or the moving average.

    Returns:
        A state dictionary for `load_state_dict`, of the dtypes that the files hold.

    Raises:
        StateError: a file is no checkpoint, has no average, or is of another model.
        ValueError: there is no file, or not a weight for each.
    """
    shares = [1.0] * len(paths) if weights is None else list(weights)
    if not paths or len(shares) != len(paths) or not sum(shares):
        raise ValueError(f"{len(paths)} checkpoints, {len(shares)} weights of sum {sum(shares)}")
    states = [_weights_of(path, key) for path in paths]
    for path, state in zip(paths, states, strict=True):
        _refuse_other_model(state, states[0], path, paths[0])
    shares = [share / sum(shares) for share in shares]
    return {name: _mean([state[name] for state in states], shares) for name in states[0]}


def _weights_of(path: Path, key: Literal["model", "ema"]) -> Weights:
    weights = checkpoint.load(path)[key]
    if not weights:
        raise StateError(f"{path} holds no moving average; train with train.ema, or take the model")
    return weights


def _refuse_other_model(state: Weights, first: Weights, path: Path, first_path: Path) -> None:
    shapes, others = ({name: t.shape for name, t in s.items()} for s in (first, state))
    odd = sorted(name for name in shapes | others if shapes.get(name) != others.get(name))
    if odd:
        raise StateError(
            f"{path} is of another model than {first_path}: {', '.join(odd[:3])} differ; average "
            "checkpoints of one model only"
        )


def _mean(tensors: list[Tensor], shares: list[float]) -> Tensor:
    last = tensors[-1]
    if not last.is_floating_point():
        return last
    total = torch.zeros_like(last, dtype=torch.float64)
    for tensor, share in zip(tensors, shares, strict=True):
        total.add_(tensor.double(), alpha=share)
    return total.to(last.dtype)
