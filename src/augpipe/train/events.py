"""What happened to a run, one JSON object a line."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class EventLog:
    """A file that only ever grows, over all resumes of a run.

    Args:
        path: the file; need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, event: str, **facts: Any) -> None:
        """Append one event, with the time; a line that a killed run left torn is closed first."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event}
        with self._path.open("ab+") as file:
            torn = file.tell() > 0 and not _ends_a_line(self._path)
            file.write(b"\n" * torn + json.dumps(line | _json(facts)).encode() + b"\n")

    def events(self) -> list[dict[str, Any]]:
        """All events so far; torn lines are left out."""
        if not self._path.exists():
            return []
        found = (_parsed(line) for line in self._path.read_bytes().splitlines())
        return [event for event in found if event is not None]


def _json(facts: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN and no infinity."""
    lost = [k for k, v in facts.items() if isinstance(v, float) and not math.isfinite(v)]
    return facts | dict.fromkeys(lost)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() == b"\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
