"""How fast batches go by, and how long training has to wait for them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any


class Pace:
    """Counts images, time, and the time spent waiting for data.

    Attributes:
        images: so many have come.
        seconds: since the first was asked for.
        waited: of these, until batches came.
    """

    def __init__(self) -> None:
        self.images = 0
        self.seconds = self.waited = 0.0

    def watch(self, batches: Iterable[Any]) -> Iterator[Any]:
        """The batches, counted as they pass."""
        begun = asked = time.perf_counter()
        for batch in batches:
            self.waited += time.perf_counter() - asked
            self.images += len(batch.images)
            yield batch
            asked = time.perf_counter()
            self.seconds = asked - begun

    @property
    def rate(self) -> float:
        """Images per second."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def waiting(self) -> float:
        """The share of the time that training waited for data, in [0, 1]."""
        return min(1.0, self.waited / self.seconds) if self.seconds else 0.0

    def __str__(self) -> str:
        return f"{self.rate:,.0f} images/s, {self.waiting:.0%} waiting"
