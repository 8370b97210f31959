"""torch's DataLoader with torchvision and with albumentations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import DatasetFolder, ImageFolder
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import InterpolationMode, v2

from loaders.base import LIGHT, SIZE, SUFFIXES, Job, System
from loaders.opencv import MEAN, STD, light, read


def in_workers(job: Job) -> dict[str, Any]:
    """Arguments of a DataLoader: workers that live on, of one thread each."""
    return {
        "num_workers": job.workers,
        "persistent_workers": job.workers > 0,
        "worker_init_fn": _one_thread,
    }


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def _load(dataset: Dataset[Any], job: Job) -> Iterable[Any]:
    return DataLoader(dataset, job.batch_size, shuffle=True, **in_workers(job))


def _torchvision(job: Job) -> list[Callable[..., Any]]:
    """Transforms, version 2, on tensors."""
    bilinear = InterpolationMode.BILINEAR
    steps: list[Callable[..., Any]] = [v2.RandomResizedCrop(SIZE), v2.RandomHorizontalFlip()]
    if job.does.heavy:
        steps += [
            v2.RandomApply([v2.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), 10, bilinear)], 0.8),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
            v2.RandomApply([v2.ColorJitter(0.4, 0, 0.4, 0.015)], 0.5),
            v2.RandomApply([v2.GaussianBlur(13, (0.1, 2.0))], 0.3),
        ]
    if job.does.floats:
        steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    if job.does.heavy:
        steps += [v2.RandomErasing(0.25)]
    return steps


def _torchvision_pillow(job: Job) -> Iterable[Any]:
    transform = v2.Compose([v2.PILToTensor(), *_torchvision(job)])
    return _load(ImageFolder(job.folder, transform), job)


def _torchvision_decode(job: Job) -> Iterable[Any]:
    def load(path: str) -> torch.Tensor:
        return decode_image(path, ImageReadMode.RGB)

    return _load(ImageFolder(job.folder, v2.Compose(_torchvision(job)), loader=load), job)


def _albumentations(job: Job) -> Iterable[Any]:
    import albumentations as alb
    from albumentations.pytorch import ToTensorV2

    steps = [alb.RandomResizedCrop((SIZE, SIZE)), alb.HorizontalFlip()]
    if job.does.heavy:
        steps += [
            alb.Affine((0.8, 1.2), (-0.1, 0.1), rotate=(-20, 20), shear={"x": (-10, 10)}, p=0.8),
            alb.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1), p=0.8),
            alb.HueSaturationValue(3, 50, 50, p=0.5),
            alb.GaussianBlur((0, 0), (0.1, 2.0), p=0.3),
        ]
    if job.does.floats:
        steps += [alb.Normalize()]
    if job.does.heavy:
        steps += [alb.Erasing(p=0.25)]
    compose = alb.Compose([*steps, ToTensorV2()])
    dataset = DatasetFolder(
        job.folder, read, tuple(SUFFIXES), lambda image: compose(image=image)["image"]
    )
    return _load(dataset, job)


def _opencv(job: Job) -> Iterable[Any]:
    dataset = DatasetFolder(
        job.folder, read, tuple(SUFFIXES), lambda image: light(image, job.does.floats)
    )
    return _load(dataset, job)


_TASKS = LIGHT | {"heavy", "large", "cache"}

TORCH_LOADERS = {
    "torchvision, Pillow": System(
        _torchvision_pillow,
        "torchvision",
        _TASKS,
        "ImageFolder, transforms v2 on tensors; antialiased",
    ),
    "torchvision, decode_image": System(
        _torchvision_decode,
        "torchvision",
        _TASKS,
        "the same with torchvision's own decoder; antialiased",
    ),
    "albumentations, OpenCV": System(
        _albumentations,
        "albumentations",
        _TASKS,
        "cv2.imread; not antialiased; rounds after every op; HSV by addition",
    ),
    "OpenCV by hand": System(
        _opencv,
        "torch",
        LIGHT | {"large", "cache"},
        "DatasetFolder, DataLoader, functions of OpenCV by hand; not antialiased",
    ),
}
