"""One optimizer step, in the order that everything else relies on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from augpipe.train.ema import Ema
from augpipe.train.guard import Guard
from augpipe.train.optim import set_lr
from augpipe.train.score import Tally


class Step:
    """Forward, backward, norm, finite?, clip, optimizer, average; nothing waits for the device.

    Whether loss and gradients are finite is decided on the device. Where they are not, the weights,
    the optimizer's state and the average stay as they are, and the batch is left out of the tally.
    The schedule counts every step, also a skipped one, because only the device knows of it.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        guard: Guard,
        ema: Ema | None = None,
        *,
        clip_norm: float | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self._guard = guard
        self._ema = ema
        self._clip_norm = clip_norm
        self._label_smoothing = label_smoothing

    def __call__(self, images: Tensor, labels: Tensor, lr_factor: float, tally: Tally) -> None:
        """Take one step.

        Args:
            images: (B, 3, H, W) float32 on the device.
            labels: (B,) int64 classes, or (B, C) float32 distributions over classes.
            lr_factor: the schedule's factor of the peak learning rate for this step.
            tally: where the batch's loss, hits and samples are added.
        """
        self._optimizer.zero_grad(set_to_none=True)
        logits = self._model(images)
        loss = functional.cross_entropy(logits, labels, label_smoothing=self._label_smoothing)
        torch.autograd.backward(loss)
        taken = self._clip().isfinite() & loss.isfinite()
        set_lr(self._optimizer, lr_factor)
        self._step_where(taken)
        if self._ema:
            self._ema.update(taken)
        self._guard.note(taken)
        tally.add(loss, logits, labels, counted=taken)

    def _clip(self) -> Tensor:
        """Clip the gradients in place; returns their global L2 norm before that."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = get_total_norm(gradients)
        if self._clip_norm is not None:
            clip_grads_with_norm_(self._parameters, self._clip_norm, norm)
        return norm

    def _step_where(self, taken: Tensor) -> None:
        """Step if `taken`, by the flag with which `torch.amp.GradScaler` skips a fused step."""
        self._optimizer.found_inf = (~taken).float()  # type: ignore[attr-defined]  # untyped in torch
        self._optimizer.step()
