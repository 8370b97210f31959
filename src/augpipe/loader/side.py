"""One batch ahead: the next one is copied and augmented beside the model's step.

    the loader's stream    copy and ops of n + 1 ──event──┐
    the model's stream     step n                         └─▶ step n + 1

The processor waits for neither: the model's stream waits for the event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple, Protocol

import torch

from augpipe.loader.batch import Batch
from augpipe.loader.feed import Flow
from augpipe.loader.fetch import Fetched

Work = Callable[[], Batch]


class Side(Protocol):
    """Where batches are finished while others are in use."""

    def follow(self) -> None:
        """Let all that begins from now on find what the caller has begun."""

    def begin(self, work: Work) -> Work:
        """Begin it; what is returned gives the batch to its caller."""


class CudaSide:
    """A stream of a GPU beside the one that the caller computes on.

    Args:
        device: which GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch's

    def follow(self) -> None:
        """Let all that begins from now on wait for what is on the caller's stream."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))

    def begin(self, work: Work) -> Work:
        """Begin it on the stream; the caller's waits for it when the batch is taken."""
        with torch.cuda.stream(self._stream):
            batch, done = work(), self._stream.record_event()
        return partial(self._take, batch, done)

    def _take(self, batch: Batch, done: torch.cuda.Event) -> Batch:
        caller = torch.cuda.current_stream(self._device)
        caller.wait_event(done)
        for tensor in batch.tensors():
            if tensor.is_cuda:  # whose memory is not to be used again before the caller is done
                tensor.record_stream(caller)
        return batch


class Begun(NamedTuple):
    """What was fetched, and how to take the batch; None where all its rows were skipped."""

    fetched: Fetched
    take: Work | None


class Ahead(Iterator[Begun]):
    """Batches of a flow, each begun when the one before is handed over.

    That is not waited for: what workers have not made by then is begun when it is asked for. Errors
    come in the order of the batches too.

    Args:
        flow: where they come from.
        count: how many there are.
        finish: what is done to each.
        side: where; None does it when a batch is taken, and begins none before.
    """

    def __init__(
        self, flow: Flow, count: int, finish: Callable[[Batch], Batch], side: Side | None
    ) -> None:
        self._flow, self._left, self._finish, self._side = flow, count, finish, side
        self._next: Future[Begun] | None = None
        if side:
            side.follow()

    def __next__(self) -> Begun:
        if not self._next and not self._left:
            raise StopIteration
        begun, self._next = self._next or self._begun(), None
        # A flow that has failed is not asked for more.
        if self._side and self._left and not begun.exception() and self._flow.ready:
            self._next = self._begun()
        return begun.result()

    def _begun(self) -> Future[Begun]:
        """One that is begun, or why it could not be."""
        future: Future[Begun] = Future()
        self._left -= 1
        try:
            future.set_result(self._begin(next(self._flow)))
        except Exception as error:  # it comes when the batch's turn comes
            future.set_exception(error)
        return future

    def _begin(self, fetched: Fetched) -> Begun:
        if fetched.error or fetched.batch is None:
            return Begun(fetched, None)
        work = partial(self._finish, fetched.batch)
        return Begun(fetched, self._side.begin(work) if self._side else work)
