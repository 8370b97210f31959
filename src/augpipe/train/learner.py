"""What learns: a model, and everything that moves with it step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from augpipe.train.batches import Labelled
from augpipe.train.checkpoint import Learnt
from augpipe.train.clip import build_clip
from augpipe.train.config import TrainConfig
from augpipe.train.ema import Ema
from augpipe.train.guard import Guard
from augpipe.train.loss import Loss, find_class_weights
from augpipe.train.models import build_model
from augpipe.train.optim import build_optimizer
from augpipe.train.precision import Precision
from augpipe.train.rate import Rate
from augpipe.train.schedule import Clock, lr_factor
from augpipe.train.score import Tally
from augpipe.train.step import Step


class Learner:
    """Model, average, optimizer, schedule and guard, as a recipe says, and their state as one.

    Args:
        config: the recipe's `train:` section.
        classes: how many classes the data has.
        labels: (N,) the class of each training row, for class weights; None if unknown.
        clock: how long the run is.
        device: where to train.

    Raises:
        RecipeError: the recipe does not fit the data.
        DataError: the recipe asks for class weights that the data does not tell.

    Attributes:
        model: the network, on the device; its weights are drawn from torch's global generator.
        ema: its moving average, if the recipe asks for one.
        optimizer: of the model's parameters.
        guard: what counts skipped steps.
        rate: the schedule, and how many steps were taken.
        precision: what the network computes in.
        layout: how it wants pictures laid out in memory.
    """

    model: nn.Module

    def __init__(
        self,
        config: TrainConfig,
        classes: int,
        labels: NDArray[np.int64] | None,
        clock: Clock,
        device: torch.device,
    ) -> None:
        self.layout = torch.channels_last if config.channels_last else torch.preserve_format
        self.model = build_model(config.model, classes).to(device).to(memory_format=self.layout)
        outputs = config.model.num_classes or classes
        weights = find_class_weights(config.class_weights, labels, classes, outputs)
        self.ema = Ema(self.model, config.ema.decay) if config.ema else None
        self.optimizer = build_optimizer(config.optimizer, self.model)
        self.guard = Guard(self.model, device, config.max_skipped)
        factors = [lr_factor(config.schedule, step, clock) for step in range(clock.total_steps)]
        self.rate = Rate(factors, device)
        self.precision = Precision(config.precision, device)
        forward = cast(nn.Module, torch.compile(self.model)) if config.compile else self.model
        self._step = Step(
            forward,
            self.optimizer,
            self.guard,
            self.rate,
            Loss(config.label_smoothing, None if weights is None else weights.to(device)),
            ema=self.ema,
            clip=build_clip(config.clip, self.model),
            precision=self.precision,
        )

    def learn(self, window: Sequence[Labelled], tally: Tally) -> None:
        """Take one step on batches that lie on the device; see `Step`."""
        self._step(window, tally)

    @property
    def lr(self) -> float:
        """The learning rate of the last step; waits for the device."""
        return float(self.optimizer.param_groups[0]["lr"])

    def models(self) -> dict[str, nn.Module]:
        """What is to be evaluated: the live model as `val`, and its average as `ema`."""
        return {"val": self.model} | ({"ema": self.ema.averaged()} if self.ema else {})

    def state_dict(self) -> Learnt:
        """Everything that learning goes on from."""
        return Learnt(
            model=self.model.state_dict(),
            ema=self.ema.state_dict() if self.ema else None,
            updates=int(self.ema.updates) if self.ema else 0,
            optimizer=self.optimizer.state_dict(),
            taken=int(self.rate.taken),
            precision=self.precision.state_dict(),
            guard=self.guard.state_dict(),
        )

    def load_state_dict(self, state: Learnt) -> None:
        """Go on from there."""
        self.model.load_state_dict(state["model"])
        if self.ema and state["ema"]:
            self.ema.load_state_dict(state["ema"], state["updates"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rate.taken.fill_(state["taken"])
        self.precision.load_state_dict(state["precision"])
        self.guard.load_state_dict(state["guard"])
