"""What docstrings say: of a class, and of each of its attributes; of a function's arguments."""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields):$", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): (.*(?:\n(?:        .*)?)*)", re.MULTILINE)


def description(kind: type) -> str:
    """What a class's own docstring says before its first section."""
    text = inspect.cleandoc(kind.__doc__ or "")
    return _SECTION.split(text)[0].rstrip()


def attributes(kind: type) -> dict[str, str]:
    """What a class and its bases say of each attribute, on one line."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found |= entries(base, "Attributes")
    return found


def entries(documented: object, section: str) -> dict[str, str]:
    """What a section of an own docstring says of each name, on one line."""
    _, *parts = _SECTION.split(inspect.cleandoc(documented.__doc__ or ""))
    text = dict(zip(parts[::2], parts[1::2], strict=True)).get(section, "")
    return {name: " ".join(said.split()) for name, said in _ENTRY.findall(text)}
