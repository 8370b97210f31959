"""Plans for pictures that come one at a time.

Most of what planning one picture costs is paid once per plan, so a plan for 32 takes little more
time than a plan for one. Where pictures come with one index after the other and in one size (the
frames of a video, the pages of a scan), the next ones are planned along with this one. What is
planned is the same: a row of a plan does not depend on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from augpipe.plan import Plan
from augpipe.rng import MAX_INDEX

_ROWS = 32

# Of one picture, and of the others that it is mixed with.
Sizes = Sequence[tuple[int, ...]]


class _Asked(NamedTuple):
    """What a plan was made for, but for the index."""

    sizes: Sizes
    key: dict[str, Any]


class Planner:
    """Remembers the last plan, and whether the next index was asked for.

    Args:
        plan: `Pipeline.plan`.
    """

    def __init__(self, plan: Callable[..., Plan]) -> None:
        self._plan = plan
        # One tuple, replaced as a whole, so that threads may share the planner.
        self._made: tuple[_Asked, int, Plan] | None = None

    def plan(self, sizes: Sizes, index: int = 0, **key: Any) -> tuple[Plan, int]:
        """A plan, and which row of it is that of the index."""
        asked = _Asked(sizes, key)
        made, first, plan = self._made or (None, 0, None)
        row = index - first
        if plan is not None and asked == made and 0 <= row <= len(plan):
            if row < len(plan):
                return plan, row
            rows = min(_ROWS, MAX_INDEX + 1 - index)
        else:
            rows = 1
        indices = range(index, index + max(rows, 1))
        plan = self._plan([sizes] * len(indices), index=[*indices], **key)
        self._made = asked, index, plan
        return plan, 0
