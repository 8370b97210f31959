"""How much memory there is to spare, and how many processors."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_MEMORY = Path("/proc/meminfo")
_OWN_GROUP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def processors() -> int:
    """How many this process may use. Only Linux tells which are ours."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def free_memory() -> int:
    """Bytes of memory that this process could still be given.

    What the system counts as available, or what the container's limit leaves, if that is less;
    where the system does not say, all the memory there is.
    """
    return max(0, min([_available(), *_left_in_groups()]))


def _available() -> int:
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", _MEMORY.read_text())
    except OSError:
        found = None
    if found:
        return 1024 * int(found[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _left_in_groups() -> Iterator[int]:
    """What is left below the limit of each control group (version 2) that this process is in."""
    try:
        own = _OWN_GROUP.read_text().rpartition("0::/")[2].strip()
    except OSError:
        return
    folder = _GROUPS / own
    for group in (folder, *folder.parents):
        if not group.is_relative_to(_GROUPS):
            return
        limit, used = _number(group / "memory.max"), _number(group / "memory.current")
        if limit is not None and used is not None:
            yield limit - used


def _number(file: Path) -> int | None:
    """None where there is no such file or limit."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
