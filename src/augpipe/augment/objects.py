"""Targets of a batch as torchvision's detection models spell them, to `Targets` and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from augpipe.boxes import BoxParams, from_xyxy
from augpipe.data.sample import Targets
from augpipe.data.targets import read_targets
from augpipe.errors import TargetError, within

Objects = list[dict[str, Any]]

# How the targets of `Targets` are called there, and their types; masks keep their own.
_SPELLED: dict[str, tuple[str, torch.dtype | None]] = {
    "label": ("label", None),
    "boxes": ("boxes", torch.float32),
    "labels": ("box_labels", torch.int64),
    "keypoints": ("keypoints", torch.float32),
    "mirrored_keypoints": ("mirrored_keypoints", torch.int64),
}


class Read(NamedTuple):
    """What is in a batch's pictures.

    Attributes:
        targets: of each picture, on the host, without masks.
        masks: of each picture, (N, H, W) or (H, W), where they came; None if there are none.
    """

    targets: list[Targets]
    masks: list[Tensor] | None


def read_objects(given: Sequence[Mapping[str, Any]], images: Tensor, boxes: BoxParams) -> Read:
    """The dictionaries of a batch, checked; see `augpipe.data.targets.read_targets`.

    Raises:
        TargetError: no list of a dictionary for each picture, or masks that do not fit.
        DataError: another key, type or shape; an invalid box.
    """
    if not isinstance(given, Sequence) or not all(isinstance(own, Mapping) for own in given):
        raise TargetError(
            f"targets are a {type(given).__name__}; expected None, a tensor of labels, or a list "
            "of a dictionary for each picture"
        )
    if len(given) != len(images):
        raise TargetError(f"there are {len(given)} dictionaries of targets, {len(images)} pictures")
    size = int(images.shape[2]), int(images.shape[3])
    targets = []
    for row, own in enumerate(given):
        with within(f"picture {row}"):
            rest = {name: value for name, value in own.items() if name != "masks"}
            targets.append(read_targets(rest, size, boxes))
    return Read(targets, _masks(given, targets, size))


def _masks(
    given: Sequence[Mapping[str, Any]], targets: Sequence[Targets], size: tuple[int, int]
) -> list[Tensor] | None:
    masks = [own.get("masks") for own in given]
    if all(own is None for own in masks):
        return None
    if any(own is None for own in masks):
        raise TargetError("some pictures have masks and others none; give all the same")
    tensors = [torch.as_tensor(own) for own in masks]
    for row, (own, known) in enumerate(zip(tensors, targets, strict=True)):
        with within(f"picture {row}"):
            _check_masks(own, tensors[0], known, size)
    return tensors


def _check_masks(own: Tensor, first: Tensor, known: Targets, size: tuple[int, int]) -> None:
    count = [] if own.ndim == 2 else [len(own) if known.boxes is None else len(known.boxes)]
    fits = list(own.shape) == [*count, *size] and own.ndim == first.ndim
    if not fits or own.is_floating_point() or own.dtype != first.dtype:
        wanted = f"{first.dtype} of (N, {size[0]}, {size[1]}), one for each box"
        if first.ndim == 2:
            wanted = f"integers of {size}"
        raise TargetError(f"its masks are {own.dtype} of shape {tuple(own.shape)}, not {wanted}")


def write_objects(
    given: Sequence[Mapping[str, Any]],
    targets: Sequence[Targets],
    masks: Sequence[Tensor] | None,
    images: Tensor,
    boxes: BoxParams,
) -> Objects:
    """The dictionaries of the pictures that came out, each target on the device it came from."""
    size = int(images.shape[2]), int(images.shape[3])
    written = []
    for row, (old, own) in enumerate(zip(given, targets, strict=True)):
        known = [name for name in _SPELLED if old.get(name) is not None]
        values = {name: _written(name, own, old[name], size, boxes) for name in known}
        if masks is not None:
            values["masks"] = masks[row]
        written.append(values)
    return written


def _written(name: str, own: Targets, old: Any, size: tuple[int, int], boxes: BoxParams) -> Tensor:
    field, dtype = _SPELLED[name]
    value = getattr(own, field)
    if name == "boxes":
        value = from_xyxy(value, boxes.format, size)
    return torch.as_tensor(
        np.ascontiguousarray(value) if not isinstance(value, int) else value,
        dtype=dtype,
        device=old.device if isinstance(old, Tensor) else None,
    )
