"""One optimizer step, in the order that everything else relies on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import get_total_norm

from augpipe.train import processes
from augpipe.train.batches import Labelled
from augpipe.train.clip import Clip
from augpipe.train.distill import Distiller
from augpipe.train.ema import Ema
from augpipe.train.guard import Guard
from augpipe.train.loss import Loss
from augpipe.train.optim import set_lr
from augpipe.train.precision import Precision
from augpipe.train.rate import Rate
from augpipe.train.score import Tally
from augpipe.train.worst import WorstCase


class Step:
    """Forward, backward, unscale, norm, finite?, clip, optimizer, average: without waiting.

    Whether loss and gradients are finite is decided on the device. Where they are not, the weights,
    the optimizer's state, the average and the schedule stay as they are, and the batches are left
    out of the tally.

    Args:
        model: (B, 3, H, W) to (B, C) logits; may be compiled, or wrapped for several processes.
        optimizer: a fused one, of the model's parameters.
        guard: is told of every step.
        rate: the schedule.
        loss: what to minimise.
        ema: the average that follows.
        clip: what keeps gradients small.
        precision: what the network computes in; by default float32.
        worst: what makes batches and weights worse while they are learnt from.
        distiller: what adds a teacher to the loss.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        guard: Guard,
        rate: Rate,
        loss: Loss,
        *,
        ema: Ema | None = None,
        clip: Clip | None = None,
        precision: Precision | None = None,
        worst: WorstCase | None = None,
        distiller: Distiller | None = None,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self._guard, self._rate, self._loss = guard, rate, loss
        self._ema, self._clip = ema, clip
        self._precision = precision or Precision("float32", self._parameters[0].device)
        self._worst, self._distiller = worst, distiller
        self._processes = processes.count()

    def __call__(self, window: Sequence[Labelled], tally: Tally) -> None:
        """Take one step.

        Args:
            window: the batches whose gradients make the step, on the device.
            tally: where their loss, hits and samples are added.
        """
        self._optimizer.zero_grad(set_to_none=True)
        answers, loss = self._backward(window)
        self._precision.unscale(self._optimizer)
        norm = get_total_norm([p.grad for p in self._parameters if p.grad is not None])
        taken = norm.isfinite() & loss.isfinite()
        if self._clip:
            self._clip(self._parameters, norm)
        set_lr(self._optimizer, self._rate.now())
        self._step_where(taken)
        self._precision.update()
        if self._ema:
            self._ema.update(taken)
        self._rate.advance(taken)
        self._guard.note(taken, [row for batch in window for row in batch.rows])
        for batch, (logits, mean) in zip(window, answers, strict=True):
            tally.add(mean, logits, batch.labels, counted=taken)

    def _backward(self, window: Sequence[Labelled]) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """Add up the gradients of the window's mean loss, which weights batches by their size.

        DDP takes the mean over processes, so each divides by the mean of their sizes: the result
        is the gradient of the mean over all samples, also where they got unequally many.

        Returns:
            Logits and mean loss of each batch, and the mean loss of all; without gradients.
        """
        sizes = [self._loss.size(batch.labels) for batch in window]
        whole = self._total(sizes)
        answers, losses = [], []
        for number, (batch, size) in enumerate(zip(window, sizes, strict=True), start=1):
            with self._unless_last(number == len(window)), self._worst_of(batch) as images:
                with self._precision.autocast():
                    logits = self._model(images)
                    loss = self._loss_of(logits, batch.labels, images, size)
                self._precision.backward(loss * self._processes / whole)
            answers.append((logits.detach(), loss.detach() / size))
            losses.append(loss.detach())
        return answers, self._total(losses) / whole

    def _total(self, numbers: Sequence[Tensor]) -> Tensor:
        """The sum over batches and processes."""
        total = sum(numbers[1:], start=numbers[0])
        return total if self._processes == 1 else processes.total(total)

    def _worst_of(self, batch: Labelled) -> AbstractContextManager[Tensor]:
        return self._worst(batch) if self._worst else nullcontext(batch.images)

    def _loss_of(self, logits: Tensor, labels: Tensor, images: Tensor, size: Tensor) -> Tensor:
        """The sum over samples; a teacher's part is a mean, and counts as much as the labels'."""
        loss = self._loss(logits, labels)
        if self._distiller is None:
            return loss
        return self._distiller(loss / size, logits, images) * size

    def _unless_last(self, last: bool) -> AbstractContextManager[None]:
        """Processes exchange gradients once a step; DDP decides that in the forward pass."""
        if last or not isinstance(self._model, DistributedDataParallel):
            return nullcontext()
        return self._model.no_sync()

    def _step_where(self, taken: Tensor) -> None:
        """Step if `taken`, by the flag with which `torch.amp.GradScaler` skips a fused step."""
        self._optimizer.found_inf = (~taken).float()  # type: ignore[attr-defined]  # untyped in torch
        self._optimizer.step()
