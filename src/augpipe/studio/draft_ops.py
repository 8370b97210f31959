"""Ops while they are being edited: they can be changed, moved, and left out for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from augpipe.cli.ops import example_fields
from augpipe.ops import Op, find_op, list_ops, make_op
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


class DraftOps:
    """Ops in their order, in one section or in several.

    Args:
        specs: for each section, what a recipe says.

    Attributes:
        sections: the ops of each.
    """

    sections: dict[str, list[DraftOp]]

    def __init__(self, specs: Mapping[str, Sequence[Any]]) -> None:
        self.take(specs)

    def take(self, specs: Mapping[str, Sequence[Any]]) -> None:
        """These instead."""
        self.sections = {name: [DraftOp.of(one) for one in ops] for name, ops in specs.items()}

    @property
    def specs(self) -> dict[str, list[dict[str, Any]]]:
        """As a recipe spells them, without those that are off."""
        return {name: [op.spec for op in ops if op.on] for name, ops in self.sections.items()}

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


def _with_tuples(value: Any) -> Any:
    """With tuples for lists, as models have them."""
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def addable() -> dict[str, str]:
    """The ops that can be added, by name, with what they do."""
    return {name: summary(find_op(name)) for name in list_ops()}
