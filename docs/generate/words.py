"""Values and their limits in words, as the tables of the op pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

Schema = Mapping[str, Any]

_NAMES = {
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "string": "text",
    "object": "mapping",
    "null": "null",
}


def value_in_words(value: Any) -> str:
    """A value as a recipe spells it, numbers with four digits at the most."""
    spelled = yaml.safe_dump(_plain(value), default_flow_style=True, sort_keys=False, width=1000)
    return spelled.removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def limits_in_words(schema: Schema) -> str:
    """Which values a JSON schema lets through: `0 to 1`, `shorter, longer`."""
    if "enum" in schema or "const" in schema:
        return ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    if "anyOf" in schema or "oneOf" in schema:
        members = map(limits_in_words, schema.get("anyOf") or schema["oneOf"])
        return " or ".join(dict.fromkeys(members))
    if schema.get("type") == "array":
        return _array(schema)
    if schema.get("type") in ("number", "integer"):
        return _number(schema)
    return _NAMES.get(schema.get("type", ""), "anything")


def _array(schema: Schema) -> str:
    if "prefixItems" not in schema:
        return f"list{_each(schema.get('items', {}), ' of')}"
    items = schema["prefixItems"]
    if len(items) > 2 and all(item == items[0] for item in items):
        return f"{len(items)}{_each(items[0], '')}"
    return f"[{', '.join(map(limits_in_words, items))}]"


def _each(item: Schema, of: str) -> str:
    """What each of several items may be, behind how many there are."""
    if not item:
        return ""
    kind = _NAMES.get(item.get("type", ""), "list")
    limits = limits_in_words(item)
    plural = kind if kind == "text" else f"{kind}s"
    return f"{of} {plural}" + (f", each {limits}" if limits != kind else "")


def _number(schema: Schema) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    first = f"above {above:g}" if above is not None else f"{low:g}" if low is not None else ""
    last = f"below {below:g}" if below is not None else f"{high:g}" if high is not None else ""
    if first and last:
        return first if first == last else f"{first} to {last}"
    if first:
        return first if above is not None else f"at least {first}"
    if last:
        return last if below is not None else f"at most {last}"
    return _NAMES[schema["type"]]
