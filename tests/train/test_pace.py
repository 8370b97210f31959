from types import SimpleNamespace

import pytest

from augpipe.train import pace


def test_time_until_batches_come_is_time_spent_waiting(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])

    def batches():
        for size in (30, 10):
            now[0] += 1.0
            yield SimpleNamespace(images=[None] * size)

    watched = pace.Pace()
    for _ in watched.watch(batches()):
        now[0] += 3.0
    assert (watched.images, watched.seconds, watched.waited) == (40, 8.0, 2.0)
    assert (watched.rate, watched.waiting) == (5.0, 0.25)
    assert str(watched) == "5 images/s, 25% waiting"


def test_before_anything_has_come_there_is_no_rate():
    assert (pace.Pace().rate, pace.Pace().waiting) == pytest.approx((0.0, 0.0))
