"""What learns: a model, and everything that moves with it, step by step and epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from augpipe.train import processes
from augpipe.train.attack import PixelScale, build_attack
from augpipe.train.averaging import Swa, recompute_norms
from augpipe.train.batches import Labelled, Loader, labels_of
from augpipe.train.checkpoint import Learnt
from augpipe.train.clip import build_clip
from augpipe.train.config import TrainConfig
from augpipe.train.distill import build_distiller
from augpipe.train.ema import build_ema
from augpipe.train.freeze import train_mode
from augpipe.train.guard import Guard
from augpipe.train.loss import build_loss
from augpipe.train.lsuv import lsuv
from augpipe.train.network import build_network, forward_of, layout_of
from augpipe.train.optim import build_optimizer, set_momentum
from augpipe.train.pictures import Statistics
from augpipe.train.plateau import Plateau
from augpipe.train.precision import Precision
from augpipe.train.rate import Rate
from augpipe.train.schedule import Clock, lr_factor, momentum
from augpipe.train.score import Scores, Tally
from augpipe.train.step import Step
from augpipe.train.worst import WorstCase


class Learner:
    """Model, averages, optimizer, schedule and guard, as a recipe says, and their state as one.

    Args:
        config: the recipe's `train:` section.
        loader: what is learnt from: its classes, its labels, how large its batches are.
        clock: how long the run is.
        device: where to train.
        statistics: what pictures were normalised with, for attacks; None stands for pictures in
            [0, 1].

    Raises:
        RecipeError: the recipe does not fit the data or the model.
        DataError: the recipe asks for class weights that the data does not tell.
        TrainError: nothing is to be trained, or a momentum is cycled that the optimizer lacks.

    Attributes:
        model: the network, on the device; its weights are drawn from torch's global generator.
        ema: its moving average, if the recipe asks for one.
        swa: its mean over epochs, likewise.
        optimizer: of the model's parameters.
        guard: what counts skipped steps.
        rate: the schedule, and how many steps were taken.
        precision: what the network computes in.
        layout: how it wants pictures laid out in memory.
        attack: what the recipe wants it to withstand, if anything.
    """

    def __init__(
        self,
        config: TrainConfig,
        loader: Loader,
        clock: Clock,
        device: torch.device,
        statistics: Statistics | None = None,
    ) -> None:
        classes = list(loader.dataset.classes)
        self._config, self.layout = config, layout_of(config)
        self.model, self._frozen = build_network(config, len(classes), device)
        self.ema = build_ema(config.ema, self.model)
        self.swa = Swa(self.model, config.swa) if config.swa else None
        samples = (loader.batch_size or 1) * config.accumulate * processes.count()
        self.optimizer = build_optimizer(config.optimizer, self.model, samples)
        self.guard = Guard(self.model, config.max_skipped)
        steps = range(clock.total_steps)
        self.rate = Rate([lr_factor(config.schedule, step, clock) for step in steps], device)
        self._momenta = [momentum(config.schedule, step, clock) for step in steps]
        set_momentum(self.optimizer, self._momenta[0])
        self._plateau = Plateau(config.plateau) if config.plateau else None
        self.precision = Precision(config.precision, device)
        loss = build_loss(config, labels_of(loader), len(classes), device)
        scale = PixelScale(*statistics) if statistics else PixelScale()
        self.attack = build_attack(config.attack, scale) if config.attack else None
        self._worst = WorstCase(
            self.model, loss, self.precision, attack=self.attack, awp=config.awp
        )
        self._step = Step(
            forward_of(config, self.model),
            self.optimizer,
            self.guard,
            self.rate,
            loss,
            ema=self.ema,
            clip=build_clip(config.clip, self.model),
            precision=self.precision,
            worst=self._worst if config.attack or config.awp else None,
            distiller=build_distiller(config.distill, classes, device),
        )

    def suit(self, images: Tensor) -> None:
        """Scale the initial weights to the first batch, if the recipe asks for LSUV.

        Args:
            images: (B, 3, H, W) on the device. Of several processes the first one's count.
        """
        if self._config.init is None or self._config.init.lsuv is None:
            return
        lsuv(self.model, images, self._config.init.lsuv)
        processes.follow_leader(self.model)
        if self.ema:
            self.ema.load_state_dict(self.model.state_dict(), updates=0)

    def start_epoch(self, epoch: int) -> None:
        """Training mode for all but frozen norms; `epoch` counts the finished ones."""
        train_mode(self.model, self._frozen)
        self._worst.epoch = epoch

    def learn(self, window: Sequence[Labelled], tally: Tally, step: int) -> None:
        """Take one step on batches that lie on the device; see `Step`.

        Args:
            window: the batches.
            tally: where their scores are added.
            step: how many came before it. The momentum is a number that the device cannot choose,
                so it follows the steps, skipped ones included; the rate follows those taken.
        """
        set_momentum(self.optimizer, self._momenta[min(step, len(self._momenta) - 1)])
        self._step(window, tally)

    def end_epoch(self, epoch: int, images: Iterable[Tensor]) -> None:
        """Bring averages up to date, before anything is evaluated.

        Args:
            epoch: counted from 1.
            images: the training batches once more, on the device; gone through only where SWA has
                taken in the epoch, for the statistics of its norms.
        """
        processes.agree(self.model)
        if self.swa and self.swa.update(epoch):
            names = {module: name for name, module in self.model.named_modules()}
            average = self.swa.average
            recompute_norms(
                average, images, keep=[average.get_submodule(names[norm]) for norm in self._frozen]
            )
            processes.agree(average)

    def note(self, scores: Scores) -> None:
        """Lower the learning rate if validation scores say so; those of the live model."""
        if self._plateau and self._config.plateau:
            self._plateau.update(getattr(scores, self._config.plateau.monitor))
            self.rate.lowering.fill_(self._plateau.factor)

    @property
    def lr(self) -> float:
        """The learning rate of the last step; waits for the device."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def peak(self) -> float:
        """The learning rate where the schedule is 1."""
        return float(self.optimizer.param_groups[0]["initial_lr"])

    @property
    def judged(self) -> str:
        """By which of the `models` a run is judged: SWA's once there is one, EMA's, the live."""
        return list(self.models())[-1]

    def models(self) -> dict[str, nn.Module]:
        """What is to be evaluated: the live model as `val`, and its averages as `ema` and `swa`."""
        models = {"val": self.model}
        if self.ema:
            models["ema"] = self.ema.averaged()
        if self.swa and self.swa.count:
            models["swa"] = self.swa.average
        return models

    def state_dict(self) -> Learnt:
        """Everything that learning goes on from."""
        return Learnt(
            model=self.model.state_dict(),
            ema=self.ema.state_dict() if self.ema else None,
            updates=int(self.ema.updates) if self.ema else 0,
            swa=self.swa.state_dict() if self.swa else None,
            optimizer=self.optimizer.state_dict(),
            taken=int(self.rate.taken),
            plateau=self._plateau.state_dict() if self._plateau else None,
            precision=self.precision.state_dict(),
            guard=self.guard.state_dict(),
        )

    def load_state_dict(self, state: Learnt) -> None:
        """Go on from there."""
        self.model.load_state_dict(state["model"])
        if self.ema and state["ema"]:
            self.ema.load_state_dict(state["ema"], state["updates"])
        if self.swa and state["swa"]:
            self.swa.load_state_dict(state["swa"])
        if self._plateau and state["plateau"]:
            self._plateau.load_state_dict(state["plateau"])
            self.rate.lowering.fill_(self._plateau.factor)
        self.optimizer.load_state_dict(state["optimizer"])
        self.rate.taken.fill_(state["taken"])
        self.precision.load_state_dict(state["precision"])
        self.guard.load_state_dict(state["guard"])
