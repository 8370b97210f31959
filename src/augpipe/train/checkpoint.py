"""Checkpoints: everything a run needs to go on as if it had never stopped, in one file.

They hold tensors, numbers and strings only, so that `torch.load(weights_only=True)` reads them.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

import torch
from torch import Tensor

from augpipe.errors import StateError
from augpipe.train.atomic import replacing
from augpipe.train.stopping import Waiting

if TYPE_CHECKING:
    from augpipe.train.averaging import SwaState
    from augpipe.train.plateau import PlateauState

VERSION = 3


class Best(TypedDict):
    """The best validation accuracy so far, in [0, 1], and after how many epochs it was reached."""

    accuracy: float
    epoch: int


class Underway(TypedDict):
    """What the steps of an epoch that is not finished have come to: `Tally`'s state, and skips."""

    tally: dict[str, list[float]]
    skipped: int


class Learnt(TypedDict):
    """The state of a `Learner`.

    `ema` is None for a run without an average, whose `updates` are 0; `swa` and `plateau` are None
    for a run without; `taken` counts the steps that were not skipped.
    """

    model: dict[str, Tensor]
    ema: dict[str, Tensor] | None
    updates: int
    swa: SwaState | None
    optimizer: dict[str, Any]
    taken: int
    plateau: PlateauState | None
    precision: dict[str, Any]
    guard: dict[str, int]


class State(Learnt):
    """What a checkpoint holds.

    `epoch` and `step` count what is finished; `underway` is None where a checkpoint was written at
    the end of an epoch; `recipe` is YAML, and `recipe_hash` its fingerprint.
    """

    version: int
    step: int
    epoch: int
    underway: Underway | None
    best: Best
    stopping: Waiting
    classes: list[str]
    loader: dict[str, Any]
    rng: dict[str, Tensor]
    recipe_hash: str
    recipe: str


def save(path: Path, state: State) -> None:
    """Write a checkpoint atomically: whoever reads `path` finds the old or the new one, whole."""
    with replacing(path) as file:
        torch.save(dict(state), file)


def load(path: Path) -> State:
    """Read a checkpoint onto the CPU, running no code from it.

    Raises:
        StateError: there is no such file, it is not a checkpoint of augpipe, or one of another
            version of the format.
    """
    state = _read(path)
    missing = State.__required_keys__ - state.keys()
    if missing:
        raise StateError(f"{path} is no checkpoint of a run: it lacks {', '.join(sorted(missing))}")
    if state["version"] != VERSION:
        raise StateError(
            f"{path} has version {state['version']} of the checkpoint format, this is version "
            f"{VERSION}; continue the run with the augpipe that began it"
        )
    state["model"] = strip_wrappers(state["model"])
    state["ema"] = state["ema"] and strip_wrappers(state["ema"])
    if state["swa"]:
        state["swa"]["model"] = strip_wrappers(state["swa"]["model"])
    return cast(State, state)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise StateError(f"there is no checkpoint {path}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        with zipfile.ZipFile(path) as file:
            damaged = file.testzip()  # torch writes checksums, but does not look at them
    except Exception as error:
        # Whatever torch trips over, be it the zip, the pickle or a forbidden class, means the same.
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise StateError(f"{path} is no checkpoint, or a damaged one: {reason}") from error
    if damaged:
        raise StateError(f"{path} is a damaged checkpoint: the checksum of {damaged} is wrong")
    if not isinstance(state, dict):
        raise StateError(f"{path} is no checkpoint of a run: it holds a {type(state).__name__}")
    return state


def deployed(state: State) -> dict[str, Tensor]:
    """The weights that a checkpoint is judged by: SWA's once there are any, EMA's, the live ones.

    Returns:
        A state dictionary of the model.
    """
    if state["swa"] and state["swa"]["count"]:
        return state["swa"]["model"]
    return state["ema"] or state["model"]


def strip_wrappers(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names without what `torch.compile` and the parallel wrappers add, however deeply nested.

    `module.` goes only where every name has it; a model may well have a part of that name.
    """
    weights = {name.replace("_orig_mod.", ""): tensor for name, tensor in weights.items()}
    while weights and all(name.startswith("module.") for name in weights):
        weights = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    return weights


def refuse_other_classes(state: State, classes: list[str], path: Path) -> None:
    """Let a run go on only with the classes it began with.

    Raises:
        StateError: `state`, which was read from `path`, knows other classes, or in another order.
    """
    if state["classes"] != classes:
        odd = ", ".join(sorted(set(state["classes"]) ^ set(classes))[:5]) or "their order"
        raise StateError(
            f"{path} was trained on {len(state['classes'])} classes, the data has {len(classes)}; "
            f"they differ in: {odd}; resume with the data of that run"
        )


def refuse_other_recipe(state: State, fingerprint: str, path: Path) -> None:
    """Let a run go on only with the recipe it began with.

    Raises:
        StateError: `state`, which was read from `path`, is not of the recipe of this fingerprint.
    """
    if state["recipe_hash"] != fingerprint:
        raise StateError(
            f"{path} belongs to recipe {state['recipe_hash']}, but this is recipe {fingerprint}; "
            f"resume with the recipe of that run ({path.parent / 'config.yaml'}), or begin a new "
            "run without --resume"
        )
