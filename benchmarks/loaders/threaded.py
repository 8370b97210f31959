"""Loaders whose threads live in the process: grain and SPDL, with OpenCV's functions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from loaders.base import LIGHT, Epochs, Job, System, pictures
from loaders.opencv import light, read


def _grain(job: Job) -> Iterable[Any]:
    import grain

    def augment(row: tuple[str, int], rng: np.random.Generator) -> tuple[np.ndarray, int]:
        path, label = row
        return light(read(path), job.does.floats, rng.uniform), label

    rows = pictures(job.folder)
    batches = (
        grain.MapDataset.source(rows)
        .seed(0)
        .shuffle()
        .repeat()
        .random_map(augment)
        .batch(job.batch_size)
        .to_iter_dataset(grain.ReadOptions(job.workers, prefetch_buffer_size=2 * job.workers))
    )
    return Epochs(iter(batches), -(-len(rows) // job.batch_size))


class _Spdl:
    """A pipeline for each epoch, as SPDL's guide has it; a thread makes a whole batch."""

    def __init__(self, job: Job) -> None:
        self.job, self.rows = job, pictures(job.folder)

    def __iter__(self) -> Iterator[Any]:
        from spdl.pipeline import PipelineBuilder

        random.shuffle(self.rows)
        size, workers = self.job.batch_size, self.job.workers
        chunks = [self.rows[start : start + size] for start in range(0, len(self.rows), size)]
        pipeline = (
            PipelineBuilder()
            .add_source(chunks)
            .pipe(self._batch, concurrency=workers)
            .add_sink(2)
            .build(num_threads=workers, max_failures=0)
        )
        with pipeline.auto_stop():
            yield from pipeline

    def _batch(self, rows: list[tuple[str, int]]) -> tuple[np.ndarray, np.ndarray]:
        images = [light(read(path), self.job.does.floats) for path, _ in rows]
        return np.stack(images), np.array([label for _, label in rows])


_TASKS = LIGHT | {"large", "cache"}

THREADED = {
    "grain": System(
        _grain,
        "grain",
        _TASKS,
        "threads, functions of OpenCV by hand; not antialiased; no pause between epochs",
    ),
    "spdl": System(
        _Spdl,
        "spdl",
        _TASKS,
        "threads, functions of OpenCV by hand; not antialiased",
    ),
}
