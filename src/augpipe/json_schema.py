"""Recipes and ops as JSON schema: for completion and red lines in an editor.

Draft 7, which all editors know. What depends on several keys at once, or on data, is left to
`Recipe.load`, and so are the parameters of other people's transforms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core.core_schema import TupleSchema

from augpipe.adapters import MODULES
from augpipe.api import build_loader
from augpipe.data.open import known_options
from augpipe.docstrings import description, entries
from augpipe.loader.config import LoaderConfig
from augpipe.ops import Op, find_op, list_ops
from augpipe.recipe import Recipe
from augpipe.schema import OP_FORMAT, PLACE_FORMAT

Json = dict[str, Any]


class _Draft7(GenerateJsonSchema):
    schema_dialect = "http://json-schema.org/draft-07/schema#"

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No: a title would only repeat the key."""
        return False

    def tuple_schema(self, schema: TupleSchema) -> Json:
        """With the name that the types of a tuple's items have in draft 7."""
        made = super().tuple_schema(schema)
        if "prefixItems" in made:
            made["items"] = made.pop("prefixItems")
        return made


def op_schema(op: type[Op]) -> Json:
    """Of one op's parameters; other ops among them may be anything."""
    return op.model_json_schema(schema_generator=_Draft7)


def recipe_schema() -> Json:
    """Of a whole recipe."""
    ops = {name: find_op(name) for name in list_ops()}
    models: list[Any] = [(model, "validation") for model in (Recipe, *ops.values())]
    references, whole = models_json_schema(models, schema_generator=_Draft7)
    known = {name: (op, references[op, "validation"]) for name, op in ops.items()}
    definitions = whole["$defs"] | {OP_FORMAT: _any_op(known), PLACE_FORMAT: _place()}
    _say(definitions[LoaderConfig.__name__], entries(build_loader, "Args"))
    recipe = definitions.pop(Recipe.__name__)
    head = {"$schema": _Draft7.schema_dialect, "title": "augpipe recipe"}
    return dict(_linked(head | recipe | {"$defs": dict(sorted(definitions.items()))}))


def _say(schema: Json, descriptions: Mapping[str, str]) -> None:
    for name, value in schema["properties"].items():
        value["description"] = descriptions[name]


def _any_op(known: Mapping[str, tuple[type[Op], Json]]) -> Json:
    """A name, where that is enough; or `{name: {parameter: value}}`."""
    enough = [name for name, (op, _) in known.items() if not _required(op)]
    others = rf"^({'|'.join(MODULES)})\.\w+$"
    fields = {
        name: {
            "description": description(op),
            "anyOf": [reference, *([{"type": "null"}] if name in enough else [])],
        }
        for name, (op, reference) in known.items()
    }
    one = {
        "type": "object",
        "properties": fields,
        "patternProperties": {others: {"type": ["object", "null"]}},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    names = [{"enum": enough}, {"type": "string", "pattern": others}]
    words = "An op: its name, or {name: {parameter: value}}."
    return {"description": words, "anyOf": [*names, one]}


def _required(op: type[Op]) -> list[str]:
    return [name for name, field in op.model_fields.items() if field.is_required()]


def _place() -> Json:
    """A path, or a mapping of one and what its dataset takes besides."""
    path = {"type": "string", "description": "A folder or file."}
    table = {"type": "string", "description": "A table, where `path` names its column of paths."}
    options: Json = {name: {} for name in known_options()}
    mapping = {
        "type": "object",
        "properties": options | {"path": path, "table": table},
        "additionalProperties": False,
        "anyOf": [{"required": ["path"]}, {"required": ["table"]}],
    }
    words = "A path, or {path: ..., option: ...}."
    return {"description": words, "anyOf": [{"type": "string"}, mapping]}


def _linked(value: Any) -> Any:
    """With references where there are formats that only we know."""
    if isinstance(value, list):
        return [_linked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("format") in (OP_FORMAT, PLACE_FORMAT):
        return {"$ref": f"#/$defs/{value['format']}"}
    return {key: _linked(item) for key, item in value.items()}
