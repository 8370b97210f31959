"""The trainer: a recipe and two loaders become a trained model, as one story."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from torch import Tensor, nn

from augpipe.errors import StateError, TrainError
from augpipe.loader.device import describe, find_device
from augpipe.train import checkpoint, curves
from augpipe.train.batches import Batch, Loader, common_classes, labels_of, pair, windows
from augpipe.train.config import TrainConfig
from augpipe.train.ema import Ema
from augpipe.train.guard import NotFiniteError
from augpipe.train.learner import Learner
from augpipe.train.pictures import Statistics, draw_batch
from augpipe.train.report import Report
from augpipe.train.rundir import RunDir
from augpipe.train.schedule import Clock
from augpipe.train.score import Scores, Tally, evaluate
from augpipe.train.seed import rng_state, seed_torch, set_rng_state
from augpipe.train.stopping import build_stopping
from augpipe.train.writers import Writer, check_writers, open_writers


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run.

    Attributes:
        accuracy: the best validation accuracy, in [0, 1].
        epoch: after how many epochs it was reached; the first of equals.
        epochs: how many epochs are finished.
        out: the folder of the run.
        best: the checkpoint of `epoch`.
        last: the checkpoint of `epochs`.
    """

    accuracy: float
    epoch: int
    epochs: int
    out: Path
    best: Path
    last: Path


class Trainer:
    """Trains a classifier, and can be stopped anywhere and resumed to the same weights to the bit.

    Args:
        config: the recipe's `train:` section.
        train_loader: batches to learn from.
        val_loader: batches to be judged by; always its epoch 0, so that epochs compare.
        out: the folder of the run, see `RunDir`. Files of an older run move to `previous/`.
        recipe: the resolved recipe as YAML, to be kept with the run.
        fingerprint: of the recipe; a checkpoint resumes only under the same one.
        seed: of the initial weights and of dropout.
        device: `cpu`, `cuda` or `cuda:N`.
        console: where to report to; standard error by default.
        statistics: mean and standard deviation that pictures were normalised with, to draw the
            first batch; None draws none.

    Raises:
        RecipeError: the recipe does not fit the data, the device is not there, or an extra is not.
        DataError: there is no batch to train on, training and validation differ in classes, or the
            recipe asks for class weights that the data does not tell.

    Attributes:
        epoch: finished epochs.
        step: finished optimizer steps, skipped ones included.
    """

    def __init__(
        self,
        config: TrainConfig,
        train_loader: Loader,
        val_loader: Loader,
        out: Path,
        *,
        recipe: str,
        fingerprint: str,
        seed: int,
        device: str = "cpu",
        console: Console | None = None,
        statistics: Statistics | None = None,
    ) -> None:
        self._config = config
        self._train_loader, self._val_loader = train_loader, val_loader
        self._run = RunDir(out)
        self._recipe, self._fingerprint, self._seed = recipe, fingerprint, seed
        self._report = Report(console or Console(stderr=True), config.epochs)
        self._statistics = statistics
        self._classes = common_classes(train_loader, val_loader)
        self._device = find_device(device)
        check_writers(config.writers)
        self._writers: list[Writer] = []
        seed_torch(seed)
        self._learner = Learner(
            config,
            len(self._classes),
            labels_of(train_loader),
            clock_of(config, train_loader),
            self._device,
        )
        self._stopping = build_stopping(config.early_stopping)
        self.epoch = self.step = 0
        self._underway: checkpoint.Underway | None = None
        self._best = checkpoint.Best(accuracy=-1.0, epoch=0)

    @property
    def model(self) -> nn.Module:
        """The network being trained, on the device."""
        return self._learner.model

    @property
    def ema(self) -> Ema | None:
        """Its moving average, if the recipe asks for one."""
        return self._learner.ema

    def fit(self) -> Result:
        """Train until the recipe's epochs are done, from the start or from where `resume` led.

        Raises:
            TrainError: the loss stayed infinite or NaN.
            KeyboardInterrupt: after saying how to go on; `last.pt` is whole.
        """
        self._open()
        try:
            while self.epoch < self._config.epochs and not self._stopping.due:
                self._run_epoch()
        except NotFiniteError as error:
            self._run.events.add("not_finite", epoch=self.epoch + 1, rows=error.rows)
            raise
        except KeyboardInterrupt:
            self._report.interrupted(self._run.last)
            raise
        finally:
            self._close()
        return self._result()

    def resume(self, path: Path) -> None:
        """Go back to where a checkpoint of this run was written; `fit` then goes on from there.

        Raises:
            StateError: the file is no checkpoint, or one of another recipe, data set or folder.
        """
        state = checkpoint.load(path)
        checkpoint.refuse_other_recipe(state, self._fingerprint, path)
        checkpoint.refuse_other_classes(state, self._classes, path)
        if path.parent.resolve() != self._run.path.resolve():
            raise StateError(
                f"{path} lies outside {self._run.path}, but a run goes on in its own folder; "
                f"use --out {path.parent}, or copy that folder to a new place first"
            )
        self._train_loader.load_state_dict(state["loader"])
        self._learner.load_state_dict(state)
        self._stopping.load_state_dict(state["stopping"])
        self.epoch, self.step, self._best = state["epoch"], state["step"], state["best"]
        self._underway = state["underway"]
        set_rng_state(state["rng"], self._device)

    def _open(self) -> None:
        circumstances = {"seed": self._seed, "device": describe(self._device)}
        if self.step:
            self._run.resume(self._recipe, circumstances, self.epoch)
            self._report.say(f"{self._run.path}: going on after {self._place()}")
        elif moved := self._run.begin(self._recipe, circumstances):
            self._report.say(f"{self._run.path} held an older run, which is now in {moved}")
        self._run.events.add("resume" if self.step else "begin", epoch=self.epoch, step=self.step)
        self._writers = open_writers(self._config.writers, self._run.path)

    def _place(self) -> str:
        return f"epoch {self.epoch}" if self._underway is None else f"step {self.step}"

    def _close(self) -> None:
        for writer in self._writers:
            writer.close()
        if rows := self._run.rows():
            curves.draw(rows, self._run.curves)

    def _run_epoch(self) -> None:
        started = time.perf_counter()
        train, skipped = self._train_epoch()
        scores = self._evaluate()
        self.epoch += 1
        row = _row(self.epoch, self._learner.lr, {"train": train, **scores}, skipped)
        self._run.log(row)
        self._save(scores["ema" if self.ema else "val"])
        self._tell(row, time.perf_counter() - started)

    def _train_epoch(self) -> tuple[Scores, int]:
        """The steps of one epoch, or what is left of them.

        Returns:
            The scores on the way, and how many steps were skipped.
        """
        self.model.train()
        self._train_loader.set_epoch(self.epoch)
        tally, skipped = self._begin_or_go_on()
        batches = self._report.watch(
            self._train_loader, self.epoch + 1, lambda: self._status(tally.scores())
        )
        for window in windows(batches, self._config.accumulate):
            self._draw_first(window[0])
            layout = self._learner.layout
            self._learner.learn([pair(batch, self._device, layout) for batch in window], tally)
            self.step += 1
            if self._learner.guard.due or self._saves_now():
                skipped += self._learner.guard.check()
            if self._saves_now():
                self._save_step({"tally": tally.state_dict(), "skipped": skipped})
        skipped += self._learner.guard.check()
        scores = tally.scores()
        if math.isnan(scores.loss):
            raise TrainError(f"not one step of epoch {self.epoch + 1} had a finite loss")
        return scores, skipped

    def _begin_or_go_on(self) -> tuple[Tally, int]:
        """What the epoch has come to: nothing yet, unless a checkpoint amid it was resumed."""
        tally, underway = Tally(self._device), self._underway
        self._underway = None
        if underway is None:
            return tally, 0
        tally.load_state_dict(underway["tally"])
        return tally, underway["skipped"]

    def _saves_now(self) -> bool:
        """Whether a checkpoint is due, and not that of the end of the epoch in a moment."""
        every = self._config.checkpoint.every_steps
        if every is None or self.step % every:
            return False
        return bool(self._train_loader.state_dict()["epoch"] == self.epoch)

    def _evaluate(self) -> dict[str, Scores]:
        self._val_loader.set_epoch(0)
        return evaluate(
            self._learner.models(),
            self._val_loader,
            self._device,
            precision=self._learner.precision,
            layout=self._learner.layout,
            top_k=self._config.top_k,
            confusion=True,
        )

    def _save(self, scores: Scores) -> None:
        """Write the checkpoints: the best one first, for the last one claims that it exists."""
        improved = scores.accuracy > self._best["accuracy"]
        self._stopping.note(scores.accuracy)
        if improved:
            self._best = checkpoint.Best(accuracy=scores.accuracy, epoch=self.epoch)
        state = self._state(None)
        if improved:
            self._run.judge(cast(Tensor, scores.confusion), self._classes)
            checkpoint.save(self._run.best, state)
        checkpoint.save(self._run.last, state)

    def _save_step(self, underway: checkpoint.Underway) -> None:
        state, keep = self._state(underway), self._config.checkpoint.keep
        if keep:
            checkpoint.save(self._run.step(self.step), state)
        checkpoint.save(self._run.last, state)
        self._run.keep_steps(keep)

    def _state(self, underway: checkpoint.Underway | None) -> checkpoint.State:
        return checkpoint.State(
            **self._learner.state_dict(),
            version=checkpoint.VERSION,
            step=self.step,
            epoch=self.epoch,
            underway=underway,
            best=self._best,
            stopping=self._stopping.state_dict(),
            classes=self._classes,
            loader=self._train_loader.state_dict(),
            rng=rng_state(self._device),
            recipe_hash=self._fingerprint,
            recipe=self._recipe,
        )

    def _tell(self, row: Mapping[str, Any], seconds: float) -> None:
        """Tell everyone who wants to know of a finished epoch."""
        self._report.epoch(row, seconds)
        pace = self._report.pace
        self._run.events.add("epoch", step=self.step, **row, seconds=seconds, rate=pace.rate)
        for writer in self._writers:
            writer.write(row, self.step)
        if self._stopping.due and self.epoch < self._config.epochs:
            self._report.say(f"stopping early: no better than in epoch {self._best['epoch']}")
            self._run.events.add("early_stopping", epoch=self.epoch)

    def _status(self, scores: Scores) -> str:
        """How training goes, for the bar."""
        return f"loss {scores.loss:.4f} {scores.accuracy:.2%}   lr {self._learner.lr:.3g}"

    def _draw_first(self, batch: Batch) -> None:
        if self.step == 0 and self._statistics and batch.labels is not None:
            draw_batch(
                batch.images, batch.labels, self._classes, self._run.first_batch, self._statistics
            )

    def _result(self) -> Result:
        run, best = self._run, self._best
        return Result(
            best["accuracy"], best["epoch"], self.epoch, run.path, best=run.best, last=run.last
        )


def clock_of(config: TrainConfig, train_loader: Loader) -> Clock:
    """How long a run is: an epoch has a step for each full window of batches and for the rest."""
    steps = -(-len(train_loader) // config.accumulate)
    return Clock(config.epochs * steps, steps)


def _row(epoch: int, lr: float, scores: dict[str, Scores], skipped: int) -> dict[str, Any]:
    """One row of the metrics: `lr` as it was in the last step, then the scores by name."""
    row: dict[str, Any] = {"epoch": epoch, "lr": lr}
    for name, score in scores.items():
        row |= {f"{name}_loss": score.loss, f"{name}_accuracy": score.accuracy}
        if score.top_k is not None:
            row[f"{name}_top_k"] = score.top_k
    return row | {"skipped_steps": skipped}
