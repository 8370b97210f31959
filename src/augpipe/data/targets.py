"""What other datasets know about a picture, checked and brought into `Targets`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import convert_bounding_box_format

from augpipe.boxes import AS_INSIDE, BoxFormat, BoxParams, fault, judge, to_xyxy
from augpipe.data.sample import Targets
from augpipe.errors import DataError, suggest

_KNOWN = ("label", "labels", "boxes", "masks", "keypoints", "mirrored_keypoints")
_LEFT_BEHIND = ("image_id", "area", "iscrowd")

# What rounding may push a box beyond the picture, in pixels: a fraction of 1 times a few thousand.
_ROUNDING = 1e-2


def read_targets(target: Any, size: tuple[int, int], params: BoxParams = AS_INSIDE) -> Targets:
    """A target as map-style datasets and torchvision's detection models spell it.

    Args:
        target: None, a class as int, a distribution over classes as a (C,) float vector, or a
            dictionary of arrays or tensors: `boxes` (N, 4) as `params.format` says, or as
            torchvision's BoundingBoxes say of themselves; `labels` (N,), the
            boxes' classes; `masks` (N, H, W) of 0 and 1, or (H, W) of classes; `keypoints`
            (N, K, 2 or 3); `mirrored_keypoints` (K,), where each goes when the picture is
            mirrored; `label`, the class of the whole picture. `image_id`, `area` and
            `iscrowd` are left behind, for they describe the picture before augmentation.
        size: (height, width) of the picture.
        params: how boxes are written, and what to do with one that is empty or leaves the picture.

    Raises:
        DataError: another key, type or shape; an invalid box.
    """
    if target is None:
        return Targets()
    if not isinstance(target, Mapping):
        return Targets(label=_label(target))
    _refuse_unknown_keys(target)
    boxes = _boxes(target, size, params.format)
    labels = _array(target, "labels", ("N",))
    keypoints = _array(target, "keypoints", ("N", "K", (2, 3)))
    masks = _masks(target, size)
    instances = masks if masks is not None and masks.ndim == 3 else None
    _refuse_other_counts(boxes=boxes, labels=labels, keypoints=keypoints, masks=instances)
    read = Targets(
        label=None if target.get("label") is None else _label(target["label"]),
        boxes=boxes,
        box_labels=None if labels is None else labels.astype(np.int64),
        masks=masks,
        keypoints=None if keypoints is None else keypoints.astype(np.float64),
        mirrored_keypoints=_mirrored(target, keypoints),
    )
    return read if boxes is None else _valid(read, boxes, size, params)


def _boxes(
    target: Mapping[Any, Any], size: tuple[int, int], format: BoxFormat
) -> NDArray[np.float64] | None:
    array = _array(target, "boxes", ("N", 4))
    given = target.get("boxes")
    if isinstance(given, tv_tensors.BoundingBoxes):
        array, format = convert_bounding_box_format(given, new_format="XYXY").numpy(), "pascal_voc"
    return None if array is None else to_xyxy(array, format, size)


def _valid(
    targets: Targets, boxes: NDArray[np.float64], size: tuple[int, int], params: BoxParams
) -> Targets:
    """The objects whose boxes have an area and lie in the picture."""
    limits = np.broadcast_to(np.tile(np.array(size[::-1], np.float64), 2), boxes.shape)
    clipped, wrong, empty = judge(boxes, limits, params.on_invalid, _ROUNDING)
    if params.on_invalid == "raise" and wrong.any():
        at = int(wrong.argmax())
        raise DataError(f"its box {at} {fault(boxes[at], limits[at], bool(empty[at]))}")
    return replace(targets, boxes=clipped).keep(~wrong)


def _label(value: Any) -> int | NDArray[np.float32]:
    array = _to_numpy(value)
    if array.ndim == 0 and np.issubdtype(array.dtype, np.integer):
        if array < 0:
            raise DataError(f"its label is {array}; classes count from 0")
        return int(array)
    if array.ndim == 1 and np.issubdtype(array.dtype, np.floating):
        return array.astype(np.float32)
    raise DataError(
        f"its label is a {type(value).__name__} {value!r:.60}; expected a class as int, or a "
        "distribution over classes as a vector of floats"
    )


def _refuse_unknown_keys(target: Mapping[Any, Any]) -> None:
    for key in target:
        if key not in _KNOWN + _LEFT_BEHIND:
            raise DataError(f"its target has the unknown key {key!r}; {suggest(str(key), _KNOWN)}")


def _array(
    target: Mapping[Any, Any], key: str, shape: tuple[str | int | tuple[int, ...], ...]
) -> NDArray[Any] | None:
    """The array under `key`, if any, of `shape`: letters stand for any length, tuples for some."""
    if target.get(key) is None:
        return None
    value = target[key]
    array = _to_numpy(value)
    lengths = [(d,) if isinstance(d, int) else d for d in shape]
    fits = array.ndim == len(shape) and all(
        isinstance(known, str) or n in known for n, known in zip(array.shape, lengths, strict=True)
    )
    if not fits or array.dtype.kind not in "biuf":
        wanted = ", ".join(
            " or ".join(map(str, d)) if isinstance(d, tuple) else str(d) for d in shape
        )
        raise DataError(
            f"its {key} are {array.dtype} of shape {array.shape}; expected numbers of ({wanted})"
        )
    return array


def _masks(target: Mapping[Any, Any], size: tuple[int, int]) -> NDArray[Any] | None:
    instances = np.ndim(target.get("masks", 0)) != 2
    masks = _array(target, "masks", ("N", *size) if instances else size)
    if masks is None:
        return None
    if not instances:
        return masks.astype(np.int32)
    if ((masks != 0) & (masks != 1)).any():
        raise DataError(f"its masks hold {masks.max()}; instance masks are 0 and 1")
    return masks.astype(np.uint8)


def _mirrored(
    target: Mapping[Any, Any], keypoints: NDArray[Any] | None
) -> NDArray[np.int64] | None:
    places = _array(target, "mirrored_keypoints", ("K",))
    if places is None or keypoints is None:
        return None
    count = keypoints.shape[1]
    if not np.array_equal(np.sort(places), np.arange(count)):
        raise DataError(
            f"its mirrored_keypoints are {places.tolist()}; expected each of 0 to {count - 1} once"
        )
    return places.astype(np.int64)


def _refuse_other_counts(**arrays: NDArray[Any] | None) -> None:
    counts = {name: len(array) for name, array in arrays.items() if array is not None}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise DataError(f"its target has {listed}; expected one of each per object")


def _to_numpy(value: Any) -> NDArray[Any]:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    try:
        return np.asarray(value)
    except ValueError as error:
        raise DataError(f"its target holds a ragged {type(value).__name__}") from error
