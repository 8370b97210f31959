"""Workers killed at random, for minutes: the stream stays what it is."""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import pytest

from augpipe import Pipeline, build_loader
from augpipe.testing import samples_of

SECONDS = 180


def killing(loader, rng: random.Random, done: threading.Event, killed: list[int]) -> None:
    """Kill one of the loader's workers every now and then."""
    while not done.wait(rng.uniform(0.05, 0.4)):
        pool = loader._feed._pool
        workers = pool._workers if pool else []
        if not workers:
            continue
        pid = rng.choice(workers).process.pid
        try:
            os.kill(pid, rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV]))
        except ProcessLookupError:
            continue
        killed.append(pid)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.filterwarnings("ignore::augpipe.errors.WorkerWarning")
def test_workers_killed_at_random_change_nothing(shapes):
    pipeline = Pipeline(
        [{"random_resized_crop": {"size": 96}}, {"gaussian_blur": {}}, {"gaussian_noise": {}}]
    )
    loader = build_loader(shapes, pipeline, batch_size=3, num_workers=2)
    alone = build_loader(shapes, pipeline, batch_size=8, num_workers=0)
    done, killed = threading.Event(), []
    killer = threading.Thread(target=killing, args=[loader, random.Random(0), done, killed])
    killer.start()
    try:
        end, epochs = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            assert samples_of(loader) == samples_of(alone)
            epochs += 1
    finally:
        done.set()
        killer.join()
    assert epochs > 10
    assert len(killed) > 100
