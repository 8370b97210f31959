"""What training asks of a loader and of its batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
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

    @property
    def index(self) -> Tensor:
        """(B,) int64 on the CPU, the rows of the data set."""


class Labelled(NamedTuple):
    """A batch where the model is: images, labels, and the rows of the data set they were."""

    images: Tensor
    labels: Tensor
    rows: list[int]


class Batches(Protocol):
    """Batches that may be gone through."""

    def __len__(self) -> int:
        """How many there are."""

    def __iter__(self) -> Iterator[Any]:
        """One after the other; each is a `Batch`."""


class Loader(Batches, Protocol):
    """Batches, one epoch for each iteration; `dataset.classes` names the classes."""

    @property
    def dataset(self) -> Any:
        """The data set, with a sequence of names as `classes`."""

    @property
    def batch_size(self) -> int | None:
        """Samples in a batch of this process."""

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be this epoch."""

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, and in which data, as integers and strings."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stand there again; refuses the state of other data."""


T = TypeVar("T")


def windows(batches: Iterable[T], size: int) -> Iterator[list[T]]:
    """The batches in lists of `size`; the last one has what is left."""
    left = iter(batches)
    while window := list(islice(left, size)):
        yield window


def pair(
    batch: Batch, device: torch.device, layout: torch.memory_format = torch.preserve_format
) -> Labelled:
    """A batch on the device; pictures, if there is one of each sample, in that memory layout.

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
    images = images.to(device, torch.float32, non_blocking=True)  # autocast knows what to narrow
    if images.ndim == 4:
        images = images.to(memory_format=layout)
    return Labelled(images, labels.to(device, non_blocking=True), batch.index.tolist())


def first_batch(loader: Loader) -> Batch:
    """The first batch of epoch 0; what is iterated next begins where its epoch is set to.

    Raises:
        DataError: the loader has no batch.
    """
    loader.set_epoch(0)
    for batch in loader:
        first: Batch = batch
        return first
    raise DataError("there is nothing to train on: the training data has no batch")


def labels_of(loader: Loader) -> NDArray[np.int64] | None:
    """(N,) the class of each row of a loader's data, if that is known before rows are read."""
    labels: NDArray[np.int64] | None = getattr(
        getattr(loader, "source", loader.dataset), "labels", None
    )
    return labels


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
