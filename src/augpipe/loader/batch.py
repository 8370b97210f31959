"""What a loader yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import cv2
import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from augpipe.data.sample import Sample, spatial_in
from augpipe.errors import DataError, PlanError, TargetError
from augpipe.execute.cv2.color import normalize_into
from augpipe.execute.cv2.types import Values

# Makes an array of a shape and a dtype, of any content, as `np.empty` does.
Empty = Callable[[Sequence[int], DTypeLike], NDArray[Any]]


# A target's array for each sample; None where the samples have none.
Column = Sequence[NDArray[Any] | None] | None


@dataclass(frozen=True)
class Batch:
    """B samples. `images, targets = batch` unpacks it.

    Attributes:
        images: (B, 3, H, W) uint8 RGB, or float32 after `normalize`; where an op makes several
            views of each sample, (B, views, 3, H, W).
        index: (B,) int64, the rows of the dataset; stays on the CPU.
        repeat: (B,) int64, how often the epoch showed the row before; stays on the CPU.
        epoch: the epoch that all samples belong to.
        labels: (B,) int64 classes, or (B, C) float32 distributions.
        boxes: for each sample (N, 4) float32, x0, y0, x1, y1, or as the pipeline's `boxes.format`
            says.
        box_labels: for each sample (N,) int64.
        masks: for each sample (N, H, W) uint8 instances, or (H, W) int64 classes.
        keypoints: for each sample (N, K, 2 or 3) float32.
        mirrored_keypoints: for each sample (K,) int64, where its keypoints go when it is mirrored;
            stays on the CPU.
    """

    images: Tensor
    index: Tensor
    repeat: Tensor
    epoch: int
    labels: Tensor | None = None
    boxes: tuple[Tensor, ...] | None = None
    box_labels: tuple[Tensor, ...] | None = None
    masks: tuple[Tensor, ...] | None = None
    keypoints: tuple[Tensor, ...] | None = None
    mirrored_keypoints: tuple[Tensor, ...] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Any]:
        yield self.images
        yield self.targets

    @property
    def targets(self) -> Tensor | list[dict[str, Tensor]] | None:
        """The labels; for detection a dictionary for each picture, as torchvision's models take.

        Its keys are boxes, labels, masks and keypoints, as far as they are known.
        """
        many = {
            name: values
            for name, values in (
                ("boxes", self.boxes),
                ("labels", self.box_labels),
                ("masks", self.masks),
                ("keypoints", self.keypoints),
            )
            if values is not None
        }
        if not many:
            return self.labels
        return [{name: values[b] for name, values in many.items()} for b in range(len(self))]

    @property
    def provenance(self) -> dict[str, Any]:
        """Epoch, rows and repeats, as `Pipeline.plan` takes them."""
        own = {"index": self.index.numpy(), "repeat": self.repeat.numpy()}
        return {"epoch": self.epoch, **own}

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """The batch on that device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The batch in page-locked memory, from which copies to a GPU need not wait."""
        return self._map(Tensor.pin_memory)

    def tensors(self) -> Iterator[Tensor]:
        """All that `to` moves."""
        for name in _MOVED:
            value = getattr(self, name)
            yield from value if isinstance(value, tuple) else () if value is None else (value,)

    def _map(self, move: Callable[[Tensor], Tensor]) -> Self:
        moved: dict[str, Any] = {}
        for name in _MOVED:
            value = getattr(self, name)
            if value is not None:
                moved[name] = tuple(map(move, value)) if isinstance(value, tuple) else move(value)
        return replace(self, **moved)


# What is asked where plans are made, and stays there.
_STAYS = ("index", "repeat", "epoch", "mirrored_keypoints")
_MOVED = tuple(field.name for field in fields(Batch) if field.name not in _STAYS)


def collate(
    samples: Sequence[Sample],
    where: Callable[[int], str],
    *,
    empty: Empty = np.empty,
    normalize: Values | None = None,
    **provenance: Any,
) -> Batch:
    """Samples of one size as a batch.

    Args:
        samples: B of them.
        where: what to call sample number b in an error.
        empty: makes the array of a shape and a dtype that the pictures are put into.
        normalize: `mean` and `std` for pictures that are uint8 still; they are normalised on the
            way into the batch, which saves writing and reading them once more.
        **provenance: `index`, `repeat` and `epoch` of the batch.

    Raises:
        PlanError: pictures of different sizes.
        DataError: some have a target that others lack.
    """
    if samples[0].views:
        _refuse_to_share(samples[0], where(0))
    _refuse_sizes(samples, where)
    return Batch(
        images=_stack_images(samples, empty, normalize),
        labels=_stack_labels(_column(samples, "label", where)),
        masks=_tensors(_column(samples, "masks", where)),
        mirrored_keypoints=_tensors(_column(samples, "mirrored_keypoints", where)),
        **tensors_of(*(_column(samples, n, where) for n in ("boxes", "box_labels", "keypoints"))),
        **provenance,
    )


def tensors_of(boxes: Column, box_labels: Column, keypoints: Column) -> dict[str, Any]:
    """Fields of a batch, from arrays for each picture."""
    return {
        "boxes": _tensors(boxes, torch.float32),
        "box_labels": _tensors(box_labels, torch.int64),
        "keypoints": _tensors(keypoints, torch.float32),
    }


def _refuse_to_share(sample: Sample, name: str) -> None:
    """All views of a sample have one label."""
    present = spatial_in(sample.targets)
    if present:
        raise TargetError(
            f"{name}: several views of a sample have no {present[0]} in common; leave the op "
            "that makes views out, or train without that target"
        )


def _refuse_sizes(samples: Sequence[Sample], where: Callable[[int], str]) -> None:
    pictures = [(n, view.image) for n, sample in enumerate(samples) for view in _views(sample)]
    first = pictures[0][1].shape
    for number, image in pictures:
        if image.shape != first:
            raise PlanError(
                "pictures of one batch must come out in one size: "
                f"{where(0)} gives {first[0]}x{first[1]}, "
                f"{where(number)} {image.shape[0]}x{image.shape[1]}; "
                "end the pipeline with an op that fixes the size, such as "
                "resize: {size: [224, 224]} or random_resized_crop: {size: 224}"
            )


def _views(sample: Sample) -> Sequence[Sample]:
    return sample.views or (sample,)


def _stack_images(samples: Sequence[Sample], empty: Empty, normalize: Values | None) -> Tensor:
    image = samples[0].image
    height, width, channels = image.shape
    views = len(_views(samples[0]))
    dtype = image.dtype if normalize is None else np.float32
    stack = empty((len(samples), views, channels, height, width), dtype)
    for planes, sample in zip(stack, samples, strict=True):
        for channel_planes, view in zip(planes, _views(sample), strict=True):
            if normalize is not None and view.image.dtype == np.uint8:
                normalize_into(channel_planes, view.image, normalize)
            else:  # into the batch, three times as fast as a transpose
                cv2.split(view.image, list(channel_planes))
    return torch.from_numpy(stack if samples[0].views else stack[:, 0])


def _column(samples: Sequence[Sample], name: str, where: Callable[[int], str]) -> list[Any] | None:
    values = [getattr(sample.targets, name) for sample in samples]
    missing = [value is None for value in values]
    if all(missing):
        return None
    if any(missing):
        lacks, has = where(missing.index(True)), where(missing.index(False))
        raise DataError(f"{lacks} has no {name}, but {has} does; a dataset gives all rows the same")
    return values


def _stack_labels(labels: list[Any] | None) -> Tensor | None:
    if labels is None:
        return None
    if isinstance(labels[0], np.ndarray):
        return torch.from_numpy(np.stack(labels).astype(np.float32))
    return torch.tensor(labels, dtype=torch.int64)


def _tensors(values: Column, dtype: torch.dtype | None = None) -> tuple[Tensor, ...] | None:
    if values is None or any(value is None for value in values):
        return None
    return tuple(torch.as_tensor(np.ascontiguousarray(value)).to(dtype) for value in values)
