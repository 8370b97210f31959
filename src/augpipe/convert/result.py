"""What a conversion came to, and the recipe it is written as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import yaml

from augpipe.errors import AugpipeError
from augpipe.ops import make_op
from augpipe.pipeline import Pipeline
from augpipe.recipe import Recipe
from augpipe.spell import spell, spell_op, spell_statistics

How = Literal["native", "foreign", "not needed", "left out"]

_PROBES = 4


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one transform.

    Attributes:
        source: its name.
        how: native; foreign, so that the library itself runs it; not needed, as here loaders do it;
            or left out, which changes what the pipeline does.
        spec: the op as a recipe spells it, where there is one.
        notes: what the op does in another way, or why there is none.
        on_batch: whether it runs on batches.
    """

    source: str
    how: How
    spec: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    on_batch: bool = False


@dataclass(frozen=True, slots=True)
class Conversion:
    """A pipeline of another library, transform by transform.

    Attributes:
        library: whose it was.
        lines: in its order.
        boxes: `pipeline.boxes` of the recipe.
    """

    library: str
    lines: tuple[Line, ...]
    boxes: Mapping[str, Any] = field(default_factory=dict)

    def count(self, how: How) -> int:
        """How many transforms became so."""
        return sum(line.how == how for line in self.lines)

    @property
    def complete(self) -> bool:
        """Whether nothing was left out."""
        return not self.count("left out")

    def to_yaml(self) -> str:
        """The recipe, with a comment wherever something is not quite the same.

        Raises:
            RecipeError: these ops cannot stand together in this order.
        """
        text = "\n".join(self._text()) + "\n"
        Recipe.parse(yaml.safe_load(text))
        return text

    def as_json(self) -> dict[str, Any]:
        """Plain values: the recipe's text, and all lines."""
        return {
            "library": self.library,
            "recipe": self.to_yaml(),
            "transforms": [
                {"source": one.source, "how": one.how, "spec": one.spec, "notes": list(one.notes)}
                for one in self.lines
            ],
        }

    def _text(self) -> Iterator[str]:
        yield f"# Converted from {self.library}: {len(self.lines)} transforms, of which"
        kinds: tuple[How, ...] = ("native", "foreign", "not needed", "left out")
        yield "# " + ", ".join(f"{self.count(how)} {how}" for how in kinds) + "."
        yield "# Native ops that move pixels are sampled once for a run of them, with antialiasing."
        train, normalize = self._split_normalize()
        yield "pipeline:"
        yield from _section("train", train)
        yield from _section("batch", [line for line in self.lines if line.on_batch])
        if normalize is not None:
            yield f"  normalize: {spell_statistics(normalize)}"
        if self.boxes:
            yield f"  boxes: {spell(self.boxes)}"

    def _split_normalize(self) -> tuple[list[Line], Mapping[str, Any] | None]:
        """A normalize behind which nothing acts is the recipe's own."""
        train = [line for line in self.lines if not line.on_batch]
        acting = [line for line in train if line.spec is not None]
        if not acting or acting[-1].spec is None or "normalize" not in acting[-1].spec:
            return train, None
        last = acting[-1]
        return [line for line in train if line is not last], make_op(last.spec or {}).model_dump()


def native(source: str, spec: Mapping[str, Any], notes: Sequence[str], **more: bool) -> Line:
    """The line of a native op, spelled without its defaults.

    Raises:
        RecipeError: the op does not take these values.
    """
    return Line(source, "native", make_op(spec).spec(), tuple(notes), **more)


def foreign(source: str, name: str, parameters: Mapping[str, Any], why: str) -> Line:
    """The line of a transform that its library goes on running; or left out, where it cannot.

    Args:
        source: the transform's name.
        name: the same, as recipes write it.
        parameters: what it is called with.
        why: why there is no native op.
    """
    spec = {name: dict(parameters)}
    image = np.arange(61 * 83 * 3).reshape(61, 83, 3).astype(np.uint8)  # of no usual size
    try:
        pipeline = Pipeline([make_op(spec)])
        for index in range(_PROBES):
            pipeline(image, seed=0, epoch=0, index=index)
    except AugpipeError as error:
        return Line(source, "left out", None, (why, f"and as it is: {error}"))
    return Line(source, "foreign", spec, (why,))


def _section(name: str, lines: Sequence[Line]) -> Iterator[str]:
    if not lines:
        return
    acting = any(line.spec is not None for line in lines)
    yield f"  {name}:" if acting else f"  {name}: []"
    for line in lines:
        if line.how == "left out":
            yield f"    # LEFT OUT: {line.source}"
        for note in line.notes if line.how != "not needed" else ():
            yield f"    # {line.source}: {' '.join(note.split())}"
        if line.spec is not None:
            yield f"    - {spell_op(line.spec)}"
