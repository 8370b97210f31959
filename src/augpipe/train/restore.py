"""A trained model out of a run's folder or one of its checkpoints, running no code from it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import nn

from augpipe.errors import StateError
from augpipe.recipe import Recipe
from augpipe.schema import check, read_yaml
from augpipe.train import checkpoint
from augpipe.train.models import build_model


class Trained(NamedTuple):
    """A model as a run left it.

    Attributes:
        model: with the weights that the run is judged by, see `checkpoint.deployed`; in eval mode,
            on the CPU.
        classes: the names of its outputs; outputs beyond them were never trained.
        recipe: what it was trained with.
    """

    model: nn.Module
    classes: list[str]
    recipe: Recipe


def trained(path: Path) -> Trained:
    """Read a trained model.

    Args:
        path: a run's folder, of which the best checkpoint is taken, or a checkpoint.

    Raises:
        StateError: there is no checkpoint, or it holds none of a run.
    """
    file = path / "best.pt" if path.is_dir() else path
    state = checkpoint.load(file)
    recipe = check(Recipe, read_yaml(state["recipe"]), f"{file}: recipe")
    if recipe.train is None:
        raise StateError(f"{file} holds a recipe without a section train; it belongs to no run")
    model = build_model(recipe.train.model, len(state["classes"]))
    model.load_state_dict(checkpoint.deployed(state))
    return Trained(model.eval(), state["classes"], recipe)
