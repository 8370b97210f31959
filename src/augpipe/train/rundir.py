"""The folder of a run: what was asked for, under what circumstances, and what came of it."""

from __future__ import annotations

import csv
import io
import json
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from augpipe.errors import StateError
from augpipe.train.atomic import replacing

_PACKAGES = ("augpipe", "torch", "torchvision", "numpy", "opencv-python-headless", "pillow")


class RunDir:
    """A run's files; whatever else lies in the folder is left alone.

        config.yaml   the resolved recipe
        env.json      versions, device, seed, command
        metrics.csv   one row for each epoch
        curves.png    the same as a picture
        last.pt       the checkpoint after the last finished epoch
        best.pt       the checkpoint with the best validation accuracy
        previous/     these files of the run that this folder held before, if it did

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.env = path / "env.json"
        self.metrics = path / "metrics.csv"
        self.curves = path / "curves.png"
        self.last = path / "last.pt"
        self.best = path / "best.pt"

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
            with replacing(self.metrics) as file:
                file.write(_csv([list(rows[0]), *(list(row.values()) for row in rows)]).encode())

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

    def _move_older_run(self) -> Path | None:
        files = (self.config, self.env, self.metrics, self.curves, self.last, self.best)
        older = [file for file in files if file.exists()]
        if not older:
            return None
        previous = self.path / "previous"
        previous.mkdir(exist_ok=True)
        for file in files:
            (previous / file.name).unlink(missing_ok=True)
        for file in older:
            file.rename(previous / file.name)
        return previous

    def _describe(self, recipe: str, circumstances: Mapping[str, Any]) -> None:
        environment = {**circumstances, **_environment()}
        with replacing(self.config) as file:
            file.write(recipe.encode())
        with replacing(self.env) as file:
            file.write((json.dumps(environment, indent=2) + "\n").encode())


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


def _csv(lines: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
