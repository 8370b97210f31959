"""What training asks of a loader and of its batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from augpipe.errors import DataError, RecipeError


class Batch(Protocol):
    """Images and labels that belong together."""

    @property
    def images(self) -> Tensor:
        """(B, 3, H, W) float32, normalised."""

    @property
    def labels(self) -> Tensor | None:
        """(B,) int64 classes, or (B, C) float32 distributions over classes."""


class Loader(Protocol):
    """Batches, one epoch for each iteration; `dataset.classes` names the classes."""

    @property
    def dataset(self) -> Any:
        """The data set, with a sequence of names as `classes`."""

    def __len__(self) -> int:
        """The number of batches in an epoch."""

    def __iter__(self) -> Iterator[Any]:
        """The batches of one epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be this epoch."""

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, and in which data, as integers and strings."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stand there again; refuses the state of other data."""


def pair(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor]:
    """The images and labels of a batch on the device.

    Raises:
        DataError: the batch has no class labels.
        RecipeError: the images are not normalised.
    """
    images, labels = batch.images, batch.labels
    if labels is None:
        raise DataError("the batches have no class labels, which training a classifier needs")
    if not images.is_floating_point():
        raise RecipeError(
            f"the batches hold {images.dtype} images; add pipeline.normalize to the recipe"
        )
    return images.to(device, non_blocking=True), labels.to(device, non_blocking=True)


def common_classes(train_loader: Loader, val_loader: Loader) -> list[str]:
    """The names of the classes that both loaders agree on.

    Raises:
        DataError: they do not agree, or there is no batch to train on.
    """
    if not len(train_loader):
        raise DataError("there is nothing to train on: the training data has no batch")
    ours, theirs = list(train_loader.dataset.classes), list(val_loader.dataset.classes)
    if ours != theirs:
        odd = sorted(set(ours) ^ set(theirs))
        raise DataError(
            f"data.train has {len(ours)} classes and data.val {len(theirs)}, which must be the "
            f"same in the same order; they differ in: {', '.join(odd[:5]) or 'their order'}"
        )
    return ours
