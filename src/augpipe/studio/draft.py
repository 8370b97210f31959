"""A recipe's pipeline while it is being edited: what its ops come to; to YAML, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from augpipe.errors import RecipeError
from augpipe.ops import Normalize
from augpipe.pipeline import Pipeline
from augpipe.recipe import PARTS, Part, PipelineConfig, Recipe
from augpipe.schema import check, read_yaml
from augpipe.spell import spell, spell_op, spell_statistics
from augpipe.studio.draft_ops import DraftOp, DraftOps


class Draft(DraftOps):
    """The ops of one part of a recipe, in its sections `train` and `batch`, or `val`.

    Args:
        recipe: where it begins; all but its ops stays as it is.
        part: which ops are edited.
    """

    def __init__(self, recipe: Recipe, part: Part) -> None:
        self.part, self._start = part, recipe
        self._names = ("train", "batch") if part == "train" else ("val",)
        self.reset()

    def reset(self) -> None:
        """Back to the recipe as it was."""
        self._begin(self._start)

    def _begin(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self.take({name: getattr(recipe.pipeline, name) for name in self._names})

    @property
    def recipe(self) -> Recipe:
        """The recipe with the ops that are on; they are not checked yet."""
        pipeline = self._recipe.pipeline.model_copy(update=self.specs)
        return self._recipe.model_copy(update={"pipeline": pipeline})

    def pipeline(self) -> Pipeline:
        """What the ops that are on come to.

        Raises:
            RecipeError: a value is wrong, or ops cannot stand in this order.
        """
        return self.recipe.provisional.ops(self.part)

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
            recipe.provisional.ops(part)
        self._begin(recipe)

    def _config(self, values: Any) -> PipelineConfig:
        if isinstance(values, list):
            on = self._recipe.pipeline
            return on.model_copy(update={self.part: tuple(values)})
        if not isinstance(values, Mapping):
            raise RecipeError("expected a list of ops, or the section `pipeline` of a recipe")
        return check(PipelineConfig, values.get("pipeline", values), "pipeline")


def _lines(config: PipelineConfig) -> Iterator[str]:
    yield "pipeline:"
    for name in ("train", "val", "batch"):
        if specs := getattr(config, name):
            yield f"  {name}:"
            yield from (f"    - {spell_op(DraftOp.of(spec).spec)}" for spec in specs)
    if config.normalize:
        yield f"  normalize: {_statistics(config.normalize)}"
    if boxes := config.boxes.model_dump(mode="json", exclude_defaults=True):
        yield f"  boxes: {spell(boxes)}"


def _statistics(normalize: Normalize | str) -> str:
    if isinstance(normalize, str):
        return normalize
    return spell_statistics(normalize.model_dump(mode="json"))
