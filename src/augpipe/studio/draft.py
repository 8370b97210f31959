"""A pipeline while it is being edited: ops that can be changed, moved and left out; its YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from augpipe.cli.ops import example_fields
from augpipe.errors import RecipeError
from augpipe.ops import Op, find_op, list_ops, make_op
from augpipe.pipeline import Pipeline
from augpipe.recipe import PARTS, Part, PipelineConfig, Recipe
from augpipe.schema import check, read_yaml
from augpipe.spell import spell, spell_op, spell_statistics
from augpipe.studio.fields import Control, controls, summary


@dataclass(eq=False)
class DraftOp:
    """One op, with values that may be wrong for the moment.

    Attributes:
        name: as recipes call it.
        fields: what is not left at its default, as plain values; written as recipes may, such as a
            number for a range.
        on: whether it acts.
    """

    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    on: bool = True

    @classmethod
    def of(cls, spec: Any) -> DraftOp:
        """From what a recipe says, kept as it is written there."""
        make_op(spec)
        ((name, fields),) = ({spec: {}} if isinstance(spec, str) else spec).items()
        return cls(name if "." in name else find_op(name).name(), dict(fields or {}))

    @classmethod
    def new(cls, name: str) -> DraftOp:
        """With examples of what it cannot do without.

        Raises:
            RecipeError: there is no such op.
        """
        return cls.of({name: example_fields(find_op(name))})

    def make(self) -> Op:
        """The op itself.

        Raises:
            RecipeError: a value is wrong.
        """
        return make_op(self.spec)

    @property
    def spec(self) -> dict[str, Any]:
        """As a recipe spells it."""
        return {self.name: self.fields}

    @property
    def model(self) -> type[Op] | None:
        """Its class; None where the op is another library's transform."""
        return find_op(self.name) if self.name in list_ops() else None

    @property
    def controls(self) -> list[Control]:
        """How its fields are shown; those of other libraries, as text."""
        if self.model is None:
            return [Control(name, "text") for name in self.fields]
        return controls(self.model, self.values)

    @property
    def values(self) -> dict[str, Any]:
        """All fields with their values, defaults included.

        Raises:
            RecipeError: a value is wrong.
        """
        return self.fields if self.model is None else self.make().model_dump(mode="json")

    def set(self, name: str, value: Any) -> None:
        """Give a field a value; that of its default is not written down."""
        self.fields[name] = value
        if self.model is not None and self.model.model_fields[name].default == _with_tuples(value):
            del self.fields[name]

    @property
    def help(self) -> str:
        """What it does, in a sentence."""
        return "another library's transform" if self.model is None else summary(self.model)


class Draft:
    """The ops of one part of a recipe, and of its batches.

    Args:
        recipe: where it begins; all but its ops stays as it is.
        part: which ops are edited.

    Attributes:
        sections: ops by the section of the recipe that they stand in: `train` and `batch`, or
            `val`.
    """

    sections: dict[str, list[DraftOp]]

    def __init__(self, recipe: Recipe, part: Part) -> None:
        self.part, self._start = part, recipe
        self.reset()

    def reset(self) -> None:
        """Back to the recipe as it was."""
        self._take(self._start)

    def _take(self, recipe: Recipe) -> None:
        self._recipe = recipe
        names = ("train", "batch") if self.part == "train" else ("val",)
        self.sections = {
            name: [DraftOp.of(spec) for spec in getattr(recipe.pipeline, name)] for name in names
        }

    def __iter__(self) -> Iterator[DraftOp]:
        return (op for ops in self.sections.values() for op in ops)

    def add(self, section: str, name: str) -> DraftOp:
        """A new op, at the end of a section.

        Raises:
            RecipeError: there is no such op.
        """
        op = DraftOp.new(name)
        self.sections[section].append(op)
        return op

    def remove(self, op: DraftOp) -> None:
        """Without it."""
        self.sections[self.section_of(op)].remove(op)

    def move(self, op: DraftOp, section: str, place: int) -> None:
        """To a place in a section; beyond its ends, to its end."""
        self.remove(op)
        self.sections[section].insert(max(place, 0), op)

    def section_of(self, op: DraftOp) -> str:
        """Where it stands."""
        return next(name for name, ops in self.sections.items() if op in ops)

    @property
    def recipe(self) -> Recipe:
        """The recipe with the ops that are on; they are not checked yet."""
        on = {name: tuple(op.spec for op in ops if op.on) for name, ops in self.sections.items()}
        pipeline = self._recipe.pipeline.model_copy(update=on)
        return self._recipe.model_copy(update={"pipeline": pipeline})

    def pipeline(self) -> Pipeline:
        """What the ops that are on come to.

        Raises:
            RecipeError: a value is wrong, or ops cannot stand in this order.
        """
        return self.recipe.ops(self.part)

    def to_yaml(self) -> str:
        """The `pipeline` section of a recipe, the parts that are not edited included.

        Raises:
            RecipeError: as `pipeline`.
        """
        self.pipeline()
        return "\n".join(_lines(self.recipe.pipeline)) + "\n"

    def read(self, text: str) -> None:
        """Take the ops out of YAML: a recipe, its `pipeline` section, or a list of ops.

        Raises:
            RecipeError: it is none of these, or something in it is wrong; the draft stays.
        """
        recipe = self._recipe.model_copy(update={"pipeline": self._config(read_yaml(text))})
        for part in PARTS:
            recipe.ops(part)
        self._take(recipe)

    def _config(self, values: Any) -> PipelineConfig:
        if isinstance(values, list):
            on = self._recipe.pipeline
            return on.model_copy(update={self.part: tuple(values)})
        if not isinstance(values, Mapping):
            raise RecipeError("expected a list of ops, or the section `pipeline` of a recipe")
        return check(PipelineConfig, values.get("pipeline", values), "pipeline")


def _with_tuples(value: Any) -> Any:
    """With tuples for lists, as models have them."""
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def addable() -> dict[str, str]:
    """The ops that can be added, by name, with what they do."""
    return {name: summary(find_op(name)) for name in list_ops()}


def _lines(config: PipelineConfig) -> Iterator[str]:
    yield "pipeline:"
    for name in ("train", "val", "batch"):
        if specs := getattr(config, name):
            yield f"  {name}:"
            yield from (f"    - {spell_op(DraftOp.of(spec).spec)}" for spec in specs)
    if config.normalize:
        yield f"  normalize: {spell_statistics(config.normalize.model_dump(mode='json'))}"
    if boxes := config.boxes.model_dump(mode="json", exclude_defaults=True):
        yield f"  boxes: {spell(boxes)}"
