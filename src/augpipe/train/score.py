"""How good a model is: loss and accuracy as exact sums over samples, not means of batch means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from augpipe.errors import DataError
from augpipe.train.batches import Loader, pair


class Scores(NamedTuple):
    """Means over samples."""

    loss: float
    accuracy: float


class Tally:
    """Sums of loss, hits and samples that stay on the device until they are asked for."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)

    def add(
        self, loss: Tensor, logits: Tensor, labels: Tensor, counted: Tensor | None = None
    ) -> None:
        """Add one batch.

        Args:
            loss: () the mean loss over the batch.
            logits: (B, C).
            labels: (B,) int64, or (B, C) distributions, whose largest entry is the class to hit.
            counted: () bool on the device; where False the batch is left out. None counts it.
        """
        classes = labels if labels.ndim == 1 else labels.argmax(1)
        hits = (logits.argmax(1) == classes).sum()
        samples = torch.full_like(loss, len(logits), dtype=torch.float64)
        sums = torch.stack([loss.detach().double() * samples, hits.double(), samples])
        self._sums += sums if counted is None else torch.where(counted, sums, 0.0)

    def scores(self) -> Scores:
        """The means so far; waits for the device. NaN where nothing was counted."""
        loss, hits, samples = self._sums.tolist()
        return Scores(loss / samples, hits / samples) if samples else Scores(math.nan, math.nan)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model in eval mode, and each of its modules back into the mode it was in."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def evaluate(
    models: Mapping[str, nn.Module], loader: Loader, device: torch.device
) -> dict[str, Scores]:
    """Score models over one epoch of a loader; batches are loaded once for all models.

    Where the loader makes several views of a sample, such as ten crops, their logits are averaged.

    Raises:
        DataError: the loader has no batch.
    """
    if not len(loader):
        raise DataError("there is nothing to evaluate on: the validation data has no batch")
    tallies = {name: Tally(device) for name in models}
    with ExitStack() as stack:
        for model in models.values():
            stack.enter_context(evaluating(model))
        stack.enter_context(torch.inference_mode())
        for batch in loader:
            images, labels = pair(batch, device)
            for name, model in models.items():
                logits = _logits(model, images)
                tallies[name].add(functional.cross_entropy(logits, labels), logits, labels)
    return {name: tally.scores() for name, tally in tallies.items()}


def _logits(model: nn.Module, images: Tensor) -> Tensor:
    if images.ndim == 4:
        return cast(Tensor, model(images))
    return cast(Tensor, model(images.flatten(0, 1)).unflatten(0, images.shape[:2]).mean(1))
