"""An op's hyper-parameters as controls, read from its model and from its docstring."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from augpipe.ops import Op
from augpipe.ops.policy import Policy
from augpipe.schema import ordered

Kind = Literal["switch", "choice", "sliders", "range", "color", "text", "ops"]
Schema = Mapping[str, Any]

# How far from 0 a slider reaches where the model has no bound, or has one in code that no schema
# shows; by the field's name.
_REACH = {
    "angle": 180.0,
    "degrees": 180.0,
    "distort_limit": 0.9,
    "hue": 0.5,
    "rotate_limit": 180.0,
    "scale_limit": 0.9,
    "shear": 45.0,
    "shift": 0.5,
    "shift_limit": 0.5,
    "slant_range": 45.0,
}
_FROM_ONE = {"length", "side_range"}
_ODD = {"kernel_size"}
# Sides may be so long that no slider could be set; one more can be typed.
_LONG, _SIDE = 2**14, 64


@dataclass(frozen=True, slots=True)
class Scale:
    """What a slider runs over; larger and smaller numbers may be typed.

    Attributes:
        low: its left end.
        high: its right end.
        step: how finely it can be set.
    """

    low: float
    high: float
    step: float


@dataclass(frozen=True, slots=True)
class Control:
    """How one hyper-parameter is shown.

    Attributes:
        field: its name.
        kind: a switch; a choice; a slider for each number; one range; a colour; text, which is any
            value in YAML; or ops, of which some ops are made.
        help: what the op's docstring says about it.
        choices: what there is to choose from.
        scale: what sliders run over.
    """

    field: str
    kind: Kind
    help: str = ""
    choices: tuple[str, ...] = ()
    scale: Scale = Scale(0, 1, 0.01)


def controls(op: type[Op], values: Mapping[str, Any]) -> list[Control]:
    """A control for each field of an op.

    Args:
        op: which one.
        values: what is set now, as plain values; a field that takes several types is shown as what
            it is now.
    """
    helps = _described(op)
    schemas = op.model_json_schema().get("properties", {})
    return [
        _control(name, info, schemas[name], values.get(name), helps.get(name, ""))
        for name, info in op.model_fields.items()
    ]


def summary(op: type[Op]) -> str:
    """The first sentence of its docstring."""
    return (inspect.getdoc(op) or "").split("\n", 1)[0]


def _described(op: type[Op]) -> dict[str, str]:
    """What the docstring says about each field."""
    _, _, text = (inspect.getdoc(op) or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", text, re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in found}


def _control(name: str, info: FieldInfo, schema: Schema, value: Any, said: str) -> Control:
    member = _member(schema, value)
    if member.get("type") == "boolean":
        return Control(name, "switch", said)
    if "enum" in member:
        return Control(name, "choice", said, choices=tuple(member["enum"]))
    numbers = _numbers(member)
    if not numbers:
        return Control(name, "ops" if _takes_ops(info) else "text", said)
    if len(numbers) == 3 and all(_bounds(one) == (0, 255) for one in numbers):
        return Control(name, "color", said)
    default = info.default if info.default is not None else ()
    kind: Kind = "range" if len(numbers) == 2 and _is_ordered(info) else "sliders"
    return Control(name, kind, said, scale=_scale(name, numbers, [*_flat(default), *_flat(value)]))


def _member(schema: Schema, value: Any) -> Schema:
    """Of several types that a field takes, the one that the value is of; none for null."""
    return next((one for one in schema.get("anyOf", [schema]) if _is_of(one, value)), {})


def _is_of(schema: Schema, value: Any) -> bool:
    if "enum" in schema or schema.get("type") == "boolean":
        return True
    if schema.get("type") == "array":
        items = schema.get("prefixItems", [])
        return isinstance(value, list | tuple) and len(items) == len(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return schema.get("type") in ("number", "integer") and is_number


def _numbers(schema: Schema) -> Sequence[Schema]:
    """The schema of each number, if there is nothing but numbers."""
    each = schema.get("prefixItems", [schema])
    return each if all(one.get("type") in ("number", "integer") for one in each) else ()


def _bounds(schema: Schema) -> tuple[float | None, float | None]:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    return low, None if high == _LONG else high


def _takes_ops(info: FieldInfo) -> bool:
    """Whether it takes ops, as those of `ops.policy` do."""
    members = Policy.model_fields["ops"]
    return (info.annotation, info.metadata) == (members.annotation, members.metadata)


def _is_ordered(info: FieldInfo) -> bool:
    """Whether two numbers are a range, and not something along x and along y."""
    return any(isinstance(one, AfterValidator) and one.func is ordered for one in info.metadata)


def _flat(value: Any) -> Iterator[float]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, int | float):
        yield value


def _scale(name: str, numbers: Sequence[Schema], known: Sequence[float]) -> Scale:
    """From the model's bounds, or else from what is usual, so that all known values fit."""
    lows, highs = zip(*map(_bounds, numbers), strict=True)
    low, high = lows[0], highs[0]
    if name in _REACH and high is None:
        low, high = -_REACH[name], _REACH[name]
    most = max(map(abs, known), default=0)
    if high is None:
        sides = any(one.get("maximum") == _LONG for one in numbers)
        high = max(_round_up(2 * most), _SIDE if sides else 0)
    if low is None:
        low = -high if most == 0 or min(known) < 0 else 0
    low, high = min(low, *known, high), max(high, *known, low)
    step = _step(numbers, high - low, known)
    if name in _FROM_ONE or any("exclusiveMinimum" in one for one in numbers):
        low = max(low, 1 if name in _FROM_ONE else step)
    return Scale(low, high, 2 if name in _ODD else step)


def _step(numbers: Sequence[Schema], span: float, known: Sequence[float]) -> float:
    """A hundredth of the span, or as fine as the smallest known value."""
    if all(one["type"] == "integer" for one in numbers):
        return 1
    finest = min((abs(value) for value in known if value), default=span)
    return float(10.0 ** math.floor(math.log10(min(span / 100, finest))))


def _round_up(number: float) -> float:
    """To 1, 2, 3 or 5 times a power of ten."""
    if number <= 0:
        return 1
    power = 10.0 ** math.floor(math.log10(number))
    return next(power * first for first in (1, 2, 3, 5, 10) if number <= power * first * (1 + 1e-9))
