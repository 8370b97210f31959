"""From timings to advice: what limits the rate, how many workers, whether a cache would help."""

from __future__ import annotations

import math
from dataclasses import dataclass

from augpipe.bench.measure import TRAINER, WORKER, Timings
from augpipe.data.room import free_memory

# A cache is worth its memory if reading and decoding take this share of a worker's time.
_WORTH_CACHING = 0.4


@dataclass(frozen=True)
class Advice:
    """What follows from timings.

    Attributes:
        bottleneck: the stage that holds up the others.
        workers: how many worker processes to use.
        rate: the pictures a second that follow from the stages; a limit, not a promise.
        cache: "ram" or "disk" where keeping decoded pictures pays, or else None.
        cached_rate: the rate with that cache once it is full, at the most.
    """

    bottleneck: str
    workers: int
    rate: float
    cache: str | None
    cached_rate: float


def advise(timings: Timings) -> Advice:
    """How many workers keep the model busy, what limits the rate, and whether a cache helps."""
    worker, trainer = timings.of(WORKER), timings.of(TRAINER)
    workers = _workers(timings, worker, trainer)
    made, taken = max(1, workers) / worker, 1 / trainer if trainer else math.inf
    rate = 1 / (worker + trainer) if workers == 0 else min(made, taken)
    starved = workers == 0 or made < taken
    stages = [stage for stage in (WORKER if starved else TRAINER) if stage in timings.seconds]
    bottleneck = max(stages, key=timings.seconds.__getitem__)
    cached = worker - timings.of(("read", "decode"))
    worth = 1 - cached / worker >= _WORTH_CACHING
    cache = _cache(timings) if starved and worth and timings.has_files else None
    return Advice(bottleneck, workers, rate, cache, min(max(1, workers) / cached, taken))


def _workers(timings: Timings, worker: float, trainer: float) -> int:
    if timings.in_memory:
        return 0
    return min(timings.cores, math.ceil(worker / trainer)) if trainer else timings.cores


def _cache(timings: Timings) -> str:
    """Where there is room for all pictures decoded."""
    return "ram" if timings.rows * timings.picture_bytes < free_memory() / 2 else "disk"
