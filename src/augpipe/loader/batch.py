"""What a loader yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import cv2
import numpy as np
import torch
from torch import Tensor

from augpipe.data.sample import Sample, spatial_in
from augpipe.errors import DataError, PlanError, TargetError


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

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """The batch on that device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The batch in page-locked memory, from which copies to a GPU need not wait."""
        return self._map(Tensor.pin_memory)

    def _map(self, move: Any) -> Self:
        moved: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("index", "repeat", "epoch") or value is None:
                continue
            moved[field.name] = tuple(map(move, value)) if isinstance(value, tuple) else move(value)
        return replace(self, **moved)


def collate(samples: Sequence[Sample], where: Callable[[int], str], **provenance: Any) -> Batch:
    """Samples of one size as a batch.

    Args:
        samples: B of them.
        where: what to call sample number b in an error.
        **provenance: `index`, `repeat` and `epoch` of the batch.

    Raises:
        PlanError: pictures of different sizes.
        DataError: some have a target that others lack.
    """
    if samples[0].views:
        return _collate_views(samples, where, provenance)
    sizes = ["{}x{}".format(*sample.image.shape) for sample in samples]
    for number, size in enumerate(sizes):
        if size != sizes[0]:
            raise PlanError(
                f"pictures of one batch must come out in one size: {where(0)} gives {sizes[0]}, "
                f"{where(number)} {size}; "
                "end the pipeline with an op that fixes the size, such as "
                "resize: {size: [224, 224]} or random_resized_crop: {size: 224}"
            )
    return Batch(
        images=_stack_images(samples),
        labels=_stack_labels(_column(samples, "label", where)),
        boxes=_tensors(_column(samples, "boxes", where), torch.float32),
        box_labels=_tensors(_column(samples, "box_labels", where), torch.int64),
        masks=_tensors(_column(samples, "masks", where)),
        keypoints=_tensors(_column(samples, "keypoints", where), torch.float32),
        **provenance,
    )


def _collate_views(
    samples: Sequence[Sample], where: Callable[[int], str], provenance: dict[str, Any]
) -> Batch:
    """One label for all views of a sample."""
    present = spatial_in(samples[0].targets)
    if present:
        raise TargetError(
            f"{where(0)}: several views of a sample have no {present[0]} in common; leave the op "
            "that makes views out, or train without that target"
        )
    views = [
        collate([sample.views[view] for sample in samples], where, **provenance)
        for view in range(len(samples[0].views))
    ]
    return replace(views[0], images=torch.stack([view.images for view in views], dim=1))


def _stack_images(samples: Sequence[Sample]) -> Tensor:
    height, width, channels = samples[0].image.shape
    dtype = samples[0].image.dtype
    stack = np.empty((len(samples), channels, height, width), dtype)
    for planes, sample in zip(stack, samples, strict=True):
        cv2.split(sample.image, list(planes))  # into the batch, three times as fast as a transpose
    return torch.from_numpy(stack)


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


def _tensors(
    values: list[Any] | None, dtype: torch.dtype | None = None
) -> tuple[Tensor, ...] | None:
    if values is None:
        return None
    return tuple(torch.as_tensor(np.ascontiguousarray(value)).to(dtype) for value in values)
