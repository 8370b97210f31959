"""Pictures that lie in memory as one array."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import datasets as vision

from augpipe.data.dataset import ImageDataset
from augpipe.data.pixels import PixelSource
from augpipe.data.sample import Row, Targets
from augpipe.errors import DataError

_HASHED_PICTURES = 256

# Datasets that are arrays inside: `.data` is uint8, `.targets` one class for each picture. Listed
# one by one, since a class derived from them may return something else than it holds.
_ARRAYS_INSIDE = (
    vision.MNIST,
    vision.FashionMNIST,
    vision.KMNIST,
    vision.EMNIST,
    vision.CIFAR10,
    vision.CIFAR100,
)


class ArrayDataset(ImageDataset):
    """The pictures of an array, which is shared, not copied.

    Args:
        images: (N, H, W), (N, H, W, 1) or (N, H, W, 3) uint8, a numpy array or a CPU tensor.
        labels: (N,) whole numbers from 0, or None.
        classes: the names of the classes; by default the numbers up to the largest label.

    Raises:
        DataError: another dtype or shape, other lengths, or a label outside of the classes.
    """

    in_memory = True

    def __init__(self, images: Any, labels: Any = None, classes: Sequence[str] = ()) -> None:
        self._images = _checked_images(images)
        self._labels = None if labels is None else _checked_labels(labels, len(self._images))
        self.classes = tuple(classes)
        if self._labels is not None:
            largest = int(self._labels.max())
            self.classes = self.classes or tuple(map(str, range(largest + 1)))
            if largest >= len(self.classes):
                at = int(self._labels.argmax())
                raise DataError(
                    f"item {at} has the label {largest}, but there are {len(self.classes)} classes"
                )

    @classmethod
    def from_torchvision(cls, dataset: Any) -> ArrayDataset:
        """The arrays inside one of torchvision's datasets that `is_array_inside`.

        Raises:
            DataError: it has a transform, which reading the arrays would pass over.
        """
        if dataset.transform is not None or dataset.target_transform is not None:
            raise DataError(
                f"{type(dataset).__name__} has a transform of its own: make it without, and put "
                "the transform into the pipeline"
            )
        return cls(dataset.data, dataset.targets, tuple(dataset.classes))

    def __len__(self) -> int:
        return len(self._images)

    def row(self, index: int) -> Row:
        """Picture `index` of the array."""
        label = None if self._labels is None else int(self._labels[index])
        return Row(PixelSource(self._images[index]), Targets(label=label))

    def where(self, index: int) -> str:
        """The place in the array."""
        return f"item {index} of an array of {len(self)}"

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """(N,) the class of each picture, if there are labels."""
        return self._labels

    @cached_property
    def fingerprint(self) -> str:
        """Of the shape, labels and classes, and the pixels of 256 pictures evenly apart."""
        count = min(len(self), _HASHED_PICTURES)
        state = hashlib.sha256(repr((self._images.shape, self.classes)).encode())
        state.update(self._images[np.linspace(0, len(self) - 1, count).astype(int)].tobytes())
        if self._labels is not None:
            state.update(self._labels.tobytes())
        return state.hexdigest()[:16]


def is_array_inside(dataset: Any) -> bool:
    """Whether `ArrayDataset.from_torchvision` takes it."""
    return type(dataset) in _ARRAYS_INSIDE


def _checked_images(images: Any) -> NDArray[np.uint8]:
    if isinstance(images, torch.Tensor):
        images = images.detach().cpu().numpy()
    if not isinstance(images, np.ndarray):
        raise DataError(f"images are a {type(images).__name__}; give a numpy array or a tensor")
    known = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
    if images.dtype != np.uint8 or not known or not images.size:
        raise DataError(
            f"images are {images.dtype} of shape {images.shape}; expected uint8 of (N, H, W), "
            "(N, H, W, 1) or (N, H, W, 3), with colours last"
        )
    return images


def _checked_labels(labels: Any, count: int) -> NDArray[np.int64]:
    array = np.asarray(labels)
    if array.shape != (count,):
        raise DataError(
            f"labels have the shape {array.shape}; expected ({count},), as many as images"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"labels are {array.dtype}; expected whole numbers, the classes' indices")
    if (array < 0).any():
        at = int((array < 0).argmax())
        raise DataError(f"item {at} has the negative label {array[at]}")
    return array.astype(np.int64)
