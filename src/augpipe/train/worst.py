"""Training against the worst case: pictures and weights at their worst, for as long as a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn

from augpipe.train.attack import Attack, Loss
from augpipe.train.awp import perturbed
from augpipe.train.batches import Labelled
from augpipe.train.config import AwpConfig
from augpipe.train.precision import Precision


class WorstCase:
    """Attacks the batch, then the weights, around one forward and backward pass.

    Args:
        model: without a wrapper; what gradients it is attacked by never reach `.grad`.
        loss: what to make worse.
        precision: in which the worst is looked for, as in training.
        attack: of the pictures; None leaves them.
        awp: of the weights; None leaves them.

    Attributes:
        epoch: finished epochs; `awp` waits for some.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        precision: Precision,
        *,
        attack: Attack | None = None,
        awp: AwpConfig | None = None,
    ) -> None:
        self._model, self._loss, self._precision = model, loss, precision
        self._attack, self._awp = attack, awp
        self.epoch = 0

    @contextmanager
    def __call__(self, batch: Labelled) -> Iterator[Tensor]:
        """The pictures to learn from; the weights are themselves again afterwards.

        Autocast is left before the block: it keeps copies of weights, which have moved.
        """
        images, labels, _ = batch
        with ExitStack() as stack:
            with self._precision.autocast():
                if self._attack:
                    images = self._attack(self._model, images, labels, self._loss)
                if self._awp and self.epoch >= self._awp.warmup_epochs:
                    gamma = self._awp.gamma
                    stack.enter_context(
                        perturbed(self._model, images, labels, self._loss, gamma=gamma)
                    )
            yield images
