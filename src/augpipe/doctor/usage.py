"""What a loader costs while it runs: time, memory, threads. The latter two are read from /proc."""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from augpipe.data.room import processors
from augpipe.doctor.ask import start_epoch
from augpipe.doctor.seen import Use

LOOKS = 8

_PROCESSES = Path("/proc")

# A thread that did less than this share of its process's work, or less than so many ticks (of
# 1/100 s), only waited.
_SHARE = 0.05
_TICKS = 2


def measure(loader: Any, samples: int, size: int) -> Use:
    """Run a loader, and look at its processes now and then.

    Args:
        loader: which one; if it ends too soon, it is run again.
        samples: how many to make, about, from one look to the next.
        size: how many samples are in a batch.
    """
    each = max(1, samples // size)
    memory: list[int] = []
    threads: list[int] = []
    others = set(multiprocessing.active_children())
    times = [time.perf_counter()]
    for number, _ in enumerate(_batches(loader), 1):
        times.append(time.perf_counter())
        if number % each == 0:
            workers = [child.pid or 0 for child in {*multiprocessing.active_children()} - others]
            memory.append(sum(map(_memory, [os.getpid(), *workers])))
            threads = list(map(_working_threads, workers))
        if len(memory) == LOOKS:
            break
    later = (times[-1] - times[1]) / max(1, len(times) - 2)
    known = memory if all(memory) else []
    return Use(times[1] - times[0], later, each * size, known, threads, processors())


def _batches(loader: Any) -> Iterator[Any]:
    """Epoch after epoch, for as long as there is anything in them."""
    for epoch in range(LOOKS * 1000):
        start_epoch(loader, epoch)
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise ValueError("the loader has no batches")


def _memory(pid: int) -> int:
    """A process's share of the memory that no file backs; 0 if it is gone, or nobody tells."""
    try:
        text = (_PROCESSES / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss_Anon:\s+(\d+) kB", text, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


def _working_threads(pid: int) -> int:
    """How many threads of a process have worked since it began."""
    ticks = [_ticks(thread) for thread in (_PROCESSES / str(pid) / "task").glob("*")]
    least = max(_TICKS, _SHARE * sum(ticks))
    return sum(own >= least for own in ticks)


def _ticks(thread: Path) -> int:
    """The processor time that a thread had, for itself and in the system."""
    try:
        fields = (thread / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
