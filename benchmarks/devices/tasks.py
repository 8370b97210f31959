"""What is done to batches on a device, as each library spells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torchvision.transforms import InterpolationMode, v2

from augpipe.ops.base import OpLike

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BILINEAR = InterpolationMode.BILINEAR
_AFFINE = {"degrees": 20, "translate": [0.1, 0.1], "scale": [0.8, 1.2], "shear": 10}
_JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4}


@dataclass(frozen=True)
class Task:
    """A recipe, from uint8 pictures of a size to pictures of that size.

    Attributes:
        says: what the table's head says.
        ours: from the size to ops.
        torchvision: from the size to transforms of version 2.
        kornia: from kornia's `augmentation` and the size to modules.
        floats: whether normalised pixels come out, not uint8.
    """

    says: str
    ours: Callable[[int], list[OpLike]]
    torchvision: Callable[[int], list[nn.Module]]
    kornia: Callable[[Any, int], list[nn.Module]]
    floats: bool = False


def _ours_imagenet(size: int) -> list[OpLike]:
    return [
        {"random_resized_crop": {"size": size}},
        "horizontal_flip",
        {"color_jitter": _JITTER},
        {"random_erasing": {"p": 0.1}},
    ]


def _torchvision_imagenet(size: int) -> list[nn.Module]:
    return [
        v2.RandomResizedCrop(size),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(0.4, 0.4, 0.4),
        v2.RandomErasing(0.1),
    ]


def _kornia_imagenet(aug: Any, size: int) -> list[nn.Module]:
    return [
        aug.RandomResizedCrop((size, size)),
        aug.RandomHorizontalFlip(),
        aug.ColorJitter(0.4, 0.4, 0.4, 0.0, p=1.0),
        aug.RandomErasing(p=0.1),
    ]


def _ours_heavy(size: int) -> list[OpLike]:
    return [
        {"random_resized_crop": {"size": size}},
        "horizontal_flip",
        {"affine": {**_AFFINE, "p": 0.8}},
        {"color_jitter": {**_JITTER, "hue": 0.1, "p": 0.8}},
        {"hsv": {"hue": 0.015, "saturation": 0.4, "value": 0.4, "p": 0.5}},
        {"gaussian_blur": {"sigma": [0.1, 2.0], "p": 0.3}},
        {"random_erasing": {"p": 0.25}},
    ]


def _torchvision_heavy(size: int) -> list[nn.Module]:
    return [
        v2.RandomResizedCrop(size),
        v2.RandomHorizontalFlip(),
        v2.RandomApply([v2.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), 10, _BILINEAR)], 0.8),
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
        v2.RandomApply([v2.ColorJitter(0.4, 0, 0.4, 0.015)], 0.5),
        v2.RandomApply([v2.GaussianBlur(13, (0.1, 2.0))], 0.3),
        v2.RandomErasing(0.25),
    ]


def _kornia_heavy(aug: Any, size: int) -> list[nn.Module]:
    return [
        aug.RandomResizedCrop((size, size)),
        aug.RandomHorizontalFlip(),
        aug.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), 10, p=0.8),
        aug.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        aug.ColorJitter(0.4, 0.0, 0.4, 0.015, p=0.5),
        aug.RandomGaussianBlur((13, 13), (0.1, 2.0), p=0.3),
        aug.RandomErasing(p=0.25),
    ]


TASKS = {
    "flip": Task(
        "horizontal flip of every other picture",
        lambda _: ["horizontal_flip"],
        lambda _: [v2.RandomHorizontalFlip()],
        lambda aug, _: [aug.RandomHorizontalFlip()],
    ),
    "affine": Task(
        "rotated, moved, scaled, sheared",
        lambda _: [{"affine": _AFFINE}],
        lambda _: [v2.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), 10, _BILINEAR)],
        lambda aug, _: [aug.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), 10, p=1.0)],
    ),
    "colour": Task(
        "brightness, contrast, saturation and hue",
        lambda _: [{"color_jitter": {**_JITTER, "hue": 0.1}}],
        lambda _: [v2.ColorJitter(0.4, 0.4, 0.4, 0.1)],
        lambda aug, _: [aug.ColorJitter(0.4, 0.4, 0.4, 0.1, p=1.0)],
    ),
    "erasing": Task(
        "a rectangle erased in every other picture",
        lambda _: [{"random_erasing": {"p": 0.5}}],
        lambda _: [v2.RandomErasing(0.5)],
        lambda aug, _: [aug.RandomErasing(p=0.5)],
    ),
    "imagenet": Task(
        "`pipelines/imagenet.yaml`, all of it on the batch, normalised",
        lambda size: [*_ours_imagenet(size), {"normalize": {"mean": MEAN, "std": STD}}],
        _torchvision_imagenet,
        _kornia_imagenet,
        floats=True,
    ),
    "heavy": Task(
        "`pipelines/heavy.yaml`, all of it on the batch, normalised",
        lambda size: [*_ours_heavy(size), {"normalize": {"mean": MEAN, "std": STD}}],
        _torchvision_heavy,
        _kornia_heavy,
        floats=True,
    ),
}
