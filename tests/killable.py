"""A training run in a process of its own, which dies by SIGKILL at a moment that is given."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context, set_start_method
from pathlib import Path

import torch
from torch import nn

RECIPE = """
pipeline:
  train:
    - resize: {size: [12, 12]}
    - horizontal_flip
  val:
    - resize: {size: [12, 12]}
  batch: [random_erasing]
  normalize: half
loader: {batch_size: 4}
train:
  model: {name: tiny}
  epochs: 3
  optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
  schedule: {name: cosine}
  accumulate: 2
  clip: {norm: 1.0}
  ema: {decay: 0.9}
  checkpoint: {every_steps: 3}
"""


# The same, and whatever else has a state of its own.
RICH = (
    RECIPE
    + """\
  init: {lsuv: {}}
  freeze: ["0"]
  plateau: {monitor: accuracy, patience: 0, threshold: 9.0}
  swa: {start_epoch: 2}
  attack: {name: fast_fgsm}
  awp: {gamma: 0.01, warmup_epochs: 1}
"""
)


@dataclass(frozen=True)
class Death:
    """When a run dies: at the nth call of any function, or with the nth checkpoint half written."""

    call: int | None = None
    save: int | None = None


def tiny(num_classes: int) -> nn.Module:
    """Small, and with everything that a checkpoint must hold: batch norm, dropout."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(100, num_classes),
    )


def run(
    folder: Path,
    data: Path,
    *,
    workers: int = 0,
    death: Death | None = None,
    recipe: str = RECIPE,
) -> int:
    """Begin a run in a folder, or go on with what a killed one has left there.

    Returns:
        The exit code: 0, or minus the signal that ended the process.
    """
    process = get_context("forkserver").Process(
        target=_train, args=(folder, data, workers, death, recipe)
    )
    process.start()
    process.join()
    return int(process.exitcode or 0)


def calls(folder: Path) -> int:
    """How many functions a finished run had called."""
    return int(json.loads((folder / "calls.json").read_text()))


def _train(folder: Path, data: Path, workers: int, death: Death | None, text: str) -> None:
    from augpipe import Recipe
    from augpipe.cli.train import build_trainer
    from augpipe.train import curves, models

    # Drawing makes more calls than all the rest, and none that a checkpoint depends on.
    curves.draw = lambda rows, path: None
    torch.set_num_threads(1)
    set_start_method("fork", force=True)  # for the loader's workers, which would import everything
    models.MODELS["tiny"] = tiny
    folder.mkdir(exist_ok=True)
    (folder.parent / "recipe.yaml").write_text(text)
    places = {"data.train": str(data), "data.val": str(data), "loader.num_workers": workers}
    recipe = Recipe.load(folder.parent / "recipe.yaml", places)
    trainer = build_trainer(recipe, "killable", folder, "cpu")
    trainer._record._statistics = None
    if (folder / "last.pt").exists():
        trainer.resume(folder / "last.pt")
    if death and death.save:
        _die_in_save(death.save)
    counter = _count_calls(death.call if death else None)
    trainer.fit()
    sys.setprofile(None)
    (folder / "calls.json").write_text(json.dumps(next(counter)))


def _count_calls(fatal: int | None) -> count[int]:
    counter, process = count(1), os.getpid()

    def tick(frame: object, event: str, argument: object) -> None:
        if next(counter) == fatal and os.getpid() == process:  # and not a worker, forked from it
            os.kill(process, signal.SIGKILL)

    sys.setprofile(tick)
    return counter


def _die_in_save(fatal: int) -> None:
    from augpipe.train import checkpoint

    save, counter = torch.save, count(1)

    def save_half(state: object, file: object) -> None:
        save(state, file)
        if next(counter) == fatal:
            file.truncate(file.tell() // 2)
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoint.torch.save = save_half
