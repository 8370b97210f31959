from __future__ import annotations

import math
from dataclasses import replace

import pytest

from augpipe.bench import Timings, advice, advise

SECONDS = {"read": 0.1, "decode": 0.6, "augment": 0.2, "collate": 0.1, "batch": 0.1, "step": 0.15}
TIMINGS = Timings(SECONDS, 64, 10, 1e6, 1000, in_memory=False, has_files=True, cores=8, machine={})


@pytest.fixture(autouse=True)
def _room(monkeypatch):
    monkeypatch.setattr(advice, "free_memory", lambda: 4e9)


def test_as_many_workers_as_keep_the_model_busy():
    found = advise(TIMINGS)
    assert (found.bottleneck, found.workers, found.cache) == ("step", 4, None)
    assert found.rate == pytest.approx(4.0)


def test_too_few_processors():
    found = advise(replace(TIMINGS, cores=2))
    assert (found.bottleneck, found.workers, found.cache) == ("decode", 2, "ram")
    assert found.rate == pytest.approx(2.0)
    # Of a worker's second 0.3 are left, and the model takes 4 pictures a second.
    assert found.cached_rate == pytest.approx(4.0)


def test_no_room_in_memory():
    assert advise(replace(TIMINGS, cores=2, rows=3000)).cache == "disk"


def test_without_files_there_is_no_cache():
    assert advise(replace(TIMINGS, cores=2, has_files=False)).cache is None


def test_a_cache_for_ops_is_no_help():
    slow = SECONDS | {"decode": 0.1, "augment": 0.7}
    found = advise(replace(TIMINGS, cores=2, seconds=slow))
    assert (found.bottleneck, found.cache) == ("augment", None)


def test_in_memory_one_process_does_it_all():
    found = advise(replace(TIMINGS, in_memory=True, has_files=False))
    assert (found.workers, found.bottleneck) == (0, "decode")
    assert found.rate == pytest.approx(1 / 1.25)


def test_nobody_trains():
    seconds = {name: SECONDS[name] for name in ("read", "decode", "augment", "collate")}
    found = advise(replace(TIMINGS, seconds=seconds))
    assert found.workers == 8
    assert found.rate == pytest.approx(8.0)
    assert math.isclose(found.cached_rate, 8 / 0.3)
