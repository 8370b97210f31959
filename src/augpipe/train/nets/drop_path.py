"""Stochastic depth: whole residual branches dropped in training (Huang et al., ECCV 2016)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class DropPath(nn.Module):
    """Drops a residual branch for some samples of a batch, in training only.

    Dropout of one number for each sample. What is kept grows by 1 / (1 - rate), so that nothing
    changes on average; the paper shrinks it in evaluation instead (eq. 5), which is the same but
    for a constant. Draws from torch's global generator, as dropout does.

    Args:
        rate: how often a branch is dropped, in [0, 1].
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """(B, ...) to the same."""
        if not self.training or not self.rate:
            return branch
        ones = branch.new_ones(len(branch), *[1] * (branch.ndim - 1))
        return branch * functional.dropout(ones, self.rate)

    def extra_repr(self) -> str:
        """What stands between the brackets when a model is printed."""
        return f"{self.rate:.3g}"


def linear_rates(last: float, depth: int) -> list[float]:
    """Rates that grow in a straight line to `last` in the last of `depth` branches (eq. 4)."""
    return [last * branch / depth for branch in range(1, depth + 1)]
