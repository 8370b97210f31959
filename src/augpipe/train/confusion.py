"""Which classes a model takes for which, and how good it is at each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from augpipe.train.processes import gathered


class Confusion:
    """Counts of (class, answer), kept on the device."""

    def __init__(self, device: torch.device) -> None:
        self._counts = torch.zeros(0, 0, dtype=torch.int64, device=device)

    def add(self, classes: Tensor, answers: Tensor, outputs: int) -> None:
        """Count one batch.

        Args:
            classes: (B,) int64, what the samples are.
            answers: (B,) int64, what the model takes them for.
            outputs: how many answers there are; the same in every call.
        """
        if not len(self._counts):
            self._counts = self._counts.new_zeros(outputs, outputs)
        self._counts.view(-1).scatter_add_(0, classes * outputs + answers, torch.ones_like(classes))

    def gather(self) -> None:
        """Add what the other processes have counted; one without a batch knows no outputs."""
        counts = [part for part in gathered(self.matrix()) if len(part)]
        if counts:
            self._counts = torch.stack(counts).sum(0).to(self._counts.device)

    def matrix(self) -> Tensor:
        """(C, C) int64 on the CPU: samples of class [row] that were answered as class [column]."""
        return self._counts.to("cpu", copy=True)


def per_class(confusion: Tensor, names: Sequence[str]) -> list[dict[str, Any]]:
    """How good a model is at each class.

    Args:
        confusion: (C, C) counts, samples of class [row] answered as class [column].
        names: of the classes; an output beyond them is called by its number.

    Returns:
        For each class its name, how many samples it has, precision (of those answered as it, how
        many are), recall (of those that are, how many are answered as it) and F1, the harmonic mean
        of the two; NaN where there is none to divide by.
    """
    counts = confusion.double()
    hits, answered, present = counts.diagonal(), counts.sum(0), counts.sum(1)
    f1 = 2 * hits / (answered + present)
    columns = (present.long(), hits / answered, hits / present, f1)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        {"class": name, "samples": n, "precision": p, "recall": r, "f1": f}
        for name, (n, p, r, f) in zip(all_names(names, len(counts)), rows, strict=True)
    ]


def all_names(names: Sequence[str], outputs: int) -> list[str]:
    """The names of all outputs of a network, of which the first are classes of the data."""
    return [*names, *(f"output {number}" for number in range(len(names), outputs))]
