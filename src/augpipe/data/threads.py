"""All rows of a dataset, worked on by several threads: decoders let go of the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from augpipe.data.room import processors

Made = TypeVar("Made")


def by_threads(
    work: Callable[[range], Made], rows: int, *, at_once: int, threads: int | None = None
) -> Iterator[Made]:
    """What `work` makes of each run of rows, in their order.

    Args:
        work: is given some rows.
        rows: how many there are in all.
        at_once: how many it is given.
        threads: how many work; by default one for each processor.
    """
    tasks = [range(start, min(start + at_once, rows)) for start in range(0, rows, at_once)]
    with ThreadPoolExecutor(threads or processors()) as pool:
        yield from pool.map(work, tasks)
