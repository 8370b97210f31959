"""Steps whose loss or gradients are not finite: skipped on the device, reported at intervals."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from augpipe.errors import TrainError


class Guard:
    """Counts skipped steps without waiting for the device; `check` looks at the counts.

    A skipped step leaves the weights alone, but its forward pass has already put its NaN into the
    running statistics of batch norm, and a variance can overflow in a step that was taken. Training
    does not read those, so it is enough that `check` puts back what they last were when finite.
    """

    limit = 10
    """So many skipped steps in a row end the run."""

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self._buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        self._good = [buffer.clone() for buffer in self._buffers]
        self._streak, self._longest, self._skipped = torch.zeros(
            3, dtype=torch.int64, device=device
        )

    def note(self, taken: Tensor) -> None:
        """Count one step.

        Args:
            taken: () bool on the device; False for a step that was skipped.
        """
        self._streak += 1
        self._streak *= ~taken
        self._skipped += ~taken
        torch.maximum(self._longest, self._streak, out=self._longest)

    def check(self) -> int:
        """Wait for the device, mend what skipped steps have spoilt, and start counting anew.

        Returns:
            How many steps were skipped since the last check.

        Raises:
            TrainError: `limit` steps in a row were skipped.
        """
        skipped, longest = torch.stack([self._skipped, self._longest]).tolist()
        if longest >= self.limit:
            raise TrainError(
                f"loss or gradients were not finite in {longest} steps in a row; lower "
                "train.optimizer.lr, add train.clip, or look at the data with `augpipe preview`"
            )
        self._mend()
        self._skipped.zero_()
        self._longest.zero_()
        return int(skipped)

    def _mend(self) -> None:
        for good, buffer in zip(self._good, self._buffers, strict=True):
            good.copy_(torch.where(buffer.isfinite().all(), buffer, good))
            buffer.copy_(good)
