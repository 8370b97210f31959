"""One worker, as its parent sees it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from multiprocessing import connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from augpipe.loader.worker import Post, run

# How long to wait for a process that is about to end, and for a stack to be written down.
LAST_SECONDS = 3.0
_STACK_SECONDS = 1.0


class Ending(NamedTuple):
    """How a process ended, in words, and whether it was killed from outside."""

    how: str
    killed: bool = False


class Worker:
    """A process, the parent's end of its pipe, and what it was asked for.

    Args:
        post: what it is given.
        context: how it is started.
        pipes: the parent's ends of the other workers' pipes.

    Attributes:
        number: which worker it is.
        tasks: the tickets of what it was asked for, oldest first.
    """

    def __init__(
        self, post: Post, context: BaseContext, pipes: Sequence[connection.Connection]
    ) -> None:
        self.number, self._stacks = post.number, post.stacks
        self.tasks: deque[int] = deque()
        self.pipe, theirs = context.Pipe()
        inherited = [self.pipe, *pipes] if context.get_start_method() == "fork" else []
        self.process: BaseProcess = context.Process(  # type: ignore[attr-defined]  # each has one
            target=run, args=(post, theirs, inherited), daemon=True
        )
        self.process.start()
        theirs.close()

    def ending(self) -> Ending:
        """How a process that has closed its pipe ended."""
        self.process.join(LAST_SECONDS)
        code = self.process.exitcode
        if code is None:
            self.kill()
            return Ending("closed its pipe")
        if code >= 0:
            return Ending(f"ended with exit code {code}")
        killed = code == -signal.SIGKILL
        perhaps = ", perhaps for want of memory" if killed else ""
        return Ending(f"was killed by {signal.Signals(-code).name}{perhaps}", killed)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.join()

    def ask_for_stack(self) -> None:
        """Let it write down what it is doing, and wait until it has, or cannot."""
        if sys.platform == "win32" or self.process.pid is None:
            return
        os.kill(self.process.pid, signal.SIGUSR1)
        end = time.monotonic() + _STACK_SECONDS
        while time.monotonic() < end and not os.fstat(self._stacks.fd).st_size:
            time.sleep(0.01)

    @property
    def stack(self) -> str:
        """What it has written down, as far as it is about the row."""
        size = os.fstat(self._stacks.fd).st_size
        text = os.pread(self._stacks.fd, size, 0).decode(errors="replace")
        lines = takewhile(lambda line: run.__code__.co_filename not in line, text.splitlines())
        return "".join(f"\n    {line}" for line in lines if line)
