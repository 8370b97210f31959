"""Steps whose loss or gradients are not finite: skipped on the device, reported at intervals."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from augpipe.errors import TrainError

CHECK_EVERY = 50
"""Steps between two looks at the device: seldom enough to cost nothing, often enough to end a
diverged run within a minute."""

_NAMED = 8


class NotFiniteError(TrainError):
    """Steps in a row could not be taken.

    Attributes:
        rows: the rows of the dataset that their batches were made of.
    """

    def __init__(self, steps: int, rows: Sequence[int]) -> None:
        self.rows = list(rows)
        super().__init__(
            f"loss or gradients were not finite in {steps} steps in a row{_named(rows)}; lower "
            "train.optimizer.lr, add train.clip, or look at the data with `augpipe preview`"
        )


def _named(rows: Sequence[int]) -> str:
    """The first few; a batch can have thousands."""
    if not rows:
        return ""
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return f", of rows {', '.join(map(str, rows[:_NAMED]))}{more}"


class Guard:
    """Counts skipped steps without waiting for the device; `check` looks at the counts.

    A skipped step leaves the weights alone, but its forward pass has already put its NaN into the
    running statistics of batch norm, and a variance can overflow in a step that was taken. Training
    does not read those, so it is enough that `check` puts back what they last were when finite.

    Args:
        model: whose statistics to keep finite.
        device: where to count.
        limit: so many skipped steps in a row end the run.
    """

    def __init__(self, model: nn.Module, device: torch.device, limit: int = 10) -> None:
        self.limit = limit
        self._buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        self._good = [buffer.clone() for buffer in self._buffers]
        self._streak, self._skipped, self._ended = torch.zeros(3, dtype=torch.int64, device=device)
        self._steps = 0
        # A streak may have ended up to CHECK_EVERY steps before anyone looks, and began before.
        self._rows: deque[list[int]] = deque(maxlen=CHECK_EVERY + limit)

    def note(self, taken: Tensor, rows: Sequence[int] = ()) -> None:
        """Count one step.

        Args:
            taken: () bool on the device; False for a step that was skipped.
            rows: the rows of the dataset that its batches were made of.
        """
        self._steps += 1
        self._rows.append(list(rows))
        self._streak += 1
        self._streak *= ~taken
        self._skipped += ~taken
        first = (self._streak == self.limit) & (self._ended == 0)
        self._ended.copy_(torch.where(first, self._steps, self._ended))

    @property
    def due(self) -> bool:
        """Whether it is time to `check`."""
        return self._steps >= CHECK_EVERY

    def check(self) -> int:
        """Wait for the device, mend what skipped steps have spoilt, and start counting anew.

        Returns:
            How many steps were skipped since the last check.

        Raises:
            NotFiniteError: `limit` steps in a row were skipped.
        """
        skipped, ended = torch.stack([self._skipped, self._ended]).tolist()
        if ended:
            raise NotFiniteError(self.limit, self._rows_before(ended))
        self._mend()
        self._skipped.zero_()
        self._steps = 0
        return int(skipped)

    def state_dict(self) -> dict[str, int]:
        """How many steps in a row were skipped last; ask for it right after a check."""
        return {"streak": int(self._streak)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on counting, from statistics that the model has been given meanwhile."""
        self.check()
        self._streak.fill_(state["streak"])

    def _rows_before(self, ended: int) -> list[int]:
        """The rows of the `limit` steps of which the last was that many steps after a check."""
        last = len(self._rows) - (self._steps - ended)
        batches = list(self._rows)[max(0, last - self.limit) : last]
        return [row for batch in batches for row in batch]

    def _mend(self) -> None:
        for good, buffer in zip(self._good, self._buffers, strict=True):
            good.copy_(torch.where(buffer.isfinite().all(), buffer, good))
            buffer.copy_(good)
