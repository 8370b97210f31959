"""A transform's parameters, while a native op of the same meaning is looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class NoNativeOpError(Exception):
    """No native op means the same; the message says why, and never reaches a user as an error."""


class Fields:
    """Parameters by name, and remarks about what the native op does in another way.

    Args:
        values: as the library writes them.

    Attributes:
        notes: the remarks so far.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.notes: list[str] = []

    def __getitem__(self, name: str) -> Any:
        """The parameter.

        Raises:
            NoNativeOpError: there is none, as in another version of the library.
        """
        if name not in self._values:
            raise NoNativeOpError(f"has no {name}; was it written by another version?")
        return self._values[name]

    def pick(self, *names: str) -> dict[str, Any]:
        """Those parameters that the native op calls the same."""
        return {name: self[name] for name in names}

    def require(self, name: str, *accepted: Any) -> None:
        """Refuse a parameter that is set to what no native op does.

        Raises:
            NoNativeOpError: it is none of `accepted`; absent counts as None.
        """
        if self._values.get(name) not in accepted:
            raise NoNativeOpError(f"no native op has {name}={self._values[name]!r}")

    def symmetric(self, limits: Iterable[float]) -> float:
        """The a of a range [-a, a].

        Raises:
            NoNativeOpError: the range is another.
        """
        low, high = limits
        if abs(low + high) > 1e-9:
            raise NoNativeOpError(f"no native op draws from {low:g} to {high:g}, off centre")
        return float(high)

    def color(self, name: str) -> Any:
        """A fill as grey or RGB.

        Raises:
            NoNativeOpError: it is something else, such as a method of inpainting.
        """
        value = self[name]
        if value is None:
            return 0.0
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, list | tuple) and all(isinstance(v, int | float) for v in value):
            return float(value[0]) if len(value) == 1 else [float(v) for v in value]
        raise NoNativeOpError(f"no native op has {name}={value!r}")
