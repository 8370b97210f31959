"""From what probes saw to verdicts: what is wrong, how one sees it, what to do.

Pictures of one row tell draws apart. Two workers that draw the same make the same pictures in the
same order; so do two epochs. With few draws to choose from, such as a flip alone, that may be
chance: `collision` is how likely two draws are to look alike, where no worker can repeat another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, zip_longest
from typing import Literal

from augpipe.doctor.remedies import (
    DRAWS,
    EPOCH,
    MEMORY,
    OBJECTS,
    RUNS,
    START,
    STREAM,
    THREADS,
    WORKERS,
    reseed,
)
from augpipe.doctor.seen import Held, Seen, Use

State = Literal["ok", "found", "unknown"]

# What is less likely than this is no chance.
_CHANCE = 1e-6

# A start is slow if it takes so long, and so many times as long as a batch.
_SLOW_S, _SLOW_BATCHES = 5.0, 10.0

# In the first looks at its memory a loader fills buffers and caches.
_SETTLING = 2
_GROWTH = 3e6


@dataclass(frozen=True)
class Verdict:
    """What is known about one kind of fault.

    Attributes:
        check: which kind.
        state: "ok", "found", or "unknown" where it could not be told.
        evidence: what was seen.
        remedy: what to do, in one line; empty unless it was found.
    """

    check: str
    state: State
    evidence: str
    remedy: str = ""


# A check returns what it saw, and what is to be done if that is a fault.
Finding = tuple[State, str] | tuple[State, str, str]


def judge(seen: Sequence[Seen], again: Seen | None = None) -> list[Verdict]:
    """One verdict for each of `CHECKS`.

    Args:
        seen: a probe of no workers, and of each number of workers.
        again: another probe of no workers; None if there is none.
    """
    if seen[0].error:
        rest = [Verdict(name, *_UNKNOWN) for name in CHECKS if name != "runs"]
        return [Verdict("runs", *_runs(seen, again)), *rest]
    return [Verdict(name, *check(seen, again)) for name, check in CHECKS.items()]


def _runs(seen: Sequence[Seen], again: Seen | None) -> Finding:
    failed = [one for one in seen if one.error]
    if failed:
        return "found", f"with {_workers(failed[0].workers)}: {failed[0].error}", RUNS
    return "ok", f"with {', '.join(_workers(one.workers) for one in seen)}"


def _duplicates(seen: Sequence[Seen], again: Seen | None) -> Finding:
    alone, *others = _without_errors(seen)
    if not others:
        return _UNKNOWN
    if alone.repeated is None:
        return _whole_streams(alone, others)
    if _is_constant(alone):
        return (
            "ok",
            "within an epoch one row always looks the same: no worker draws by itself",
        )
    for one in others:
        for (a, first), (b, second) in combinations(enumerate(_by_worker(one)), 2):
            if _are_copies(first, second, alone):
                return "found", _copies(alone, one, a, b), reseed(_held(one))
    return "ok", f"one row, asked for {len(alone.repeated[0])} times: no worker repeats another"


def _copies(alone: Seen, one: Seen, a: int, b: int) -> str:
    mine, theirs = (len(set((seen.repeated or [[]])[0])) for seen in (one, alone))
    times = len((one.repeated or [[]])[0])
    return (
        f"one row, asked for {times} times, looks {mine} different ways with "
        f"{_workers(one.workers)} and {theirs} with none: worker {b} draws what worker {a} draws"
    )


def _whole_streams(alone: Seen, others: Sequence[Seen]) -> Finding:
    """Of a loader without rows one can tell at least whether its workers share the work."""
    if _copied(alone.ordered[0]) == 0:
        for one in others:
            if copies := _copied(one.ordered[0]):
                total = len(one.ordered[0])
                found = f"with {_workers(one.workers)} {copies} of {total} samples are shown again"
                return "found", found, STREAM
    return "unknown", "the loader cannot be asked for one row again and again"


def _copied(stream: Sequence[str]) -> int:
    return len(stream) - len(set(stream))


def _epochs(seen: Sequence[Seen], again: Seen | None) -> Finding:
    alone, *others = ran = _without_errors(seen)
    if alone.repeated is None:
        stale = [one for one in others if len({*map(tuple, one.ordered)}) == 1]
        if len({*map(tuple, alone.ordered)}) == 1:
            return "unknown", "all epochs are alike, also without workers: nothing may be drawn"
    else:
        stale = [one for one in ran if _repeats_itself(one, alone)]
    if stale:
        names = ", ".join(_workers(one.workers) for one in stale)
        found = f"epoch 1 shows the very pictures of epoch 0, with {names}"
        return "found", found, _for_stale(alone, stale[0])
    if _is_constant(alone) and len({*map(tuple, alone.repeated or [])}) == 1:
        return "ok", _CONSTANT
    return "ok", "no epoch repeats the one before"


def _for_stale(alone: Seen, one: Seen) -> str:
    if one.workers == 0:
        return DRAWS
    return EPOCH if _is_constant(alone) else reseed(_held(one))


def _changes(seen: Sequence[Seen], again: Seen | None) -> Finding:
    alone, *others = _without_errors(seen)
    if again and again.ordered != alone.ordered:
        found = "two runs differ, with equal seeds for Python, NumPy and torch and without workers"
        return "found", found, WORKERS
    if not others:
        return _UNKNOWN
    if not alone.rows:
        return "unknown", "the loader has no rows that could be compared"
    mine = _all_epochs(alone)
    for one in others:
        theirs = _all_epochs(one)
        if mine != theirs:
            changed = sum(a != b for a, b in zip_longest(mine, theirs))
            found = f"{changed} of {len(mine)} samples change with {_workers(one.workers)}"
            return "found", found, WORKERS
    return "ok", f"the same {len(mine)} samples, whatever the number of workers"


def _all_epochs(one: Seen) -> list[str]:
    return [picture for epoch in one.ordered for picture in epoch]


def _memory(seen: Sequence[Seen], again: Seen | None) -> Finding:
    for one in _held(seen[-1]):
        if one.kind == "objects":
            found = f"{one.path} holds {one.count:,} Python objects, which every worker copies"
            return "found", f"{found} as it reads them", OBJECTS
    use = seen[-1].use
    if use is None or len(use.memory) < _SETTLING + 2:
        return _UNKNOWN
    looks = use.memory[_SETTLING:]
    growth, steps = looks[-1] - looks[0], len(looks) - 1
    rising = sum(b > a for a, b in pairwise(looks))
    made = f"over {steps * use.samples} samples"
    if growth > _GROWTH and rising >= steps - 1:
        each = growth / steps / use.samples
        return "found", f"{growth / 1e6:+.0f} MB {made}, {each / 1e3:.0f} kB each", MEMORY
    return "ok", f"{use.memory[-1] / 1e6:.0f} MB in all processes, {growth / 1e6:+.1f} MB {made}"


def _threads(seen: Sequence[Seen], again: Seen | None) -> Finding:
    use = seen[-1].use
    if use is None or not any(use.threads):
        return "unknown", "workers had too little to do for their threads to be seen"
    total = sum(use.threads)
    found = f"{total} threads at work in {_workers(len(use.threads))}, on {use.cores} processors"
    if max(use.threads) > 1 and total > use.cores:
        return "found", found, THREADS
    return "ok", found


def _start(seen: Sequence[Seen], again: Seen | None) -> Finding:
    use: Use | None = seen[-1].use
    if use is None:
        return _UNKNOWN
    found = f"the first batch after {use.first_s:.2f} s, then one every {use.batch_s:.3f} s"
    if use.first_s > _SLOW_S and use.first_s > _SLOW_BATCHES * use.batch_s:
        return "found", found, START
    return "ok", found


CHECKS: dict[str, Callable[[Sequence[Seen], Seen | None], Finding]] = {
    "runs": _runs,
    "duplicates": _duplicates,
    "epochs": _epochs,
    "workers": _changes,
    "memory": _memory,
    "threads": _threads,
    "start": _start,
}

_UNKNOWN: Finding = ("unknown", "the loader did not get that far")
_CONSTANT = "one row always looks the same: nothing is drawn, or only by row"


def collision(alone: Seen) -> float:
    """How likely two draws are to give the same picture; at least one in as many as were seen."""
    pictures = [picture for epoch in alone.repeated or [] for picture in epoch]
    counts, total = Counter(pictures).values(), len(pictures)
    alike = sum(count * (count - 1) for count in counts) / max(1, total * (total - 1))
    return max(alike, 1 / max(1, total))


def _are_copies(first: Sequence[str], second: Sequence[str], alone: Seen) -> bool:
    """Whether two sequences of draws are equal, and not by chance."""
    length = min(len(first), len(second))
    if list(first[:length]) != list(second[:length]):
        return False
    return collision(alone) ** length < _CHANCE


def _repeats_itself(one: Seen, alone: Seen) -> bool:
    first, second, *_ = one.repeated or [[], []]
    return _are_copies(first, second, alone)


def _by_worker(one: Seen) -> Iterator[list[str]]:
    """What each worker made in the first epoch: they make batches in turns."""
    pictures = (one.repeated or [[]])[0]
    for worker in range(one.workers):
        yield [
            picture
            for number, picture in enumerate(pictures)
            if number // one.batch % one.workers == worker
        ]


def _is_constant(alone: Seen) -> bool:
    return any(len(set(epoch)) == 1 for epoch in alone.repeated or [])


def _without_errors(seen: Sequence[Seen]) -> list[Seen]:
    return [one for one in seen if not one.error]


def _held(one: Seen) -> list[Held]:
    return one.held or []


def _workers(count: int) -> str:
    return {0: "no workers", 1: "1 worker"}.get(count, f"{count} workers")
