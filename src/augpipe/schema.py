"""Settings that people write: the model they are checked against, their types, and the findings.

Ops, recipes and the trainer's configuration all derive from `Settings`: frozen, and no key is ever
ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from augpipe.docstrings import attributes, description
from augpipe.errors import RecipeError, suggest

# What stands in the JSON schema of a field that holds ops, or says where data is, until it is known
# which ops and which datasets there are; see `json_schema`.
OP_FORMAT, PLACE_FORMAT = "op", "place"


class Settings(BaseModel):
    """Validated, immutable values; an unknown key, an infinity or a NaN is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """With what the docstring says, of the whole and of each key."""
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        schema["description"] = description(cls)
        for name, text in attributes(cls).items():
            if name in schema.get("properties", {}):
                schema["properties"][name].setdefault("description", text)
        return reference

    @model_validator(mode="before")
    @classmethod
    def _no_truth_as_number(cls, values: Any) -> Any:
        """`p: true` is a mistake, not a one."""
        if not isinstance(values, Mapping):
            return values
        truths = {name for name, f in cls.model_fields.items() if f.annotation is bool}
        return {k: v if k in truths else _without_truth(v) for k, v in values.items()}


class _Truth:
    """A truth value where none belongs: no type takes it, and errors show it as YAML writes it."""

    def __init__(self, value: bool) -> None:
        self._value = value

    def __repr__(self) -> str:
        return str(self._value).lower()


def _without_truth(value: Any) -> Any:
    if isinstance(value, bool):
        return _Truth(value)
    return [_without_truth(item) for item in value] if isinstance(value, list) else value


def read_yaml(text: str) -> Any:
    """Plain values from YAML text; nothing in it can run code.

    Raises:
        RecipeError: it is not YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"not YAML: {' '.join(str(error).split())}") from None


M = TypeVar("M", bound=BaseModel)


def check(model: type[M], values: Any, where: str = "") -> M:
    """Make a model of plain values.

    Args:
        model: what the values should be.
        values: a mapping.
        where: what the values are, for the error.

    Raises:
        RecipeError: an unknown key, offering the nearest; a wrong type; a value out of range.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        finding = _explain(error, model, values)
        raise RecipeError(where + finding if where else finding.lstrip(".: ")) from None


def _explain(error: ValidationError, model: type[BaseModel], values: Any) -> str:
    """The first of pydantic's findings, as `.key: what is wrong; what to do`."""
    first = error.errors(include_url=False)[0]
    path = _path(first["loc"], values, first["type"])
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    context = first.get("ctx", {})
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown key; {suggest(str(path[-1]), _known_keys(model, path[:-1]))}"
    if first["type"] == "missing":
        return f"{where}: is required"
    if first["type"] == "union_tag_not_found":
        return f"{where}.name: is required"
    if first["type"] == "union_tag_invalid":
        known = [tag.strip("' ") for tag in context["expected_tags"].split(",")]
        return f"{where}.name: unknown {context['tag']!r}; {suggest(context['tag'], known)}"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    message = message.replace("valid tuple", "list")  # what YAML calls it
    given = "" if isinstance(first["input"], Mapping) else f", not {first['input']!r}"
    return f"{where}: {message}{given}"


def _path(location: tuple[int | str, ...], values: Any, kind: str) -> list[int | str]:
    """The keys that lead to a finding; without the members of unions that pydantic names too."""
    path: list[int | str] = []
    for part in location:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            if kind != "missing" or part != location[-1]:
                continue
        path.append(part)
    return path


def _known_keys(model: type[BaseModel], path: list[int | str]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        for member in _members(field.annotation if field else None):
            model = member
    return list(model.model_fields)


def _members(annotation: Any) -> list[type[BaseModel]]:
    """The models in an annotation such as `Model | None`."""
    parts = getattr(annotation, "__args__", (annotation,))
    return [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]


def ordered(value: tuple[float, float]) -> tuple[float, float]:
    """Check that a range does not run backwards."""
    if value[0] > value[1]:
        raise ValueError("the range should be written as [low, high]")
    return value


def _around(centre: float, pair: Any, *, floor: float | None = None) -> BeforeValidator:
    """One number a stands for the range [centre - a, centre + a], cut off at `floor`.

    Args:
        centre: of the range.
        pair: what two numbers have to be.
        floor: nothing is below.
    """

    def widen(value: Any) -> Any:
        if not isinstance(value, int | float):
            return value
        if value < 0:
            raise ValueError(
                "a single number is the half-width of a range and must not be negative"
            )
        low = centre - value
        return (low if floor is None else max(low, floor), centre + value)

    return BeforeValidator(widen, json_schema_input_type=NonNegative | pair)


def _three(value: Any) -> Any:
    return (value, value, value) if isinstance(value, int | float) else value


Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
_Share = Annotated[float, Field(gt=0, le=1)]

Level = Annotated[float, Field(ge=0, le=255)]
Probability = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
FractionRange = Annotated[tuple[Fraction, Fraction], AfterValidator(ordered)]
Side = Annotated[int, Field(ge=1, le=2**14)]
_Levels = tuple[Level, Level, Level]
_Floats = tuple[float, float, float]
Color = Annotated[_Levels, BeforeValidator(_three, json_schema_input_type=Level | _Levels)]
Rgb = Annotated[_Floats, BeforeValidator(_three, json_schema_input_type=float | _Floats)]
Range = Annotated[tuple[float, float], AfterValidator(ordered)]
PositiveRange = Annotated[tuple[Positive, Positive], AfterValidator(ordered)]
ShareRange = Annotated[tuple[_Share, _Share], AfterValidator(ordered)]
NonNegativeRange = Annotated[tuple[NonNegative, NonNegative], AfterValidator(ordered)]
SymmetricRange = Annotated[Range, _around(0.0, tuple[float, float])]
FactorRange = Annotated[NonNegativeRange, _around(1.0, tuple[NonNegative, NonNegative], floor=0.0)]
