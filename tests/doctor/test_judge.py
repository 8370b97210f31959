from __future__ import annotations

from dataclasses import replace

import pytest

from augpipe.doctor.judge import CHECKS, collision, judge
from augpipe.doctor.seen import Held, Seen, Use

DRAWS = [[f"{epoch}/{number}" for number in range(48)] for epoch in range(2)]
ROWS = [[f"row {number}" for number in range(48)]] * 2
USE = Use(0.1, 0.01, 32, [100_000_000] * 8, [1, 1], 2)

ALONE = Seen(0, ROWS, DRAWS, batch=4)
PAIR = Seen(2, ROWS, DRAWS, batch=4, use=USE)


def states(seen, again=None):
    return {verdict.check: verdict.state for verdict in judge(seen, again)}


def verdict(check, *seen):
    return next(one for one in judge(seen, seen[0]) if one.check == check)


def copied(draws, workers, batch=4):
    """What workers would have shown that all drew the same."""
    firsts = iter(draws)
    shown: list[list[str]] = []
    for number in range(len(draws) // batch):
        own = [next(firsts) for _ in range(batch)] if number % workers == 0 else shown[-1]
        shown.append(own)
    return [picture for own in shown for picture in own]


def test_nothing_wrong():
    assert states([ALONE, PAIR], ALONE) == dict.fromkeys(CHECKS, "ok")


def test_workers_that_copy_each_other():
    pair = replace(PAIR, repeated=[copied(epoch, 2) for epoch in DRAWS])
    assert verdict("duplicates", ALONE, pair).state == "found"
    assert verdict("epochs", ALONE, pair).state == "ok"


def test_only_the_third_worker_copies_the_first():
    epoch = copied(DRAWS[0], 3)
    others = [
        f"other {number}" if number // 4 % 3 == 1 else own for number, own in enumerate(epoch)
    ]
    three = replace(PAIR, workers=3, repeated=[others, DRAWS[1]])
    assert "worker 2 draws what worker 0 draws" in verdict("duplicates", ALONE, three).evidence


def test_few_draws_to_choose_from_are_no_copies():
    seldom = [["plain"] * 47 + ["flipped"]] * 2
    assert states([replace(ALONE, repeated=seldom), replace(PAIR, repeated=seldom)])[
        "duplicates"
    ] == ("ok")


def test_collision_of_two_pictures():
    pictures = [["a", "b"] * 24, ["b", "a"] * 24]
    assert collision(replace(ALONE, repeated=pictures)) == pytest.approx(0.5, abs=0.01)
    assert collision(ALONE) == pytest.approx(1 / 96)


def test_an_epoch_that_repeats_without_workers_too():
    stale = [DRAWS[0], DRAWS[0]]
    one = verdict("epochs", replace(ALONE, repeated=stale), replace(PAIR, repeated=stale))
    assert one.state == "found"
    assert "seed once" in one.remedy


def test_runs_that_differ_by_themselves():
    again = replace(ALONE, ordered=[["other"] * 48] * 2)
    changes = next(one for one in judge([ALONE, PAIR], again) if one.check == "workers")
    assert changes.state == "found"
    assert "equal seeds" in changes.evidence


def test_only_the_second_epoch_changes():
    pair = replace(PAIR, ordered=[ROWS[0], ["other", *ROWS[1][1:]]])
    assert verdict("workers", ALONE, pair).evidence == "1 of 96 samples change with 2 workers"


@pytest.mark.parametrize(
    ("memory", "state"),
    [
        ([0, 50, 100, 101, 102, 103, 104, 105], "found"),
        ([0, 50, 100, 101, 100, 101, 100, 101], "ok"),  # up and down
        ([0, 50, 100, 100, 100, 100, 100, 105], "ok"),  # once
        ([0, 50, 100, 100, 100, 100, 100, 100], "ok"),  # caches fill, and that is it
        ([100, 100], "unknown"),
        ([], "unknown"),
    ],
)
def test_memory(memory, state):
    use = replace(USE, memory=[megabytes * 1_000_000 for megabytes in memory])
    assert verdict("memory", ALONE, replace(PAIR, use=use)).state == state


def test_many_objects():
    held = [Held("dataset.samples", "objects", 1_281_167)]
    one = verdict("memory", ALONE, replace(PAIR, held=held))
    assert one.state == "found"
    assert "dataset.samples holds 1,281,167 Python objects" in one.evidence


@pytest.mark.parametrize(
    ("threads", "state"), [([2, 2], "found"), ([1, 1, 1], "ok"), ([2], "ok"), ([0, 0], "unknown")]
)
def test_threads(threads, state):
    use = replace(USE, threads=threads)
    assert verdict("threads", ALONE, replace(PAIR, use=use)).state == state


@pytest.mark.parametrize(
    ("first_s", "batch_s", "state"), [(9.0, 0.1, "found"), (4.0, 0.1, "ok"), (9.0, 3.0, "ok")]
)
def test_start(first_s, batch_s, state):
    use = replace(USE, first_s=first_s, batch_s=batch_s)
    assert verdict("start", ALONE, replace(PAIR, use=use)).state == state


def test_a_loader_that_never_ran():
    verdicts = judge([Seen(0, [], error="it broke")])
    assert verdicts[0].evidence == "with no workers: it broke"
    assert [one.state for one in verdicts] == ["found", *["unknown"] * (len(CHECKS) - 1)]


def test_a_loader_that_runs_alone_only():
    got = states([ALONE, Seen(2, [], error="it broke")], ALONE)
    assert (got["runs"], got["duplicates"], got["epochs"]) == ("found", "unknown", "ok")


def test_every_fault_has_a_remedy():
    pair = replace(PAIR, repeated=[copied(DRAWS[0], 2)] * 2, ordered=DRAWS)
    use = replace(USE, first_s=9.0, threads=[4, 4], memory=[n * 10_000_000 for n in range(8)])
    verdicts = judge([ALONE, replace(pair, use=use)], ALONE)
    assert [one.state for one in verdicts] == ["ok", *["found"] * 6]
    assert all(bool(one.remedy) == (one.state == "found") for one in verdicts)
