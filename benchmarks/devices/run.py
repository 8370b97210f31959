"""What a fresh process measures of one system."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from devices.systems import SYSTEMS, Augment, Work

_WARM_UP = 3
_COPY_BYTES = 2**28
_COPIES = 10


@dataclass(frozen=True)
class Job:
    """One round of one system.

    Attributes:
        system: its name in `SYSTEMS`.
        tasks: their names.
        sizes: heights and widths.
        batch_sizes: pictures in a batch.
        device: where.
        dtype: of normalised pixels, by torch's name.
        seconds: how long each figure takes to measure.
    """

    system: str
    tasks: tuple[str, ...]
    sizes: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    device: str
    dtype: str
    seconds: float


def results(job: Job) -> Iterator[dict[str, Any]]:
    """For each task, size and batch size the figures, or what failed.

    A figure's `rate` is in pictures/s, parameters being drawn; `planned` likewise, all of them
    being known before; `bytes` are those of a picture that goes in and one that comes out;
    `bandwidth` is in bytes/s, read and written, of a big copy in this process.
    """
    torch.manual_seed(0)
    bandwidth = copy_rate(job.device)
    for task, size, batch_size in product(job.tasks, job.sizes, job.batch_sizes):
        work = Work(task, size, batch_size, getattr(torch, job.dtype))
        named = {"task": task, "size": size, "batch_size": batch_size}
        try:
            figures = {**_measure(work, job), "bandwidth": bandwidth}
        except Exception as failure:  # whatever a peer raises, the others are measured
            reason = " ".join(f"{type(failure).__name__}: {failure}".split())
            yield {**named, "failed": reason[:200]}
            continue
        yield {**named, "figures": figures}


def _measure(work: Work, job: Job) -> dict[str, float]:
    system = SYSTEMS[job.system]
    shape = work.batch_size, 3, work.size, work.size
    images = torch.randint(0, 256, shape, dtype=torch.uint8).to(job.device)
    augment = system.make(work)
    done = _check(augment(images), images)
    figures = {
        "rate": _rate(augment, images, job.seconds),
        "bytes": float(images[0].nbytes + done[0].nbytes),
    }
    if system.planned:
        figures["planned"] = _rate(system.planned(work), images, job.seconds)
    return figures


def _check(done: Tensor, images: Tensor) -> Tensor:
    """Whoever delivers something else is not measured."""
    if done.shape != images.shape or done.device != images.device:
        raise ValueError(f"{tuple(done.shape)} came on {done.device}")
    return done


def _rate(augment: Augment, images: Tensor, seconds: float) -> float:
    """Pictures a second; many batches, since whether anything is done may be drawn for each."""

    def repeat(times: int) -> float:
        done = (augment(images) for _ in range(times))
        return _seconds(lambda: deque(done, maxlen=1), images.device.type)  # what is done, goes

    repeat(_WARM_UP)
    times = max(_WARM_UP, round(seconds * _WARM_UP / repeat(_WARM_UP)))
    return times * len(images) / repeat(times)


def copy_rate(device: str) -> float:
    """Bytes a second that are read, and written, when memory is copied."""
    source = torch.zeros(_COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.ones_like(source)
    best = min(_seconds(lambda: target.copy_(source), device) for _ in range(_COPIES))
    return 2 * _COPY_BYTES / best


def _seconds(work: Callable[[], object], device: str) -> float:
    """How long it takes until the device has done it."""
    _wait_for(device)
    start = time.perf_counter()
    work()
    _wait_for(device)
    return time.perf_counter() - start


def _wait_for(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
