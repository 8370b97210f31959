"""Who makes the batches: this process, or workers, for one epoch or from epoch to epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import BaseContext
from typing import Protocol

from augpipe.loader.arena import Arena
from augpipe.loader.fetch import Fetched, fetch
from augpipe.loader.keyed import KeyedDataset
from augpipe.loader.order import Key
from augpipe.loader.pool import Pool, Run
from augpipe.loader.slots import Slots

# How many batches may be held without being copied: that of the step, the one before, a few more.
LENT = 4

Batches = Iterator[Sequence[Key]]


class Flow(Protocol):
    """Batches as they are made, in their order."""

    def __next__(self) -> Fetched: ...

    @property
    def ready(self) -> bool:
        """Whether the next one is there, or takes this process no time to make."""

    def close(self) -> None:
        """No more of them are wanted."""


class Feed(Protocol):
    """Makes flows."""

    def run(self, batches: Batches) -> Flow:
        """Begin with these."""

    def close(self) -> None:
        """No more flows are wanted."""


@dataclass
class Hold:
    """Closes a flow with the iterator that shows it, unless it goes on into the next epoch."""

    flow: Flow
    goes_on: bool = False

    def let_go(self) -> None:
        """The iterator is gone."""
        if not self.goes_on:
            self.flow.close()


class Made:
    """A flow of batches that this process makes when they are asked for.

    Args:
        fetched: makes them.
        ready: whether that takes no time.
    """

    def __init__(self, fetched: Iterator[Fetched], *, ready: bool = False) -> None:
        self._fetched, self.ready = fetched, ready

    def __next__(self) -> Fetched:
        return next(self._fetched)

    def close(self) -> None:
        """There is nothing under way."""


class InProcess:
    """Batches that are made when they are asked for."""

    def __init__(self, dataset: KeyedDataset) -> None:
        self._dataset, self._slots = dataset, Slots(Arena(), LENT)

    def run(self, batches: Batches) -> Flow:
        """Begin with these."""
        return Made(fetch(self._dataset, keys, empty=self._slots.empty) for keys in batches)

    def close(self) -> None:
        """There is nothing to end."""


class InWorkers:
    """Batches that worker processes make ahead of time.

    Args:
        dataset: where from.
        workers: how many.
        context: how processes are started.
        prefetch: how many batches each worker is ahead.
        persistent: whether workers live on when an epoch is over.
        deadline: seconds that one row may take; 0 for as long as it likes.
        init: called in each worker with its number.
    """

    def __init__(
        self,
        dataset: KeyedDataset,
        *,
        workers: int,
        context: BaseContext,
        prefetch: int,
        persistent: bool,
        deadline: float,
        init: Callable[[int], None] | None,
    ) -> None:
        self._ahead, self._persistent = workers * prefetch, persistent
        self._start = partial(
            Pool, dataset, workers, context, slots=LENT, deadline=deadline, init=init
        )
        self._pool: Pool | None = None

    def run(self, batches: Batches) -> Flow:
        """Begin with these; several runs may be under way at a time."""
        if not self._persistent:
            return Run(self._start(), batches, self._ahead, last=True)
        if self._pool is None or self._pool.closed:
            self._pool = self._start()
        return Run(self._pool, batches, self._ahead)

    def close(self) -> None:
        """End workers that live on; they are started again when they are wanted."""
        if self._pool:
            self._pool.close()
