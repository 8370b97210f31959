"""What a run writes and says: only the first of several processes does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from augpipe.train import checkpoint, curves, processes
from augpipe.train.batches import Batch
from augpipe.train.config import TrainConfig
from augpipe.train.pictures import Statistics, draw_batch
from augpipe.train.report import Report
from augpipe.train.rundir import RunDir
from augpipe.train.writers import Writer, check_writers, open_writers

# The batches that are drawn; enough to see that none is like another.
_PICTURED = 3


class Record:
    """The folder of a run, its writers and its voice, as one.

    Args:
        run: the folder.
        report: the voice.
        config: the recipe's `train:` section.
        classes: their names.
        statistics: what pictures were normalised with, to draw the first batches; None draws none.

    Raises:
        RecipeError: a writer is not installed.
    """

    def __init__(
        self,
        run: RunDir,
        report: Report,
        config: TrainConfig,
        classes: Sequence[str],
        statistics: Statistics | None,
    ) -> None:
        check_writers(config.writers)
        self.run, self.report = run, report
        self._config, self._classes, self._statistics = config, classes, statistics
        self._writers: list[Writer] = []
        self._writes = processes.leads()

    def open(
        self, recipe: str, circumstances: Mapping[str, Any], *, epoch: int, step: int, place: str
    ) -> None:
        """Make the folder ready, for a run that begins (step 0) or one that goes on.

        Args:
            recipe: the resolved recipe, as YAML.
            circumstances: what `env.json` records beside versions, platform and command.
            epoch: finished epochs.
            step: finished steps.
            place: these in words.
        """
        if not self._writes:
            return
        if step:
            self.run.resume(recipe, circumstances, epoch)
            self.report.say(f"{self.run.path}: going on after {place}")
        elif moved := self.run.begin(recipe, circumstances):
            self.report.say(f"{self.run.path} held an older run, which is now in {moved}")
        self.event("resume" if step else "begin", epoch=epoch, step=step)
        self._writers = open_writers(self._config.writers, self.run.path)

    def picture(self, batch: Batch, step: int) -> None:
        """Draw a training batch, if it is one of the first; `step` counts those before it."""
        if step >= _PICTURED or not self._writes or not self._statistics:
            return
        if batch.labels is not None:
            path = self.run.batch(step + 1)
            draw_batch(batch.images, batch.labels, self._classes, path, self._statistics)

    def epoch(self, row: Mapping[str, Any], step: int, seconds: float) -> None:
        """Tell everyone who wants to know of a finished epoch."""
        if not self._writes:
            return
        self.report.epoch(row, seconds)
        self.event("epoch", step=step, **row, seconds=seconds, rate=self.report.pace.rate)
        for writer in self._writers:
            writer.write(row, step)

    def log(self, row: Mapping[str, Any]) -> None:
        """Add an epoch to the metrics."""
        if self._writes:
            self.run.log(row)

    def event(self, name: str, **facts: Any) -> None:
        """Log that something happened."""
        if self._writes:
            self.run.events.add(name, **facts)

    def save(self, state: checkpoint.State, best: Tensor | None) -> None:
        """Write the checkpoints: the best one first, for the last one claims that it exists.

        Args:
            state: of a finished epoch.
            best: if it was the best so far, what is taken for what in it; see `RunDir.judge`.
        """
        if not self._writes:
            return
        if best is not None:
            self.run.judge(best, self._classes)
            checkpoint.save(self.run.best, state)
        checkpoint.save(self.run.last, state)

    def save_step(self, state: checkpoint.State) -> None:
        """Write the checkpoints of a step amid an epoch."""
        if not self._writes:
            return
        keep = self._config.checkpoint.keep
        if keep:
            checkpoint.save(self.run.step(state["step"]), state)
        checkpoint.save(self.run.last, state)
        self.run.keep_steps(keep)

    def close(self) -> None:
        """Close the writers, and draw the curves."""
        if not self._writes:
            return
        for writer in self._writers:
            writer.close()
        if rows := self.run.rows():
            curves.draw(rows, self.run.curves)
