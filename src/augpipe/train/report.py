"""What a run tells whoever watches: a bar on a terminal, one plain line for each epoch anywhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from augpipe.train.batches import Batches, Loader
from augpipe.train.pace import Pace

# Seconds between two looks at the device for the bar's sake.
_REFRESH = 0.5


class _Watched:
    """Batches that are gone through in another way."""

    def __init__(self, batches: Batches, run: Callable[[], Iterator[Any]]) -> None:
        self._batches, self._run = batches, run

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        return self._run()


class Report:
    """The voice of a run on one console.

    Attributes:
        pace: of the epoch that is running, or ran last.
    """

    def __init__(self, console: Console, epochs: int) -> None:
        self._console = console
        self._epochs = epochs
        self.pace = Pace()

    def say(self, text: str) -> None:
        """Print one line of text as it is: paths are not markup, and long lines are not broken."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def watch(
        self, loader: Loader, epoch: int, status: Callable[[], str] = lambda: ""
    ) -> Iterator[Any]:
        """The loader's batches, with a bar while they last if the console is a terminal.

        Args:
            loader: where they come from.
            epoch: which epoch it is, counted from 1.
            status: what the bar says of the training; asked twice a second at the most, and only
                if there is a bar, for it may wait for the device.
        """
        self.pace = Pace()
        yield from self._watched(self.pace, loader, self._title(epoch), status)

    def judge(self, loader: Batches, epoch: int) -> Batches:
        """The loader of validation, with such a bar whenever it is gone through."""
        title = f"{self._title(epoch)}, validation"
        return _Watched(loader, lambda: self._watched(Pace(), loader, title))

    def _title(self, epoch: int) -> str:
        return f"epoch {epoch}/{self._epochs}"

    def _watched(
        self, pace: Pace, loader: Batches, title: str, status: Callable[[], str] = lambda: ""
    ) -> Iterator[Any]:
        if not self._console.is_terminal:
            yield from pace.watch(loader)
            return
        with self._bar() as bar:
            task = bar.add_task(title, total=len(loader), status="")
            asked = time.perf_counter()
            for batch in pace.watch(loader):
                yield batch
                bar.advance(task)
                if time.perf_counter() - asked > _REFRESH:
                    bar.update(task, status=f"{status()}   {pace}")
                    asked = time.perf_counter()

    def epoch(self, row: Mapping[str, Any], seconds: float) -> None:
        """One line about a finished epoch."""
        parts = [f"epoch {row['epoch']:>{len(str(self._epochs))}}/{self._epochs}"]
        parts += [
            f"{name} {row[f'{name}_loss']:.4f} {row[f'{name}_accuracy']:6.2%}"
            for name in ("train", "val", "ema", "swa", "attacked")
            if not math.isnan(row.get(f"{name}_loss", math.nan))
        ]
        parts += [f"lr {row['lr']:.3g}", str(self.pace), f"{seconds:.1f} s"]
        if row["skipped_steps"]:
            parts.append(f"{row['skipped_steps']} steps skipped: not finite")
        self.say("   ".join(parts))

    def interrupted(self, last: Path) -> None:
        """Say what an interrupted run has left behind, given the place of its last checkpoint."""
        if last.exists():
            self.say(f"interrupted; {last} is whole, repeat the command with --resume to go on")
        else:
            self.say("interrupted before the first checkpoint; nothing was saved")

    def _bar(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[status]}", markup=False),
            console=self._console,
            transient=True,
        )
