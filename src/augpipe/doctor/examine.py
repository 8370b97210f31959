"""Probe after probe, each in a fresh process with a time limit, and what they mean together."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from augpipe.doctor.judge import CHECKS, Verdict, judge
from augpipe.doctor.seen import Request, Seen
from augpipe.doctor.target import split_target
from augpipe.errors import RecipeError, suggest

WORKERS = (1, 2)
SAMPLES = 48
EPOCHS = 2
SECONDS = 120.0


@dataclass(frozen=True)
class Report:
    """What is known about a loader.

    Attributes:
        target: `module:function`.
        workers: the numbers of workers it was run with.
        verdicts: one for each check.
    """

    target: str
    workers: tuple[int, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not any(verdict.state == "found" for verdict in self.verdicts)


def examine(
    target: str,
    *,
    workers: Sequence[int] = WORKERS,
    samples: int = SAMPLES,
    seconds: float = SECONDS,
    skip: Iterable[str] = (),
    on_probe: Callable[[int, int], None] = lambda done, probes: None,
) -> Report:
    """Find out what is wrong with the loader that a function makes.

    The function is called as `function(num_workers=n)`, and returns a torch `DataLoader` or
    anything else that a `for` goes through, or a Lightning data module.

    Args:
        target: `module:function`; the module is imported from the working directory.
        workers: numbers of workers to try, besides none.
        samples: how many samples of an epoch to compare.
        seconds: how long a probe may take before its loader is said to hang.
        skip: names of checks that do not matter to you.
        on_probe: told how many probes of how many are done.

    Raises:
        RecipeError: there is no such function, or it makes no loader; or an argument is wrong.
    """
    split_target(target)
    skipped = list(skip)
    for check in skipped:
        if check not in CHECKS:
            raise RecipeError(f"no check {check!r} to skip; {suggest(check, CHECKS)}")
    requests = _requests(target, workers, samples)
    seen: list[Seen] = []
    for number, request in enumerate(requests):
        on_probe(number, len(requests))
        seen.append(_probe(request, seconds))
        if seen[0].error:
            break
    again = seen.pop() if len(seen) == len(requests) else None
    verdicts = judge(seen, again)
    return Report(
        target,
        tuple(one.workers for one in seen),
        tuple(verdict for verdict in verdicts if verdict.check not in skipped),
    )


def _requests(target: str, workers: Sequence[int], samples: int) -> list[Request]:
    counts = [0, *sorted({count for count in workers if count})]
    if len(counts) < 2 or counts[1] < 0:
        raise RecipeError(f"workers {list(workers)}: expected numbers of 1 or more, such as 1 2")
    if samples < 1:
        raise RecipeError(f"samples {samples}: expected 1 or more")
    last = counts[-1]
    probes = [Request(target, n, samples, EPOCHS, again=False, use=n == last) for n in counts]
    return [*probes, Request(target, 0, samples, EPOCHS, again=True, use=False)]


def _probe(request: Request, seconds: float) -> Seen:
    with tempfile.TemporaryDirectory() as folder:
        answer, log = Path(folder) / "answer.json", Path(folder) / "log.txt"
        in_time = _run([json.dumps(asdict(request)), str(answer)], log, seconds)
        if answer.exists():
            return _read(json.loads(answer.read_text(encoding="utf-8")))
        said = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
    ended = "the process died" if in_time else f"no end after {seconds:g} s: it hangs, or is slow"
    return Seen(request.workers, [], error=f"{ended}; it last said: {said}" if said else ended)


def _read(answer: dict[str, Any]) -> Seen:
    if "refused" in answer:
        raise RecipeError(answer["refused"])
    return Seen.of(answer["seen"])


def _run(arguments: Sequence[str], log: Path, seconds: float) -> bool:
    """Run a probe in a session of its own, and end all of that; whether it came to an end."""
    command = [sys.executable, "-m", "augpipe.doctor.probe", *arguments]
    with log.open("w") as out:
        probe = subprocess.Popen(  # noqa: S603 (our own module)
            command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            probe.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing is left of it
                os.killpg(probe.pid, signal.SIGKILL)
            probe.wait()
    return True
