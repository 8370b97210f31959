"""The folder of a run: what was asked for, under what circumstances, and what came of it."""

from __future__ import annotations

import csv
import io
import json
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from augpipe.errors import StateError
from augpipe.train.atomic import replacing
from augpipe.train.confusion import all_names, per_class
from augpipe.train.events import EventLog

_OURS = re.compile(
    r"config\.yaml|env\.json|metrics\.csv|events\.jsonl|curves\.png|batch-\d+\.png"
    r"|confusion\.csv|classes\.csv|wandb\.id|(last|best|step-\d+)\.pt"
)
_PACKAGES = ("augpipe", "torch", "torchvision", "numpy", "opencv-python-headless", "pillow")


class RunDir:
    """A run's files; whatever else lies in the folder is left alone.

        config.yaml      the resolved recipe
        env.json         versions, device, seed, command
        metrics.csv      one row for each epoch
        events.jsonl     what happened when, over all resumes
        curves.png       the metrics as a picture
        batch-N.png      the first training batches as the model saw them
        confusion.csv    best.pt on the validation data: rows are classes, columns answers
        classes.csv      the same for each class: precision, recall, F1
        last.pt          the latest checkpoint
        step-N.pt        the checkpoint after step N
        best.pt          the checkpoint with the best validation accuracy
        inspect/         figures of layers, where they were asked for
        previous/        these files of the run that this folder held before, if it did

    Attributes:
        path: the folder.
        events: the log of what happened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.env = path / "env.json"
        self.metrics = path / "metrics.csv"
        self.curves = path / "curves.png"
        self.last = path / "last.pt"
        self.best = path / "best.pt"
        self.events = EventLog(path / "events.jsonl")

    def begin(self, recipe: str, circumstances: Mapping[str, Any]) -> Path | None:
        """Make the folder ready for a new run.

        Args:
            recipe: the resolved recipe, as YAML.
            circumstances: what `env.json` records beside versions, platform and command.

        Returns:
            The folder that the files of an older run were moved to, or None if there were none.
            An older run moved there before is replaced.

        Raises:
            StateError: there is a file where the folder should be.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise StateError(
                f"{self.path} is a file or lies in one; choose another --out"
            ) from error
        moved = self._move_older_run()
        self._describe(recipe, circumstances)
        return moved

    def resume(self, recipe: str, circumstances: Mapping[str, Any], epochs: int) -> None:
        """Make the folder ready to go on after `epochs` finished epochs.

        Rows of metrics of later epochs, whose checkpoint was never finished or is not the one
        resumed from, are dropped.
        """
        self._describe(recipe, circumstances)
        rows = self.rows()[:epochs]
        if rows:
            lines = [list(rows[0]), *(list(row.values()) for row in rows)]
            _replace(self.metrics, _csv(lines))
        else:
            self.metrics.unlink(missing_ok=True)

    def log(self, row: Mapping[str, Any]) -> None:
        """Append one epoch to the metrics; the first one brings the header."""
        lines = [] if self.metrics.exists() else [list(row)]
        with self.metrics.open("a", encoding="utf-8", newline="") as file:
            file.write(_csv([*lines, list(row.values())]))

    def rows(self) -> list[dict[str, str]]:
        """The metrics so far, one dictionary of text for each epoch."""
        if not self.metrics.exists():
            return []
        with self.metrics.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def judge(self, confusion: Tensor, classes: Sequence[str]) -> None:
        """Write how the best model so far does at each class.

        Args:
            confusion: (C, C) counts, samples of class [row] answered as class [column].
            classes: the names of the classes.
        """
        names = all_names(classes, len(confusion))
        table = [[name, *row] for name, row in zip(names, confusion.tolist(), strict=True)]
        _replace(self.path / "confusion.csv", _csv([["class", *names], *table]))
        rows = per_class(confusion, classes)
        lines = [list(rows[0]), *(list(row.values()) for row in rows)]
        _replace(self.path / "classes.csv", _csv(lines))

    def batch(self, number: int) -> Path:
        """The picture of that batch, counted from 1."""
        return self.path / f"batch-{number}.png"

    def step(self, number: int) -> Path:
        """The checkpoint after that many steps."""
        return self.path / f"step-{number}.pt"

    def keep_steps(self, count: int) -> None:
        """Delete all but the latest `count` checkpoints of steps."""
        for path in self._steps()[count:]:
            path.unlink(missing_ok=True)

    def _steps(self) -> list[Path]:
        """The latest first."""
        steps = self.path.glob("step-*.pt")
        known = [path for path in steps if path.stem.removeprefix("step-").isdecimal()]
        return sorted(known, key=lambda path: int(path.stem.removeprefix("step-")), reverse=True)

    def _move_older_run(self) -> Path | None:
        older = self._files(self.path)
        if not older:
            return None
        previous = self.path / "previous"
        previous.mkdir(exist_ok=True)
        for file in self._files(previous):
            file.unlink()
        for file in older:
            file.rename(previous / file.name)
        return previous

    def _describe(self, recipe: str, circumstances: Mapping[str, Any]) -> None:
        environment = {**circumstances, **_environment()}
        _replace(self.config, recipe)
        _replace(self.env, json.dumps(environment, indent=2) + "\n")

    @staticmethod
    def _files(folder: Path) -> list[Path]:
        """Those files of a folder that a run has written."""
        return [path for path in folder.glob("*") if _OURS.fullmatch(path.name) and path.is_file()]


def _environment() -> dict[str, Any]:
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str | None:
    """A package may be missing under one name and present under another, as OpenCV's often is."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _replace(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())


def _csv(lines: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
