"""Timings of all stages, and of the loader as a whole."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from statistics import median
from typing import Any

import cv2
import torch

from augpipe.api import build_loader
from augpipe.bench.stages import Maker, Step, Taker, wait
from augpipe.data.decode import decoder_name
from augpipe.data.files import FileDataset
from augpipe.data.open import open_dataset
from augpipe.data.room import processors
from augpipe.errors import DataError
from augpipe.loader.config import LoaderConfig
from augpipe.loader.device import describe, find_device
from augpipe.pipeline import Pipeline

WORKER = ("read", "decode", "augment", "collate")
TRAINER = ("copy", "batch", "step")

_WARM_UP = 2


@dataclass(frozen=True)
class Timings:
    """What was measured.

    Attributes:
        seconds: for each stage that there is, the median seconds for one picture.
        batch_size: the pictures in a batch.
        batches: how many batches the medians are of.
        picture_bytes: of a decoded picture, on average.
        rows: how many rows the dataset has.
        in_memory: whether it needs no workers.
        has_files: whether its pictures can be cached.
        cores: the processors there are.
        machine: what it was measured on, by name.
    """

    seconds: dict[str, float]
    batch_size: int
    batches: int
    picture_bytes: float
    rows: int
    in_memory: bool
    has_files: bool
    cores: int
    machine: dict[str, str]

    def of(self, stages: Sequence[str]) -> float:
        """Seconds for one picture in some stages together."""
        return sum(self.seconds.get(stage, 0.0) for stage in stages)


def measure(
    data: Any,
    pipeline: Pipeline,
    config: LoaderConfig,
    *,
    device: torch.device | str = "cpu",
    step: Step | None = None,
    batches: int = 10,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
) -> Timings:
    """Time the stages, batch after batch, after a warm-up.

    Args:
        data: as `build_loader` takes it.
        pipeline: what is done to pictures and to batches.
        config: `batch_size`, `seed`, `sampling`, `dtype` and `channels_last` are what counts.
        device: where the model is.
        step: one step of training on a batch there; None leaves that stage out.
        batches: how many to take the median of.
        on_batch: told how many batches of how many are done.

    Raises:
        AugpipeError: the data cannot be read, or the pipeline cannot be carried out on it.
    """
    where = find_device(device)
    source = open_dataset(data)
    if not len(source):
        raise DataError("the dataset has no rows, so there is nothing to measure")
    total = _WARM_UP + batches
    maker = Maker(source, pipeline, config, total)
    taker = Taker(pipeline, config, len(source.classes), where, step)
    laps: list[dict[str, float]] = []
    maker.warm_up()
    for number in range(total):
        batch, made = maker.make(number)
        laps.append(made | taker.take(batch))
        on_batch(number + 1, total)
    timed = laps[_WARM_UP:]
    seconds = {name: median(lap[name] for lap in timed) / config.batch_size for name in laps[0]}
    return Timings(
        seconds,
        config.batch_size,
        batches,
        maker.clock.bytes / max(1, maker.clock.pictures),
        len(source),
        source.in_memory,
        isinstance(source, FileDataset),
        processors(),
        machine(where),
    )


def measure_loader(
    data: Any,
    pipeline: Pipeline,
    config: LoaderConfig,
    workers: int,
    *,
    device: torch.device | str = "cpu",
    batches: int = 10,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
) -> float:
    """Pictures a second of the whole loader, handed to a loop that does nothing with them."""
    loader = build_loader(
        data,
        pipeline,
        batch_size=config.batch_size,
        seed=config.seed,
        num_workers=workers,
        device=device,
        dtype=config.dtype,
        channels_last=config.channels_last,
        sampling=config.sampling,
    )
    stream = (batch for epoch in repeat(loader) for batch in epoch)
    started = _WARM_UP + 2 * workers  # what workers have made in advance is not timed
    begin, pictures = time.perf_counter(), 0
    for number, batch in enumerate(islice(stream, started + batches), 1):
        if number > started:
            pictures += len(batch)
        else:
            begin = time.perf_counter()
        on_batch(number, started + batches)
    wait(find_device(device))
    return pictures / (time.perf_counter() - begin)


def machine(device: torch.device) -> dict[str, str]:
    """What is measured on, in words."""
    return {
        "processors": f"{processors()} × {_processor()}",
        "device": describe(device),
        "load": f"{os.getloadavg()[0]:.1f} processes in the last minute, others' included",
        "decoder": decoder_name(),
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"OpenCV {cv2.__version__}",
    }


def _processor() -> str:
    """Its name, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
