"""What a run tells whoever watches: a bar on a terminal, one plain line for each epoch anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from augpipe.train.batches import Loader


class Report:
    """The voice of a run on one console."""

    def __init__(self, console: Console, epochs: int) -> None:
        self._console = console
        self._epochs = epochs

    def say(self, text: str) -> None:
        """Print one line of text as it is: paths are not markup, and long lines are not broken."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def watch(self, loader: Loader, epoch: int) -> Iterator[Any]:
        """The loader's batches, with a bar while they last if the console is a terminal."""
        yield from track(
            loader,
            description=f"epoch {epoch}/{self._epochs}",
            total=len(loader),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def epoch(self, row: Mapping[str, Any], seconds: float) -> None:
        """One line about a finished epoch."""
        parts = [f"epoch {row['epoch']:>{len(str(self._epochs))}}/{self._epochs}"]
        parts += [
            f"{name} {row[f'{name}_loss']:.4f} {row[f'{name}_accuracy']:6.2%}"
            for name in ("train", "val", "ema")
            if f"{name}_loss" in row
        ]
        parts += [f"lr {row['lr']:.3g}", f"{seconds:.1f} s"]
        if row["skipped_steps"]:
            parts.append(f"{row['skipped_steps']} steps skipped: not finite")
        self.say("   ".join(parts))

    def interrupted(self, last: Path) -> None:
        """Say what an interrupted run has left behind, given the place of its last checkpoint."""
        if last.exists():
            self.say(f"interrupted; {last} is whole, repeat the command with --resume to go on")
        else:
            self.say("interrupted before the first epoch was finished; nothing was saved")
