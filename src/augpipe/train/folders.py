"""Numbered folders for runs: `runs/NAME-001`, `runs/NAME-002`, and so on."""

from __future__ import annotations

import re
from pathlib import Path

from augpipe.errors import StateError


def next_folder(parent: Path, name: str) -> Path:
    """The folder after the last one of that name; nothing is made yet."""
    return parent / f"{name}-{max(_taken(parent, name), default=0) + 1:03d}"


def last_folder(parent: Path, name: str) -> Path:
    """The last folder of that name.

    Raises:
        StateError: there is none.
    """
    taken = _taken(parent, name)
    if not taken:
        raise StateError(f"there is no run {parent / name}-NNN to resume; begin one without it")
    return taken[max(taken)]


def _taken(parent: Path, name: str) -> dict[int, Path]:
    pattern = re.compile(re.escape(name) + r"-(\d+)")
    found = {path: pattern.fullmatch(path.name) for path in parent.glob("*")}
    return {int(match[1]): path for path, match in found.items() if match}
