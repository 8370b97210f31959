"""A batch's augmentation as one op of torch, into which compilers do not look.

Planning runs on the host, in numpy, so no compiler can follow it. What it has to be told is which
shapes and types come out, and that the draws depend on tensors: then a new epoch, another index or
a short batch recompiles nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol
from weakref import WeakValueDictionary

import torch
from torch import Tensor


@dataclass(frozen=True)
class Key:
    """Who is augmented, on the CPU.

    Attributes:
        epoch: () int64.
        index: (B,) int64.
        repeat: (B,) int64.
    """

    epoch: Tensor
    index: Tensor
    repeat: Tensor


class Augmenter(Protocol):
    """What can stand in a graph; see `AugmentBatch`."""

    def augment(
        self, images: Tensor, labels: Tensor | None, key: Key, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Images, and labels that are mixed; of none, none."""

    def outline(
        self, images: Tensor, labels: Tensor | None, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Tensors of the shapes and types of what `augment` gives, of any content."""


# A compiled graph holds numbers, no objects.
_by_number: WeakValueDictionary[int, Augmenter] = WeakValueDictionary()
_numbers = count()


def numbered(augmenter: Augmenter) -> int:
    """The number under which a graph finds it, as long as it lives."""
    number = next(_numbers)
    _by_number[number] = augmenter
    return number


# What is planned anew each time must not be recorded once and replayed.
_TAGS: dict[str, Any] = (
    {"tags": (torch.Tag.cudagraph_unsafe,)} if hasattr(torch.Tag, "cudagraph_unsafe") else {}
)


@torch.library.custom_op("augpipe::augment_batch", mutates_args=(), **_TAGS)
def augment(
    images: Tensor,
    labels: Tensor | None,
    epoch: Tensor,
    index: Tensor,
    repeat: Tensor,
    number: int,
    training: bool,
) -> tuple[Tensor, Tensor]:
    """`Augmenter.augment` of the augmenter of that number.

    What comes out shares no memory with what went in, as torch asks of an op.
    """
    return _by_number[number].augment(images, labels, Key(epoch, index, repeat), training)


@augment.register_fake
def _outline(
    images: Tensor,
    labels: Tensor | None,
    epoch: Tensor,
    index: Tensor,
    repeat: Tensor,
    number: int,
    training: bool,
) -> tuple[Tensor, Tensor]:
    return _by_number[number].outline(images, labels, training)
