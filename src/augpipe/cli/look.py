"""From recipes to what there is to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augpipe.cli.trainers import make_loader
from augpipe.loader.loader import Loader
from augpipe.preview import (
    Column,
    Line,
    Sheet,
    epoch_columns,
    notes_of,
    percentile_columns,
    sheet_of,
    stage_lines,
)
from augpipe.recipe import Part, Recipe

_VARIANTS = 6


@dataclass(frozen=True)
class Look:
    """One recipe, or several side by side on the same data.

    Attributes:
        loaders: by the recipes' names.
        part: train or val.
        epoch: the first to be shown.
        variants: how many epochs of each; None shares them out.
        percentiles: the strengths to be shown instead.
    """

    loaders: Mapping[str, Loader]
    part: Part
    epoch: int
    variants: int | None
    percentiles: Sequence[float]

    @property
    def heading(self) -> str:
        """What is shown."""
        return f"{' and '.join(self.loaders)} · {self.part} · seed {self._first.seed}"

    @property
    def length(self) -> int:
        """The rows of the data."""
        return len(self._first.source)

    @property
    def _first(self) -> Loader:
        return next(iter(self.loaders.values()))

    @property
    def columns(self) -> list[Column]:
        """Those of one recipe after those of another."""
        columns: list[Column] = []
        epochs = self.variants or _VARIANTS // len(self.loaders)
        for name, loader in self.loaders.items():
            group = name if len(self.loaders) > 1 else ""
            if self.percentiles:
                columns += percentile_columns(loader, self.percentiles, group)
            else:
                columns += epoch_columns(loader, self.epoch, epochs, group)
        return columns

    def sheet(self, rows: Sequence[int]) -> Sheet:
        """Several rows, each as all columns have it."""
        return sheet_of(self.heading, rows, self.columns)

    def stages(self, row: int) -> Sheet:
        """One row in the first epoch, or at all strengths, step by step."""
        lines: list[Line] = []
        for name, loader in self.loaders.items():
            for percentile in self.percentiles or (None,):
                when = f"epoch {self.epoch}" if percentile is None else f"percentile {percentile:g}"
                group = " · ".join([name, when] if len(self.loaders) > 1 else [when])
                lines += stage_lines(loader, row, self.epoch, percentile, group)
        source = self._first.source
        notes = [note for loader in self.loaders.values() for note in notes_of(loader)]
        about = [source.where(row), *dict.fromkeys(notes)]
        return Sheet(self.heading, lines, source.classes, about, staged=True)

    def records(self, row: int) -> dict[str, Any]:
        """What was drawn for a row in each column."""
        return {
            "row": row,
            "where": self._first.source.where(row),
            "seed": self._first.seed,
            "records": {column.name: column.make(row).record for column in self.columns},
        }


def side_by_side(recipe: Recipe, name: str, other: str | None, part: Part) -> dict[str, Loader]:
    """The loader of a recipe; and of another with its data and seed, so that ops draw alike.

    Args:
        recipe: the first.
        name: what to call it.
        other: a file or a shipped recipe's name.
        part: train or val.

    Raises:
        RecipeError: there is no such other, or something in it is wrong.
    """
    loaders = {name: _loader(recipe, part, name)}
    if other is not None:
        values = {f"data.{part}": getattr(recipe.data, part), "loader.seed": recipe.loader.seed}
        stem = f"{other} again" if Path(other).stem == name else Path(other).stem
        loaders[stem] = _loader(Recipe.load(other, values), part, other)
    return loaders


def _loader(recipe: Recipe, part: Part, name: str) -> Loader:
    """That of training, in this process; statistics still to be computed change no picture."""
    here = recipe.loader.model_copy(update={"num_workers": 0, "cache": None})
    return make_loader(recipe.provisional.model_copy(update={"loader": here}), part, name, "cpu")
