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
from augpipe.train.batches import Batches, pair
from augpipe.train.confusion import Confusion
from augpipe.train.precision import Precision
from augpipe.train.processes import gathered, leads


class Scores(NamedTuple):
    """Means over samples.

    Attributes:
        loss: the mean cross-entropy.
        accuracy: the share of samples whose class is the first answer, in [0, 1].
        top_k: the share whose class is among the first k answers; None if nobody asked.
        confusion: (C, C) int64 on the CPU, samples of class [row] answered as class [column]; None
            if nobody asked.
    """

    loss: float
    accuracy: float
    top_k: float | None = None
    confusion: Tensor | None = None


class Tally:
    """Sums of loss, hits and samples that stay on the device until they are asked for.

    Args:
        device: where batches come from.
        top_k: how many answers count as a hit in `Scores.top_k`; of fewer classes, all.
        confusion: whether to count what is taken for what.
    """

    def __init__(
        self, device: torch.device, *, top_k: int | None = None, confusion: bool = False
    ) -> None:
        self._sums = torch.zeros(4, dtype=torch.float64, device=device)
        self._top_k = top_k
        self._confusion = Confusion(device) if confusion else None

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
        answers = logits.argmax(1)
        hits = (answers == classes).sum(dtype=torch.float64)
        samples = torch.full_like(hits, len(logits))
        loss = loss.detach().double() * len(logits)
        sums = torch.stack([samples, loss, hits, self._near_hits(logits, classes, hits)])
        self._sums += sums if counted is None else torch.where(counted, sums, 0.0)
        if self._confusion:
            self._confusion.add(classes, answers, logits.shape[1])

    def _near_hits(self, logits: Tensor, classes: Tensor, hits: Tensor) -> Tensor:
        if self._top_k is None:
            return hits
        nearest = logits.topk(min(self._top_k, logits.shape[1]), dim=1).indices
        return (nearest == classes[:, None]).sum(dtype=torch.float64)

    def scores(self) -> Scores:
        """The means so far; waits for the device. NaN where nothing was counted."""
        samples, *sums = self._sums.tolist()
        loss, accuracy, top_k = (total / samples if samples else math.nan for total in sums)
        return Scores(
            loss,
            accuracy,
            None if self._top_k is None else top_k,
            self._confusion.matrix() if self._confusion else None,
        )

    def gather(self) -> None:
        """Add what all other processes have counted, which is what one alone would have.

        Sums are added in the order of the processes, so all of them get the same to the bit.
        """
        self._sums = torch.stack(gathered(self._sums.cpu())).sum(0).to(self._sums.device)
        if self._confusion:
            self._confusion.gather()

    def state_dict(self) -> dict[str, list[float]]:
        """The sums of samples, loss, hits and near hits over all processes; waits for the device.

        Ask for it in all of them at once.
        """
        return {"sums": torch.stack(gathered(self._sums.cpu())).sum(0).tolist()}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        """Go on from saved sums, which the leader of several processes keeps for all."""
        if leads():
            self._sums.copy_(torch.tensor(state["sums"], dtype=torch.float64))


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
    models: Mapping[str, nn.Module],
    loader: Batches,
    device: torch.device,
    *,
    precision: Precision | None = None,
    layout: torch.memory_format = torch.preserve_format,
    top_k: int | None = None,
    confusion: bool = False,
) -> dict[str, Scores]:
    """Score models over one epoch of a loader; batches are loaded once for all models.

    Several processes share the loader's rows, and each gets the scores over all of them.

    Where the loader makes several views of a sample, such as ten crops, their logits are averaged.

    Args:
        models: by name, on the device.
        loader: what to judge them by.
        device: where they are.
        precision: what they compute in; by default float32.
        layout: of the pictures in memory.
        top_k: how many answers count as a hit in `Scores.top_k`.
        confusion: whether to count what is taken for what.

    Raises:
        DataError: the loader has no batch.
    """
    if not any(gathered(len(loader))):
        raise DataError("there is nothing to evaluate on: the validation data has no batch")
    precision = precision or Precision("float32", device)
    tallies = {name: Tally(device, top_k=top_k, confusion=confusion) for name in models}
    with ExitStack() as stack:
        for model in models.values():
            stack.enter_context(evaluating(model))
        stack.enter_context(torch.inference_mode())
        for batch in loader:
            images, labels, _ = pair(batch, device, layout)
            for name, model in models.items():
                with precision.autocast():
                    logits = _logits(model, images).float()
                tallies[name].add(functional.cross_entropy(logits, labels), logits, labels)
    for tally in tallies.values():
        tally.gather()
    return {name: tally.scores() for name, tally in tallies.items()}


def _logits(model: nn.Module, images: Tensor) -> Tensor:
    if images.ndim == 4:
        return cast(Tensor, model(images))
    return cast(Tensor, model(images.flatten(0, 1)).unflatten(0, images.shape[:2]).mean(1))
