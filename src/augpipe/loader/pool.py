"""The parent's side of the workers: who makes which batch, and what if one dies or hangs.

Since a batch is a pure function of its keys, another process makes the same one: a worker that is
lost is replaced, what it had to do is done again, and the stream goes on unchanged. A row that
takes workers with it again and again is condemned: from then on it is a bad row like any other.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
import warnings
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.context import BaseContext

from augpipe.errors import RecipeError, WorkerError, WorkerWarning
from augpipe.loader.arena import Arena
from augpipe.loader.board import Board
from augpipe.loader.fetch import Fetched
from augpipe.loader.keyed import KeyedDataset
from augpipe.loader.order import Key
from augpipe.loader.packing import Parcel, Writer, load
from augpipe.loader.process import LAST_SECONDS, Worker
from augpipe.loader.slots import Slots
from augpipe.loader.worker import Done, Post, Request, Task
from augpipe.nameless import NamelessFile

# A row is condemned when so many workers in a row were lost at it. Who is killed from outside may
# have been killed for somebody else's memory.
_PATIENCE = 2
_PATIENCE_IF_KILLED = 4

# So many workers lost in a row, none of them at any row, and it is not about the data.
_FALSE_STARTS = 3

# How often deadlines are looked at.
_TICK_SECONDS = 0.5


class Pool:
    """Workers, and the batches they were asked for.

    Args:
        dataset: what they fetch from.
        workers: how many, at least 1.
        context: how processes are started.
        slots: how many batches may be lent at a time.
        deadline: seconds that one row may take; 0 for as long as it likes.
        init: called in each worker with its number.

    Raises:
        RecipeError: workers are started afresh, and the dataset or the pipeline cannot be pickled.
    """

    def __init__(
        self,
        dataset: KeyedDataset,
        workers: int,
        context: BaseContext,
        *,
        slots: int,
        deadline: float,
        init: Callable[[int], None] | None,
    ) -> None:
        self.closed, self._parent = False, os.getpid()
        self._source, self._context, self._deadline, self._init = dataset, context, deadline, init
        self._arena = Arena()
        self._board = Board(self._arena.extent(self._arena.extend()), workers)
        self._dataset = self._packed(dataset)
        self._slots = Slots(self._arena, slots)
        self._tickets = iter(range(sys.maxsize))
        self._asked: dict[int, tuple[Sequence[Key], int]] = {}
        self._done: dict[int, Done] = {}
        self._unwanted: set[int] = set()
        self._condemned: dict[int, str] = {}
        self._losses: dict[int, Counter[int]] = defaultdict(Counter)  # of each ticket, by row
        self._false_starts = 0
        self._workers: list[Worker] = []
        for number in range(workers):
            self._workers.append(self._start(number))

    def _packed(self, dataset: KeyedDataset) -> KeyedDataset | Parcel:
        """The dataset as it goes to workers: forked ones have it already."""
        number = self._arena.extend()
        if self._context.get_start_method() == "fork":
            return dataset
        try:
            return Parcel(dataset, self._arena.extent(number))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise RecipeError(
                f"{_unpicklable(dataset)} cannot be sent to a worker: {error}; define what it is "
                "made of at the top of a module, or set num_workers=0, or "
                "multiprocessing_context='fork'"
            ) from error

    def _start(self, number: int) -> Worker:
        post = Post(
            number, len(self._board), self._arena, self._dataset, NamelessFile(), self._init
        )
        self._board.begin(number)
        return Worker(post, self._context, [worker.pipe for worker in self._workers])

    def ask(self, keys: Sequence[Key]) -> int:
        """Let the worker that has least to do make a batch; a ticket for it."""
        ticket, slot = next(self._tickets), self._slots.take()
        self._asked[ticket] = keys, slot
        self._give(min(self._workers, key=lambda worker: len(worker.tasks)), ticket)
        return ticket

    def _give(self, worker: Worker, ticket: int) -> None:
        keys, slot = self._asked[ticket]
        stored = Writer(self._slots.extent(slot)).store(Request(keys, self._condemned))
        worker.tasks.append(ticket)
        try:
            worker.pipe.send(Task(ticket, slot, stored))
        except (BrokenPipeError, ConnectionError):
            return  # that it is gone will be noticed where its answer is waited for

    def result(self, ticket: int) -> Fetched:
        """What came of it; waits.

        Raises:
            WorkerError: workers die before they do anything.
            Exception: what the dataset or a callable raised in the worker.
        """
        while ticket not in self._done:
            self._wait(_TICK_SECONDS if self._deadline else None)
        _, slot = self._asked.pop(ticket)
        stored = self._done.pop(ticket).stored
        result: Fetched | BaseException = load(self._slots.lend(slot, stored.used), stored)
        if isinstance(result, BaseException):
            raise result
        return result

    def has(self, ticket: int) -> bool:
        """Whether anything has come of it; does not wait."""
        if ticket not in self._done:
            self._wait(0)
        return ticket in self._done

    def forget(self, tickets: Iterable[int]) -> None:
        """What came of these is not wanted any more."""
        for ticket in tickets:
            self._unwanted.add(ticket)
            if self._done.pop(ticket, None):
                self._drop(ticket)

    def _drop(self, ticket: int) -> None:
        """One that is not wanted, and that no worker has any more."""
        self._unwanted.remove(ticket)
        self._slots.give_back(self._asked.pop(ticket)[1])

    def _wait(self, seconds: float | None) -> None:
        """For any answer, or for a worker to be lost; so long at the most."""
        pipes = [worker.pipe for worker in self._workers]
        ready = connection.wait(pipes, seconds)
        for worker, pipe in zip(tuple(self._workers), pipes, strict=True):
            if pipe in ready:
                self._hear(worker)
        for worker in self._workers if self._deadline else ():
            if self._board.place(worker.number).seconds > self._deadline:
                worker.ask_for_stack()
                worker.kill()
                self._replace(worker, f"spent over {self._deadline:g} s", _PATIENCE)

    def _hear(self, worker: Worker) -> None:
        try:
            done: Done | Exception = worker.pipe.recv()
        except (EOFError, ConnectionError):
            ending = worker.ending()
            patience = _PATIENCE_IF_KILLED if ending.killed else _PATIENCE
            self._replace(worker, ending.how, patience)
            return
        if isinstance(done, Exception):
            self.close()
            raise done
        worker.tasks.remove(done.ticket)
        self._losses.pop(done.ticket, None)
        self._false_starts = 0
        if done.ticket in self._unwanted:
            self._drop(done.ticket)
        else:
            self._done[done.ticket] = done

    def _replace(self, worker: Worker, how: str, patience: int) -> None:
        """Start another worker, and let it do what the lost one had to do."""
        row = self._board.place(worker.number).row
        where = "" if row is None else f" at row {row}, {self._source.where(row)}"
        told = f"a worker {how}{where}{worker.stack}"
        if row is None or not worker.tasks:
            self._count_false_start(told)
        else:
            losses = self._losses[worker.tasks[0]]
            losses[row] += 1
            if losses[row] >= patience:
                self._condemned[row] = f"{patience} workers were lost at it; the last {how}"
        warnings.warn(f"{told}\nAnother does its work again.", WorkerWarning, stacklevel=2)
        worker.pipe.close()
        other = self._workers[worker.number] = self._start(worker.number)
        for ticket in worker.tasks:
            if ticket in self._unwanted:
                self._drop(ticket)
            else:
                self._give(other, ticket)

    def _count_false_start(self, told: str) -> None:
        self._false_starts += 1
        if self._false_starts >= _FALSE_STARTS:
            self.close()
            raise WorkerError(f"{_FALSE_STARTS} workers were lost, at no row; the last: {told}")

    def close(self) -> None:
        """End the workers: those at work before their next row, and any that does not, at once."""
        if self.closed or os.getpid() != self._parent:
            return
        self.closed = True
        for worker in self._workers:
            self._board.stop(worker.number)
            try:
                worker.pipe.send(None)
            except (OSError, ValueError):
                continue  # it is gone already
        end = time.monotonic() + LAST_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            worker.kill()
            worker.pipe.close()
            worker.process.close()


class Run:
    """Batches in their order, so many asked for ahead.

    Args:
        pool: who makes them.
        batches: the keys of each.
        ahead: how many are asked for before they are wanted.
        last: whether the pool is closed with the run.
    """

    def __init__(
        self, pool: Pool, batches: Iterator[Sequence[Key]], ahead: int, *, last: bool = False
    ) -> None:
        self._pool, self._batches, self._last = pool, batches, last
        self._tickets: deque[int] = deque()
        for _ in range(ahead):
            self._ask()

    def _ask(self) -> None:
        keys = next(self._batches, None)
        if keys is not None:
            self._tickets.append(self._pool.ask(keys))

    @property
    def ready(self) -> bool:
        """Whether the next one is there."""
        return bool(self._tickets) and self._pool.has(self._tickets[0])

    def __next__(self) -> Fetched:
        if not self._tickets:
            self.close()
            raise StopIteration
        fetched = self._pool.result(self._tickets[0])
        self._tickets.popleft()
        self._ask()
        return fetched

    def close(self) -> None:
        """Whatever is still on its way is not wanted."""
        if self._last:
            self._pool.close()
        else:
            self._pool.forget(self._tickets)
        self._tickets.clear()


def _unpicklable(dataset: KeyedDataset) -> str:
    """Which of its parts it is that cannot be pickled."""
    parts = [(op.title(), op) for op in dataset.pipeline.ops]
    for name, part in [*parts, (type(dataset.source).__name__, dataset.source)]:
        try:
            pickle.dumps(part)
        except (pickle.PicklingError, AttributeError, TypeError):
            return name
    return type(dataset).__name__
