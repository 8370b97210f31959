"""What batches may look like that others hand over, and what to do with those that do not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from augpipe.augment.graph import Key
from augpipe.errors import PlanError, RecipeError, TargetError

_PIXELS = (torch.uint8, torch.float32)


def check_images(images: Any) -> None:
    """Refuse what is no (B, 3, H, W) batch of uint8 or float32, on any device.

    Raises:
        PlanError: says what is wrong with it.
    """
    if not isinstance(images, Tensor):
        raise PlanError(
            f"images are a {type(images).__name__}; give one tensor of (B, 3, H, W), and put "
            "pictures of different sizes through a Pipeline one by one"
        )
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] != 3 or not shape[2] * shape[3]:
        turned = len(shape) == 4 and shape[3] == 3
        what = "; channels come first: images.permute(0, 3, 1, 2)" if turned else ""
        raise PlanError(f"images have the shape {shape}; expected (B, 3, H, W){what}")
    if images.dtype not in _PIXELS:
        raise PlanError(
            f"images are {images.dtype}; expected torch.uint8, or torch.float32 once normalised"
        )


def check_levels(images: Tensor, slot: str | None) -> None:
    """Refuse floats where an op, if any, acts on the 256 levels of uint8.

    Raises:
        PlanError: names the op.
    """
    if slot is not None and images.dtype is not torch.uint8:
        raise PlanError(
            f"{slot}: acts on levels of uint8, and images are {images.dtype}; give "
            "images.mul(255).round().to(torch.uint8) if they run from 0 to 1, and leave it to the "
            "pipeline to normalize"
        )


def check_labels(labels: Tensor, rows: int, classes: int | None, mixes: bool) -> None:
    """Refuse labels that are neither (B,) classes nor (B, C) distributions.

    That classes are in range is looked at on a CPU alone: a GPU would have to be waited for.

    Raises:
        TargetError: says what is wrong with them.
    """
    shape = tuple(labels.shape)
    if len(shape) not in (1, 2) or shape[0] != rows:
        raise TargetError(f"labels have the shape {shape}; expected ({rows},) or ({rows}, classes)")
    if labels.is_floating_point() != (len(shape) == 2) or labels.is_complex():
        raise TargetError(
            f"labels are {labels.dtype} of shape {shape}; expected integers of ({rows},), or "
            f"floats of ({rows}, classes)"
        )
    if not mixes:
        return
    if len(shape) == 2:
        _check_count(shape[1], classes)
    elif classes is None:
        raise TargetError("labels are mixed, and nobody says how many there are; give classes=")
    elif labels.device.type == "cpu" and not torch.compiler.is_compiling():
        _check_range(labels, classes)


def _check_count(count: int, classes: int | None) -> None:
    if classes is not None and count != classes:
        raise TargetError(f"labels are distributions over {count} classes, not over {classes}")


def _check_range(labels: Tensor, classes: int) -> None:
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise TargetError(
            f"label {int(wrong[0])} is none of the classes 0 to {classes - 1}; give more classes="
        )


def given_key(rows: int, epoch: Any, index: Any, repeat: Any) -> Key | None:
    """What somebody gave as the key of that many samples; None if nothing.

    Raises:
        RecipeError: some of it is missing, or of another kind.
    """
    if epoch is None and index is None and repeat is None:
        return None
    if epoch is None or index is None:
        missing, alike = ("index", "pictures") if index is None else ("epoch", "epochs")
        raise RecipeError(f"give epoch and index; without {missing}, all {alike} would be alike")
    indices = _on_the_host("index", index, (rows,))
    repeats = torch.zeros_like(indices) if repeat is None else repeat
    return Key(_on_the_host("epoch", epoch, ()), indices, _on_the_host("repeat", repeats, (rows,)))


def _on_the_host(name: str, value: Any, shape: tuple[int, ...]) -> Tensor:
    """Whole numbers as an int64 tensor of that shape on the CPU."""
    if shape == () and isinstance(
        value, int
    ):  # as a compiler's variable, which `as_tensor` would not leave it
        return torch.full(shape, value, dtype=torch.int64, device="cpu")
    given = torch.as_tensor(value, device=None if isinstance(value, Tensor) else "cpu")
    if given.device.type != "cpu":
        raise RecipeError(
            f"{name} is on {given.device}, and what is drawn is planned on the CPU; leave it there"
        )
    if given.is_floating_point() or given.dtype is torch.bool or tuple(given.shape) != shape:
        raise RecipeError(
            f"{name} is {given.dtype} of shape {tuple(given.shape)}; expected integers of {shape}"
        )
    return given.to(torch.int64)
