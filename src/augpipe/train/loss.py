"""The loss of a classifier, as a sum and what to divide it by, so that batches can be put together.

The mean of a window of batches is the sum of their sums over the sum of their sizes; the mean of
their means is another number wherever the batches differ in size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from augpipe.errors import DataError, RecipeError
from augpipe.train.config import TrainConfig


class Loss:
    """Cross-entropy with label smoothing and class weights; its mean is torch's `cross_entropy`.

    Args:
        label_smoothing: probability taken from the label and spread over all classes, in [0, 1)
            (Szegedy et al., 2016).
        class_weights: (C,) float32 on the device; what a sample of each class counts.
    """

    def __init__(self, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> None:
        self._label_smoothing = label_smoothing
        self._class_weights = class_weights
        self._sizes: dict[int, Tensor] = {}

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The sum over samples, () float32.

        Args:
            logits: (B, C).
            labels: (B,) int64 classes, or (B, C) float32 distributions over classes.
        """
        return functional.cross_entropy(
            logits,
            labels,
            weight=self._class_weights,
            label_smoothing=self._label_smoothing,
            reduction="sum",
        )

    def size(self, labels: Tensor) -> Tensor:
        """What a mean over these samples divides by, () float32 on their device.

        With class weights the mean is a weighted one; for distributions torch divides by their
        number all the same, and so do we.
        """
        if self._class_weights is None or labels.ndim == 2:
            count = len(labels)
            if count not in self._sizes:  # a new tensor for each step would be a copy for each
                self._sizes[count] = torch.tensor(float(count), device=labels.device)
            return self._sizes[count]
        return self._class_weights[labels].sum()


def find_class_weights(
    given: Literal["balanced"] | Sequence[float] | None,
    labels: NDArray[np.int64] | None,
    classes: int,
    outputs: int,
) -> Tensor | None:
    """The weights that a recipe asks for.

    Args:
        given: weights in the order of the classes; or `balanced`: N / (C n_c) for a class of n_c
            among N rows (King & Zeng, 2001), so that every class counts the same.
        labels: (N,) the class of each row, which only `balanced` needs.
        classes: how many classes the data has.
        outputs: of the network, at least as many; those without a class weigh 1.

    Returns:
        (outputs,) float32, or None.

    Raises:
        RecipeError: there are not as many weights as classes.
        DataError: a class has no row, or the data does not know its labels.
    """
    if given is None:
        return None
    weights = _balanced(labels, classes) if given == "balanced" else list(given)
    if len(weights) != classes:
        raise RecipeError(
            f"train.class_weights has {len(weights)} numbers, but the data has {classes} classes"
        )
    return torch.tensor([*weights, *[1.0] * (outputs - classes)], dtype=torch.float32)


def _balanced(labels: NDArray[np.int64] | None, classes: int) -> list[float]:
    if labels is None:
        raise DataError(
            "balanced class weights need the labels of all rows, which this data does not know "
            "before it is read; give train.class_weights as numbers"
        )
    counts = np.bincount(labels, minlength=classes)
    if not counts.all():
        raise DataError(
            f"class {int(np.argmin(counts))} has no row to train on, so it has no balanced weight; "
            "give train.class_weights as numbers"
        )
    return [float(weight) for weight in len(labels) / (classes * counts)]


def build_loss(
    config: TrainConfig, labels: NDArray[np.int64] | None, classes: int, device: torch.device
) -> Loss:
    """The loss of a recipe; arguments and errors are those of `find_class_weights`."""
    outputs = config.model.num_classes or classes
    weights = find_class_weights(config.class_weights, labels, classes, outputs)
    return Loss(config.label_smoothing, None if weights is None else weights.to(device))
