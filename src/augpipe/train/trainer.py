"""The trainer: a recipe and two loaders become a trained model, as one story."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from augpipe.errors import StateError, TrainError
from augpipe.loader.device import describe, find_device
from augpipe.train import checkpoint, curves
from augpipe.train.batches import Loader, common_classes, pair
from augpipe.train.config import TrainConfig
from augpipe.train.ema import Ema
from augpipe.train.guard import Guard
from augpipe.train.models import build_model
from augpipe.train.optim import build_optimizer
from augpipe.train.report import Report
from augpipe.train.rundir import RunDir
from augpipe.train.schedule import Clock, lr_factor
from augpipe.train.score import Scores, Tally, evaluate
from augpipe.train.seed import rng_state, seed_torch, set_rng_state
from augpipe.train.step import Step

# Seldom enough to cost nothing, often enough to end a diverged run within a minute.
_CHECK_EVERY = 50


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

    Raises:
        RecipeError: the recipe does not fit the data, or the device is not there.
        DataError: there is no batch to train on, or training and validation differ in classes.

    Attributes:
        model: the network being trained, on the device.
        ema: its moving average, if the recipe asks for one.
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
    ) -> None:
        self._config = config
        self._train_loader, self._val_loader = train_loader, val_loader
        self._run = RunDir(out)
        self._recipe, self._fingerprint = recipe, fingerprint
        self._seed = seed
        self._report = Report(console or Console(stderr=True), config.epochs)
        self._classes = common_classes(train_loader, val_loader)
        self._device = find_device(device)
        seed_torch(seed)
        self.model = build_model(config.model, len(self._classes)).to(self._device)
        self.ema = Ema(self.model, config.ema.decay) if config.ema else None
        self._optimizer = build_optimizer(config.optimizer, self.model)
        self._guard = Guard(self.model, self._device)
        self._take_step = Step(
            self.model,
            self._optimizer,
            self._guard,
            self.ema,
            clip_norm=config.clip.norm if config.clip else None,
            label_smoothing=config.label_smoothing,
        )
        self._clock = Clock(config.epochs * len(train_loader), len(train_loader))
        self.epoch = self.step = 0
        self._best = checkpoint.Best(accuracy=-1.0, epoch=0)

    def fit(self) -> Result:
        """Train until the recipe's epochs are done, from the start or from where `resume` led.

        Raises:
            TrainError: the loss stayed infinite or NaN.
            KeyboardInterrupt: after saying how to go on; `last.pt` is whole.
        """
        self._open()
        try:
            while self.epoch < self._config.epochs:
                self._run_epoch()
        except KeyboardInterrupt:
            self._report.interrupted(self._run.last)
            raise
        finally:
            if rows := self._run.rows():
                curves.draw(rows, self._run.curves)
        return self._result()

    def resume(self, path: Path) -> None:
        """Go back to where a checkpoint of this run was written; `fit` then goes on from there.

        Raises:
            StateError: the file is no checkpoint, or one of another recipe, data set or folder.
        """
        state = checkpoint.load(path)
        checkpoint.refuse_other_recipe(state, self._fingerprint, path)
        if path.parent.resolve() != self._run.path.resolve():
            raise StateError(
                f"{path} lies outside {self._run.path}, but a run goes on in its own folder; "
                f"use --out {path.parent}, or copy that folder to a new place first"
            )
        self._train_loader.load_state_dict(state["loader"])
        self.model.load_state_dict(state["model"])
        if self.ema and state["ema"]:
            self.ema.load_state_dict(state["ema"], state["updates"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._guard.check()
        self.epoch, self.step, self._best = state["epoch"], state["step"], state["best"]
        set_rng_state(state["rng"], self._device)

    def _open(self) -> None:
        circumstances = {"seed": self._seed, "device": describe(self._device)}
        if self.epoch:
            self._run.resume(self._recipe, circumstances, self.epoch)
            self._report.say(f"{self._run.path}: going on after epoch {self.epoch}")
        elif moved := self._run.begin(self._recipe, circumstances):
            self._report.say(f"{self._run.path} held an older run, which is now in {moved}")

    def _run_epoch(self) -> None:
        started = time.perf_counter()
        train, skipped = self._train_epoch()
        models = {"val": self.model} | ({"ema": self.ema.averaged()} if self.ema else {})
        self._val_loader.set_epoch(0)
        scores = evaluate(models, self._val_loader, self._device)
        self.epoch += 1
        lr = self._optimizer.param_groups[0]["lr"]
        row = _row(self.epoch, lr, {"train": train, **scores}, skipped)
        self._run.log(row)
        self._save(scores["ema" if self.ema else "val"].accuracy)
        self._report.epoch(row, time.perf_counter() - started)

    def _train_epoch(self) -> tuple[Scores, int]:
        """One epoch of steps; returns the scores on the way, and how many steps were skipped."""
        self.model.train()
        self._train_loader.set_epoch(self.epoch)
        tally = Tally(self._device)
        skipped = 0
        for batch in self._report.watch(self._train_loader, self.epoch + 1):
            images, labels = pair(batch, self._device)
            factor = lr_factor(self._config.schedule, self.step, self._clock)
            self._take_step(images, labels, factor, tally)
            self.step += 1
            if self.step % _CHECK_EVERY == 0:
                skipped += self._guard.check()
        skipped += self._guard.check()
        scores = tally.scores()
        if math.isnan(scores.loss):
            raise TrainError(f"not one step of epoch {self.epoch + 1} had a finite loss")
        return scores, skipped

    def _save(self, accuracy: float) -> None:
        """Write the checkpoints: the best one first, for the last one claims that it exists."""
        improved = accuracy > self._best["accuracy"]
        if improved:
            self._best = checkpoint.Best(accuracy=accuracy, epoch=self.epoch)
        state = self._state()
        if improved:
            checkpoint.save(self._run.best, state)
        checkpoint.save(self._run.last, state)

    def _state(self) -> checkpoint.State:
        return checkpoint.State(
            version=checkpoint.VERSION,
            model=self.model.state_dict(),
            ema=self.ema.state_dict() if self.ema else None,
            updates=int(self.ema.updates) if self.ema else 0,
            optimizer=self._optimizer.state_dict(),
            step=self.step,
            epoch=self.epoch,
            best=self._best,
            classes=self._classes,
            loader=self._train_loader.state_dict(),
            rng=rng_state(self._device),
            recipe_hash=self._fingerprint,
            recipe=self._recipe,
        )

    def _result(self) -> Result:
        run, best = self._run, self._best
        return Result(
            best["accuracy"], best["epoch"], self.epoch, run.path, best=run.best, last=run.last
        )


def _row(epoch: int, lr: float, scores: dict[str, Scores], skipped: int) -> dict[str, Any]:
    """One row of the metrics: `lr` as it was in the last step, then the scores by name."""
    row: dict[str, Any] = {"epoch": epoch, "lr": lr}
    for name, (loss, accuracy) in scores.items():
        row |= {f"{name}_loss": loss, f"{name}_accuracy": accuracy}
    return row | {"skipped_steps": skipped}
