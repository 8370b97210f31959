"""albumentations 2: from what `A.to_dict` and `A.save` write, without the library itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from augpipe.convert.albumentations_ops import NATIVE, NOT_NEEDED
from augpipe.convert.fields import Fields, NoNativeOpError
from augpipe.convert.result import Conversion, Line, foreign, native
from augpipe.errors import RecipeError

_Spec = dict[str, Any]
_GROUPS = ("Compose", "Sequential", "ReplayCompose")


def convert_serialized(document: Any) -> Conversion:
    """Convert what `A.to_dict` returns.

    Raises:
        RecipeError: it is something else.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("transform"), Mapping):
        raise RecipeError(
            "holds no pipeline of albumentations; expected what A.save writes, "
            "a mapping with the key 'transform'"
        )
    root = document["transform"]
    return Conversion(
        f"albumentations {document.get('__version__', '')}".strip(),
        tuple(_lines(root)),
        _boxes(root.get("bbox_params")),
    )


def _lines(transform: Mapping[str, Any]) -> Iterator[Line]:
    name = _name(transform)
    if name in _GROUPS and transform["p"] == 1:
        for part in transform["transforms"]:
            yield from _lines(part)
    elif name in NOT_NEEDED:
        yield Line(name, "not needed")
    elif "transforms" in transform:
        yield _container(name, transform)
    else:
        yield _leaf(name, transform)


def _name(transform: Mapping[str, Any]) -> str:
    full = transform.get("__class_fullname__")
    if not isinstance(full, str):
        raise RecipeError(f"has a transform without __class_fullname__: {dict(transform)!r:.80}")
    return full.rpartition(".")[2]


def _leaf(name: str, transform: Mapping[str, Any]) -> Line:
    parameters = {k: v for k, v in transform.items() if k != "__class_fullname__"}
    fields = Fields(parameters)
    try:
        return native(name, _native(name, fields), fields.notes)
    except (NoNativeOpError, RecipeError) as reason:
        return foreign(name, f"albumentations.{name}", parameters, str(reason))


def _native(name: str, fields: Fields) -> _Spec:
    if name not in NATIVE:
        raise NoNativeOpError("no native op has this meaning")
    return NATIVE[name](fields)


def _container(name: str, transform: Mapping[str, Any]) -> Line:
    fields = Fields(transform)
    try:
        if name not in _CONTAINERS:
            raise NoNativeOpError("no native op has this meaning")
        spec = _CONTAINERS[name](fields, transform["transforms"])
        return native(name, spec, fields.notes)
    except (NoNativeOpError, RecipeError) as reason:
        return Line(name, "left out", None, (f"{reason}; in Python, hand the object over",))


def _members(fields: Fields, parts: Sequence[Mapping[str, Any]]) -> list[_Spec]:
    """The native ops of all members.

    Raises:
        NoNativeOpError: one has none, so that nobody could leave it out.
    """
    specs = []
    for part in parts:
        name = _name(part)
        (line,) = lines if len(lines := list(_lines(part))) == 1 else (None,)
        if line is None or line.how != "native" or line.spec is None:
            raise NoNativeOpError(f"its member {name} is no native op")
        fields.notes += line.notes
        specs.append(dict(line.spec))
    return specs


def _one_of(fields: Fields, parts: Sequence[Mapping[str, Any]]) -> _Spec:
    if len({part["p"] for part in parts}) > 1:
        raise NoNativeOpError("members of a native one_of are all as likely")
    # The chosen member always acts: here, p is a weight.
    certain = [{**part, "p": 1.0} for part in parts]
    return {"one_of": {"ops": _members(fields, certain), "p": fields["p"]}}


def _some_of(fields: Fields, parts: Sequence[Mapping[str, Any]]) -> _Spec:
    fields.require("replace", False)
    return {"some_of": {"ops": _members(fields, parts), "n": fields["n"], "p": fields["p"]}}


def _random_order(fields: Fields, parts: Sequence[Mapping[str, Any]]) -> _Spec:
    fields.require("replace", False)
    fields.require("n", len(parts))
    return {"random_order": {"ops": _members(fields, parts), "p": fields["p"]}}


def _sometimes(fields: Fields, parts: Sequence[Mapping[str, Any]]) -> _Spec:
    return {"sometimes": {"ops": _members(fields, parts), "p": fields["p"]}}


_CONTAINERS: dict[str, Callable[[Fields, Sequence[Mapping[str, Any]]], _Spec]] = {
    "OneOf": _one_of,
    "SomeOf": _some_of,
    "RandomOrder": _random_order,
    **dict.fromkeys(_GROUPS, _sometimes),
}


def _boxes(params: Mapping[str, Any] | None) -> _Spec:
    """`pipeline.boxes` from bbox_params; what is there by default is left out."""
    if not params:
        return {}
    defaults = {"min_area": 0, "min_visibility": 0}
    boxes = {key: params[key] for key in defaults if params.get(key, 0) != defaults[key]}
    if params.get("format", "pascal_voc") != "pascal_voc":
        boxes["format"] = params["format"]
    if params.get("clip"):
        boxes["on_invalid"] = "clip"
    elif params.get("filter_invalid_bboxes"):
        boxes["on_invalid"] = "drop"
    return boxes
