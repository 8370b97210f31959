"""The entries of a COCO file, each checked before it is believed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from augpipe.errors import DataError, suggest

Entry = dict[str, Any]


def read_entries(file: Path) -> dict[str, list[Entry]]:
    """The lists `images`, `annotations` and `categories` of a file.

    Raises:
        DataError: it is not JSON, or no object with these three lists of objects.
    """
    try:
        document = json.loads(file.read_bytes(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON that can be read: {error}") from error
    if not isinstance(document, dict):
        raise DataError(f"holds a {type(document).__name__}, not COCO's object of three lists")
    return {name: _list(document, name) for name in ("images", "annotations", "categories")}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _list(document: dict[str, Any], name: str) -> list[Entry]:
    if name not in document:
        raise DataError(f"has no {name!r}, which COCO's instances and keypoints have")
    entries = document[name]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{name!r} is not a list of objects")
    return entries


def texts(entries: Sequence[Entry], name: str, key: str) -> list[str]:
    """The text under `key` of each entry; `name` is that of the list.

    Raises:
        DataError: one is missing or no text.
    """
    for at, entry in enumerate(entries):
        if not _is_text(entry.get(key)):
            raise DataError(f"{name}[{at}] has the {key} {entry.get(key)!r:.60}; expected text")
    return [entry[key] for entry in entries]


def _is_text(value: Any) -> bool:
    """Whether it is text that can be stored, and be a file's name: no NUL, no half a character."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return value.encode(errors="ignore").decode() == value


def whole_numbers(entries: Sequence[Entry], name: str, key: str) -> NDArray[np.int64]:
    """(N,) the whole number under `key` of each entry.

    Raises:
        DataError: one is missing, not whole, or beyond 64 bits.
    """
    for at, entry in enumerate(entries):
        value = entry.get(key)
        if type(value) is not int or abs(value) >= 2**63:
            raise DataError(f"{name}[{at}] has the {key} {value!r:.60}; expected a whole number")
    return np.array([entry[key] for entry in entries], np.int64)


def vectors(
    entries: Sequence[Entry], name: str, key: str, length: int, default: Sequence[float] = ()
) -> NDArray[np.float64]:
    """(N, length) the numbers under `key` of each entry, or where there are none, `default`.

    Raises:
        DataError: they are not `length` numbers.
    """
    found = np.empty((len(entries), length))
    for at, entry in enumerate(entries):
        values = entry.get(key) or default
        if (
            not isinstance(values, list | tuple)
            or len(values) != length
            or not all(type(value) in (int, float) and abs(value) < 1e15 for value in values)
        ):
            raise DataError(f"{name}[{at}] has the {key} {values!r:.60}; expected {length} numbers")
        found[at] = values
    return found


def places(
    entries: Sequence[Entry], key: str, targets: Sequence[Entry], name: str
) -> NDArray[np.int64]:
    """(N,) for each annotation, which of the `targets` has the id that it has under `key`.

    Raises:
        DataError: an id is missing, not whole, not among the targets, or there twice.
    """
    place: dict[int, int] = {}
    for at, number in enumerate(whole_numbers(targets, name, "id").tolist()):
        if number in place:
            raise DataError(f"{name}[{at}] has the id {number}, as {name}[{place[number]}] has")
        place[number] = at
    wanted = whole_numbers(entries, "annotations", key).tolist()
    for at, number in enumerate(wanted):
        if number not in place:
            hint = suggest(str(number), map(str, list(place)[:20])) if place else "there are none"
            raise DataError(f"annotations[{at}] has the {key} {number}, of no {name}; {hint}")
    return np.array([place[number] for number in wanted], np.int64)
