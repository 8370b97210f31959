"""With a clock that only moves when we say so, every stage gets what was spent in it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from augpipe.bench import measure, stages
from augpipe.data.dataset import ImageDataset
from augpipe.data.sample import Decoded, Row, Targets
from augpipe.errors import DataError
from augpipe.loader.config import LoaderConfig
from augpipe.pipeline import Pipeline

READ, DECODE, AUGMENT, STEP = 1.0, 10.0, 100.0, 1000.0


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stages, "time", clock)
    return clock


class Slow(ImageDataset):
    """Opening a row takes a second, decoding it ten."""

    in_memory = True
    classes = ("only",)

    def __init__(self, clock, rows=10):
        self.clock, self.rows, self.opened = clock, rows, []

    def __len__(self):
        return self.rows

    def row(self, index):
        self.clock.now += READ
        self.opened.append(index)
        return Row(SimpleNamespace(size=(8, 8), decode=self.decode), Targets(label=0))

    def decode(self, scale=1, region=None):
        self.clock.now += DECODE
        return Decoded(np.zeros((8, 8, 3), np.uint8), np.eye(3))

    def where(self, index):
        return f"row {index}"

    @property
    def fingerprint(self):
        return "0" * 16


def slow_op(clock):
    def op(image):
        clock.now += AUGMENT
        return image

    return op


def taken(clock, **options):
    def step(batch):
        clock.now += STEP * len(batch)

    dataset = Slow(clock)
    pipeline = Pipeline([slow_op(clock)], batch=["horizontal_flip"])
    config = LoaderConfig(batch_size=4)
    return dataset, measure(dataset, pipeline, config, step=step, batches=3, **options)


def test_each_stage_gets_its_own_seconds(clock):
    _, timings = taken(clock)
    assert timings.seconds == {
        "read": READ,
        "decode": DECODE,
        "augment": AUGMENT,
        "collate": 0.0,
        "batch": 0.0,
        "step": STEP,
    }


def test_what_else_is_known(clock):
    _, timings = taken(clock)
    assert (timings.batch_size, timings.batches, timings.rows) == (4, 3, 10)
    assert timings.picture_bytes == 8 * 8 * 3
    assert timings.in_memory
    assert not timings.has_files
    assert "simplejpeg" in timings.machine["decoder"]


def test_rows_come_from_all_over_and_are_read_before(clock):
    dataset, _ = taken(clock)
    batches = 5  # two of them to warm up
    expected = [position * 10 // 20 for position in range(20)]
    assert dataset.opened[:20] == expected
    assert dataset.opened[20:24] == expected[0::batches]
    assert set(dataset.opened) == set(range(10))


def test_progress_is_told(clock):
    told = []
    taken(clock, on_batch=lambda done, total: told.append((done, total)))
    assert told == [(n, 5) for n in range(1, 6)]


def test_without_batch_ops_or_step_there_are_no_such_stages(clock):
    timings = measure(Slow(clock), Pipeline(), LoaderConfig(batch_size=2), batches=1)
    assert list(timings.seconds) == ["read", "decode", "augment", "collate"]


def test_nothing_to_measure(clock):
    with pytest.raises(DataError, match="no rows"):
        measure(Slow(clock, rows=0), Pipeline(), LoaderConfig(), batches=1)


def test_threads_are_as_they_were():
    import cv2
    import torch

    before = cv2.getNumThreads(), torch.get_num_threads()
    with stages.one_thread():
        assert (cv2.getNumThreads(), torch.get_num_threads()) == (1, 1)
    assert (cv2.getNumThreads(), torch.get_num_threads()) == before
