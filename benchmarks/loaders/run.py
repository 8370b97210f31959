"""What a fresh process does for one job."""

from __future__ import annotations

import hashlib
import multiprocessing
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from loaders.base import SIZE, Job, pictures
from loaders.systems import SYSTEMS
from loaders.usage import cpu_seconds, proportional_set_size


def prepare(job: Job) -> None:
    """Write the system's own copy of the pictures."""
    write = SYSTEMS[job.system].prepare
    if write:
        write(Path(job.folder), Path(job.archive))


def measure(job: Job) -> dict[str, float]:
    """Speed from the second epoch on; the first one counts for the first batch only.

    Returns:
        `rate` in images/s, `cpu` in seconds per 1,000 images, `memory` in bytes amid an epoch,
        `first` in seconds to the first batch, torch, torchvision and OpenCV being imported already.
    """
    start = time.perf_counter()
    loader = _make(job)
    for number, batch in enumerate(loader):
        if number == 0:
            first = time.perf_counter() - start
            _check(_images(batch), job)

    images, cpu, start = 0, cpu_seconds(), time.perf_counter()
    for _ in range(job.epochs):
        images += sum(len(_images(batch)) for batch in loader)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    _check_count(images, job.epochs, job)
    return {
        "rate": images / seconds,
        "cpu": 1000 * cpu / images,
        "first": first,
        "memory": _memory(loader, job),
    }


def distinct(job: Job) -> float:
    """The share of different results, over two epochs of a folder of equal pictures."""
    loader, results, count = _make(job), set(), 0
    for _ in range(2):
        for batch in loader:
            for image in _images(batch):
                results.add(hashlib.sha256(np.asarray(image).tobytes()).digest())
                count += 1
    _check_count(count, 2, job)
    return len(results) / count


def _make(job: Job) -> Iterable[Any]:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    multiprocessing.set_start_method("fork")  # workers have what is not pickled, or left out
    return SYSTEMS[job.system].make(job)


def _images(batch: Any) -> Any:
    return next(iter(batch))


def _check(images: Any, job: Job) -> None:
    """Whoever delivers something else is not measured."""
    dtype = str(images.dtype).removeprefix("torch.")
    expected = "float32" if job.does.floats else "uint8"
    if tuple(images.shape[1:]) != (3, SIZE, SIZE) or dtype != expected:
        raise ValueError(f"images of {dtype} {tuple(images.shape)} came")


def _check_count(images: int, epochs: int, job: Job) -> None:
    expected = epochs * len(pictures(job.folder))
    if images < expected:
        raise ValueError(f"{images} pictures came instead of {expected}")


def _memory(loader: Iterable[Any], job: Job) -> float:
    """Amid an epoch of its own, while batches are on their way."""
    middle, found = len(pictures(job.folder)) // job.batch_size // 2, 0.0
    for number, _ in enumerate(loader):
        if number == middle:
            found = proportional_set_size()
    return found
