"""The trainer: a recipe and two loaders become a trained model, as one story."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from augpipe.errors import StateError, TrainError
from augpipe.loader.device import describe, find_device
from augpipe.loader.heap import keep_memory
from augpipe.train import checkpoint, processes
from augpipe.train.attack import evaluate_attacked
from augpipe.train.batches import Loader, common_classes, first_batch, pair, windows
from augpipe.train.config import TrainConfig
from augpipe.train.ema import Ema
from augpipe.train.guard import NotFiniteError
from augpipe.train.inspect import inspect
from augpipe.train.learner import Learner
from augpipe.train.pictures import Statistics
from augpipe.train.record import Record
from augpipe.train.report import Report
from augpipe.train.rundir import RunDir
from augpipe.train.schedule import Clock
from augpipe.train.score import Scores, Tally, evaluate
from augpipe.train.seed import rng_state, seed_torch, set_rng_state
from augpipe.train.stopping import build_stopping


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
            first batches and to know black and white in attacks; None draws none, and stands for
            pictures in [0, 1].

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
        self._recipe, self._fingerprint, self._seed = recipe, fingerprint, seed
        self._classes = common_classes(train_loader, val_loader)
        self._device = find_device(device)
        voice = (console or Console(stderr=True)) if processes.leads() else Console(quiet=True)
        self._report = Report(voice, config.epochs)
        self._record = Record(RunDir(out), self._report, config, self._classes, statistics)
        if self._device.type == "cpu":
            keep_memory()
        seed_torch(seed)
        self._learner = Learner(
            config, train_loader, clock_of(config, train_loader), self._device, statistics
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
            self._suit()
            while self.epoch < self._config.epochs and not self._stopping.due:
                self._run_epoch()
        except NotFiniteError as error:
            self._record.event("not_finite", epoch=self.epoch + 1, rows=error.rows)
            raise
        except KeyboardInterrupt:
            self._report.interrupted(self._record.run.last)
            raise
        finally:
            self._record.close()
        return self._result()

    def resume(self, path: Path) -> None:
        """Go back to where a checkpoint of this run was written; `fit` then goes on from there.

        Raises:
            StateError: the file is no checkpoint, or one of another recipe, data set or folder.
        """
        state = checkpoint.load(path)
        checkpoint.refuse_other_recipe(state, self._fingerprint, path)
        checkpoint.refuse_other_classes(state, self._classes, path)
        own = self._record.run.path
        if path.parent.resolve() != own.resolve():
            raise StateError(
                f"{path} lies outside {own}, but a run goes on in its own folder; "
                f"use --out {path.parent}, or copy that folder to a new place first"
            )
        self._train_loader.load_state_dict(state["loader"])
        self._learner.load_state_dict(state)
        self._stopping.load_state_dict(state["stopping"])
        self.epoch, self.step, self._best = state["epoch"], state["step"], state["best"]
        self._underway = state["underway"]
        set_rng_state(state["rng"], self._device)

    def inspect(self, patterns: Sequence[str]) -> list[Path]:
        """Draw what goes on in layers, on the first training batch; see `inspect.inspect`.

        Args:
            patterns: which layers.

        Returns:
            The figures, in the folder `inspect` of the run.

        Raises:
            RecipeError: a pattern names no layer.
        """
        batch = pair(first_batch(self._train_loader), self._device, self._learner.layout)
        folder = self._record.run.path / "inspect"
        return inspect(self.model, batch.images, batch.labels, cross_entropy, patterns, folder)

    def _open(self) -> None:
        place = f"epoch {self.epoch}" if self._underway is None else f"step {self.step}"
        self._record.open(
            self._recipe,
            {"seed": self._seed, "device": describe(self._device), "processes": processes.count()},
            epoch=self.epoch,
            step=self.step,
            place=place,
        )

    def _suit(self) -> None:
        """Let the initial weights suit the first batch, where the recipe asks for that."""
        if self.step == 0 and self._config.init and self._config.init.lsuv:
            batch = pair(first_batch(self._train_loader), self._device, self._learner.layout)
            self._learner.suit(batch.images)

    def _run_epoch(self) -> None:
        started = time.perf_counter()
        train, skipped = self._train_epoch()
        self._learner.end_epoch(self.epoch + 1, self._images())
        scores = self._evaluate()
        self._learner.note(scores["val"])
        self.epoch += 1
        row = _row(self.epoch, self._learner.lr, {"train": train, **scores}, skipped)
        self._record.log(row)
        self._save(scores[self._learner.judged])
        self._tell(row, time.perf_counter() - started)

    def _train_epoch(self) -> tuple[Scores, int]:
        """The steps of one epoch, or what is left of them.

        Returns:
            The scores on the way, and how many steps were skipped.
        """
        self._learner.start_epoch(self.epoch)
        self._train_loader.set_epoch(self.epoch)
        tally, skipped = self._begin_or_go_on()
        batches = self._report.watch(
            self._train_loader, self.epoch + 1, lambda: self._status(tally.scores())
        )
        for window in windows(batches, self._config.accumulate):
            self._record.picture(window[0], self.step)
            layout = self._learner.layout
            batches_there = [pair(batch, self._device, layout) for batch in window]
            self._learner.learn(batches_there, tally, self.step)
            self.step += 1
            saves = self._saves_now()
            if self._learner.guard.due or saves:
                skipped += self._learner.guard.check()
            if saves:
                underway = checkpoint.Underway(tally=tally.state_dict(), skipped=skipped)
                self._record.save_step(self._state(underway))
        skipped += self._learner.guard.check()
        tally.gather()
        scores = tally.scores()
        if math.isnan(scores.loss):
            raise TrainError(f"not one step of epoch {self.epoch + 1} had a finite loss")
        return scores, skipped

    def _images(self) -> Iterator[Tensor]:
        """The pictures of the epoch that has just ended, once more."""
        self._train_loader.set_epoch(self.epoch)
        for batch in self._train_loader:
            yield pair(batch, self._device, self._learner.layout).images

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
        """By name, the scores of the live model and of its averages; and those under attack.

        SWA's are NaN until there is one, so that all epochs have the same columns.
        """
        self._val_loader.set_epoch(0)
        learner, models = self._learner, self._learner.models()
        batches = self._report.judge(self._val_loader, self.epoch + 1)
        scores = evaluate(
            models,
            batches,
            self._device,
            top_k=self._config.top_k,
            confusion=True,
            precision=learner.precision,
            layout=learner.layout,
        )
        if self._config.swa:
            scores.setdefault("swa", Scores(math.nan, math.nan, self._config.top_k and math.nan))
        if learner.attack:
            self._val_loader.set_epoch(0)
            judged = models[learner.judged]
            scores["attacked"] = evaluate_attacked(
                judged,
                learner.attack,
                batches,
                self._device,
                precision=learner.precision,
                layout=learner.layout,
            )
        return scores

    def _save(self, scores: Scores) -> None:
        """Write the checkpoints, and know the best from now on."""
        improved = scores.accuracy > self._best["accuracy"]
        self._stopping.note(scores.accuracy)
        if improved:
            self._best = checkpoint.Best(accuracy=scores.accuracy, epoch=self.epoch)
        self._record.save(self._state(None), scores.confusion if improved else None)

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
        self._record.epoch(row, self.step, seconds)
        if self._stopping.due and self.epoch < self._config.epochs:
            self._report.say(f"stopping early: no better than in epoch {self._best['epoch']}")
            self._record.event("early_stopping", epoch=self.epoch)

    def _status(self, scores: Scores) -> str:
        """How training goes, for the bar."""
        return f"loss {scores.loss:.4f} {scores.accuracy:.2%}   lr {self._learner.lr:.3g}"

    def _result(self) -> Result:
        run, best = self._record.run, self._best
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
