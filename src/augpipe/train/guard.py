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
        limit: so many skipped steps in a row end the run.
    """

    def __init__(self, model: nn.Module, limit: int = 10) -> None:
        self.limit = limit
        self._buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        self._good = [buffer.clone() for buffer in self._buffers]
        self._taken: list[Tensor] = []
        self._streak = 0
        # A streak may have ended up to CHECK_EVERY steps before anyone looks, and began before.
        self._rows: deque[Sequence[int]] = deque(maxlen=CHECK_EVERY + limit)

    def note(self, taken: Tensor, rows: Sequence[int] = ()) -> None:
        """Remember one step, at no cost: nothing is computed, on the device or elsewhere.

        Args:
            taken: () bool on the device; False for a step that was skipped.
            rows: the rows of the dataset that its batches were made of.
        """
        self._taken.append(taken)
        self._rows.append(rows)

    @property
    def due(self) -> bool:
        """Whether it is time to `check`."""
        return len(self._taken) >= CHECK_EVERY

    def check(self) -> int:
        """Wait for the device, mend what skipped steps have spoilt, and start counting anew.

        Returns:
            How many steps were skipped since the last check.

        Raises:
            NotFiniteError: `limit` steps in a row were skipped.
        """
        flags = torch.stack(self._taken).tolist() if self._taken else []
        for step, taken in enumerate(flags, start=1):
            self._streak = 0 if taken else self._streak + 1
            if self._streak == self.limit:
                raise NotFiniteError(self.limit, self._rows_before(len(flags) - step))
        self._mend()
        self._taken.clear()
        return flags.count(False)

    def state_dict(self) -> dict[str, int]:
        """How many steps in a row were skipped last; ask for it right after a check."""
        return {"streak": self._streak}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on counting, from statistics that the model has been given meanwhile."""
        self.check()
        self._streak = state["streak"]

    def _rows_before(self, later: int) -> list[int]:
        """The rows of the last `limit` steps, but for so many steps that were noted later."""
        end = len(self._rows) - later
        batches = list(self._rows)[max(0, end - self.limit) : end]
        return [row for batch in batches for row in batch]

    def _mend(self) -> None:
        for good, buffer in zip(self._good, self._buffers, strict=True):
            good.copy_(torch.where(buffer.isfinite().all(), buffer, good))
            buffer.copy_(good)
