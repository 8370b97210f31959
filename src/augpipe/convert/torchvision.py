"""torchvision's transforms, of either version, read as objects: they have no serialised form."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from augpipe.convert.fields import Fields, NoNativeOpError
from augpipe.convert.result import Conversion, Line, foreign, native
from augpipe.convert.torchvision_ops import NATIVE, NOT_NEEDED, ON_BATCH, TO_FLOAT
from augpipe.errors import RecipeError

_Spec = dict[str, Any]
_GROUPS = ("Compose", "Sequential")


def convert_object(transform: Any) -> Conversion:
    """Convert a transform of torchvision, or a composition of them."""
    import torchvision

    lines = list(_lines(transform))
    if any(line.source in TO_FLOAT for line in lines) and not _normalizes(lines):
        lines.append(native("ToDtype", {"to_float": {}}, ()))
    return Conversion(f"torchvision {torchvision.__version__.partition('+')[0]}", tuple(lines))


def _normalizes(lines: Sequence[Line]) -> bool:
    return any("normalize" in (line.spec or {}) for line in lines)


def _lines(transform: Any) -> Iterator[Line]:
    name = type(transform).__name__
    if name in _GROUPS:
        for part in _parts(transform):
            yield from _lines(part)
    elif name in NOT_NEEDED:
        yield Line(name, "not needed")
    elif name in _CONTAINERS:
        yield _container(name, transform)
    else:
        yield _leaf(name, transform)


def _parts(transform: Any) -> list[Any]:
    """The members, of a torch.nn.Sequential as well."""
    return list(getattr(transform, "transforms", transform))


def _leaf(name: str, transform: Any) -> Line:
    fields = Fields(vars(transform))
    try:
        if name not in NATIVE:
            raise NoNativeOpError("no native op has this meaning")
        return native(name, NATIVE[name](fields), fields.notes, on_batch=name in ON_BATCH)
    except (NoNativeOpError, RecipeError) as reason:
        parameters = _parameters(transform)
        if parameters is None:
            why = "has parameters that a recipe cannot spell; in Python, hand the object over"
            return Line(name, "left out", None, (str(reason), why))
        return foreign(name, f"torchvision.{name}", parameters, str(reason))


def _parameters(transform: Any) -> Mapping[str, Any] | None:
    """What the transform was made with, if attributes of the same names say so in plain values."""
    kind = type(transform)
    if not kind.__module__.startswith("torchvision."):
        return None
    names = [name for name in inspect.signature(kind).parameters if name not in ("inplace",)]
    values = {name: getattr(transform, name, ...) for name in names}
    return values if all(map(_is_plain, values.values())) else None


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _container(name: str, transform: Any) -> Line:
    fields = Fields(vars(transform))
    try:
        return native(name, _CONTAINERS[name](fields, _parts(transform)), fields.notes)
    except (NoNativeOpError, RecipeError) as reason:
        return Line(name, "left out", None, (f"{reason}; in Python, hand the object over",))


def _members(fields: Fields, parts: Sequence[Any]) -> list[_Spec]:
    """The native ops of all members.

    Raises:
        NoNativeOpError: one has none, so that nobody could leave it out.
    """
    specs = []
    for part in parts:
        for line in _lines(part):
            if line.how != "native" or line.spec is None:
                raise NoNativeOpError(f"its member {type(part).__name__} is no native op")
            fields.notes += line.notes
            specs.append(dict(line.spec))
    return specs


def _random_apply(fields: Fields, parts: Sequence[Any]) -> _Spec:
    return {"sometimes": {"ops": _members(fields, parts), "p": fields["p"]}}


def _random_choice(fields: Fields, parts: Sequence[Any]) -> _Spec:
    weights = _weights(fields)
    if weights is not None and len(set(weights)) > 1:
        raise NoNativeOpError("members of a native one_of are all as likely")
    members = _members(fields, parts)
    if len(members) != len(parts):
        raise NoNativeOpError("one of its members is a group")
    return {"one_of": {"ops": members}}


def _weights(fields: Fields) -> Sequence[float] | None:
    """Version 2 calls them `p`, or in older releases `probabilities`."""
    try:
        return fields["p"]  # type: ignore[no-any-return]  # torchvision has no types
    except NoNativeOpError:
        return fields["probabilities"]  # type: ignore[no-any-return]


def _random_order(fields: Fields, parts: Sequence[Any]) -> _Spec:
    return {"random_order": {"ops": _members(fields, parts)}}


_CONTAINERS: dict[str, Callable[[Fields, Sequence[Any]], _Spec]] = {
    "RandomApply": _random_apply,
    "RandomChoice": _random_choice,
    "RandomOrder": _random_order,
}
