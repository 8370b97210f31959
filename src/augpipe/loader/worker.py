"""What a worker process is: it waits for keys, and leaves a batch in shared memory."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection, parent_process
from typing import Any, NamedTuple

import cv2
import torch
from torch.utils.data._utils import worker as torch_worker

from augpipe.errors import WorkerError
from augpipe.loader.arena import Arena, Extent
from augpipe.loader.board import Board
from augpipe.loader.fetch import Fetched, fetch
from augpipe.loader.heap import settle_heap
from augpipe.loader.keyed import KeyedDataset
from augpipe.loader.order import Key
from augpipe.loader.packing import Parcel, Stored, Writer, load
from augpipe.nameless import NamelessFile

# How often a worker looks whether its parent is still there.
_CHECK_SECONDS = 2.0


class Task(NamedTuple):
    """A small message, so that it never waits for room in a pipe: all else is in the slot."""

    ticket: int
    slot: int
    stored: Stored


class Done(NamedTuple):
    """The answer. Its slot holds a `Fetched`, or an exception that nobody expected."""

    ticket: int
    stored: Stored


class Request(NamedTuple):
    """What is in a task's slot: which batch to make, and which rows not to touch, and why."""

    keys: Sequence[Key]
    condemned: Mapping[int, str]


@dataclass(frozen=True)
class Post:
    """All that a worker is given when it starts.

    Attributes:
        number: 0 to workers - 1.
        workers: how many there are.
        arena: the shared memory; the board is extent 0, what `dataset` unpacks to extent 1.
        dataset: the dataset itself where the process is forked.
        stacks: where it writes its stack when asked, or when it crashes.
        init: the user's own, called with the number.
    """

    number: int
    workers: int
    arena: Arena
    dataset: KeyedDataset | Parcel
    stacks: NamelessFile
    init: Callable[[int], None] | None


def make(
    dataset: KeyedDataset, extent: Extent, request: Request, at: Callable[..., None]
) -> Stored:
    """One batch, made in an extent."""
    writer = Writer(extent)
    result: Fetched | BaseException
    try:
        result = fetch(
            dataset, request.keys, condemned=request.condemned, empty=writer.empty, at=at
        )
        at(None)
    except Exception as error:  # somebody's dataset or callable: it is raised where the loop is
        result = error
        error.add_note(f"The worker's own traceback:\n{traceback.format_exc()}")
    try:
        return writer.store(result)
    except Exception as error:  # an exception that cannot be pickled
        return writer.store(WorkerError(f"{error}\n{traceback.format_exc()}"))


def run(post: Post, pipe: connection.Connection, others: Sequence[connection.Connection]) -> None:
    """The life of a worker.

    Args:
        post: what it is given.
        pipe: tasks come, answers go.
        others: the parent's ends of pipes, which a forked process has inherited; open here, they
            would hide the parent's end from whoever waits for it.
    """
    for other in others:
        other.close()
    try:
        dataset = _settle_in(post)
    except Exception as error:
        error.add_note(f"It was raised when worker {post.number} started.")
        pipe.send(error)
        return
    try:
        _serve(dataset, post, pipe)
    except (EOFError, ConnectionError):
        return  # the parent has gone


def _serve(dataset: KeyedDataset, post: Post, pipe: connection.Connection) -> None:
    board, extents = Board(post.arena.extent(0), post.workers), dict[int, Extent]()
    at = partial(board.at, post.number)
    while (task := pipe.recv()) is not None:
        extent = extents.setdefault(task.slot, post.arena.extent(task.slot))
        request = load(extent.reach(task.stored.used), task.stored)
        at(None)
        stored = make(dataset, extent, request, at)
        board.idle(post.number)
        pipe.send(Done(task.ticket, stored))


def _settle_in(post: Post) -> KeyedDataset:
    """The workers are the parallelism: one thread each. Signals are the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.enable(post.stacks.fd, all_threads=False)
    if sys.platform != "win32":
        faulthandler.register(signal.SIGUSR1, post.stacks.fd, all_threads=False)
    threading.Thread(target=_outlive_no_parent, args=[os.getppid()], daemon=True).start()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    dataset = post.dataset
    if isinstance(dataset, Parcel):
        dataset = dataset.open(post.arena.extent(1))
    settle_heap()
    torch_worker._worker_info = torch_worker.WorkerInfo(  # torch has no public name for it
        id=post.number, num_workers=post.workers, seed=0, dataset=dataset
    )
    if post.init is not None:
        post.init(post.number)
    return dataset


def _outlive_no_parent(parent: int) -> None:
    """End the process once its parent has gone, whatever it is doing."""
    known = parent_process()
    gone: list[Any] = [known.sentinel] if known else []
    while os.getppid() == parent and not connection.wait(gone, _CHECK_SECONDS):
        pass
    os._exit(1)
