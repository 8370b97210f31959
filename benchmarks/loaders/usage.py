"""What a process and all that it has started use, as Linux counts it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """Seconds of processor time, with those of children that have ended."""
    return sum(_ticks(process) for process in _tree(os.getpid())) / _TICKS


def proportional_set_size() -> float:
    """Bytes of memory; what n processes share counts 1/n in each."""
    kilobytes = 0
    for process in _tree(os.getpid()):
        lines = (process / "smaps_rollup").read_text().splitlines()
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes * 1024


def _tree(pid: int) -> Iterator[Path]:
    """The folders in /proc of a process and its descendants."""
    process = Path(f"/proc/{pid}")
    yield process
    for task in (process / "task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


def _ticks(process: Path) -> int:
    # After the name, which is in brackets and may hold anything: utime, stime, cutime, cstime.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))
