"""One batch ahead: in order, no further than one, errors in their turn, and the state unmoved."""

from __future__ import annotations

import json
import multiprocessing
from functools import partial

import numpy as np
import pytest
import torch

from augpipe import build_loader
from augpipe.errors import DataError, PlanError
from augpipe.loader.batch import Batch
from augpipe.loader.feed import Made
from augpipe.loader.fetch import Fetched
from augpipe.loader.side import Ahead, CudaSide
from augpipe.testing import assert_resumes_everywhere
from loader_stream import stream


class NotedSide:
    """Begins at once, as a stream does for all that its caller can see, and takes notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def follow(self) -> None:
        self.notes.append("follow")

    def begin(self, work):
        batch = work()
        self.notes.append(f"begin {name_of(batch)}")
        return partial(self.take, batch)

    def take(self, batch):
        self.notes.append(f"take {name_of(batch)}")
        return batch


class EagerFeed:
    """A feed whose next batch is always there."""

    def __init__(self, feed) -> None:
        self.run = lambda batches: Made(iter(feed.run(batches).__next__, None), ready=True)
        self.close = feed.close


def name_of(batch):
    return ",".join(map(str, batch.index.tolist()))


def batch_of(row):
    return Batch(torch.zeros(1, 3, 2, 2), torch.tensor([row]), torch.tensor([0]), epoch=0)


def flow_of(*rows, ready=True):
    return Made((Fetched(batch_of(row)) for row in rows), ready=ready)


def taken(ahead):
    return [name_of(begun.take()) for begun in ahead]


def ahead_on_the_cpu(data, pipeline, **options):
    """A loader that works one batch ahead without a GPU."""
    loader = build_loader(data, pipeline, batch_size=9, num_workers=0, **options)
    loader._side, loader._feed = NotedSide(), EagerFeed(loader._feed)
    return loader


def test_the_next_batch_begins_before_one_is_taken():
    side = NotedSide()
    assert taken(Ahead(flow_of(0, 1, 2), 3, lambda batch: batch, side)) == ["0", "1", "2"]
    assert side.notes == [
        *("follow", "begin 0", "begin 1", "take 0"),
        *("begin 2", "take 1", "take 2"),
    ]


def test_what_is_not_there_yet_is_not_waited_for():
    side = NotedSide()
    assert taken(Ahead(flow_of(0, 1, ready=False), 2, lambda batch: batch, side)) == ["0", "1"]
    assert side.notes == ["follow", "begin 0", "take 0", "begin 1", "take 1"]


def test_without_a_side_nothing_is_done_before_it_is_taken():
    done = []
    ahead = Ahead(flow_of(0, 1), 2, lambda batch: done.append(name_of(batch)) or batch, None)
    first = next(ahead)
    assert done == []
    first.take()
    assert done == ["0"]


def test_no_more_is_asked_of_a_flow_than_belongs_to_the_epoch():
    flow = flow_of(0, 1, 2)
    assert taken(Ahead(flow, 2, lambda batch: batch, NotedSide())) == ["0", "1"]
    assert name_of(next(flow).batch) == "2"


def test_batches_without_rows_and_with_errors_have_nothing_to_take():
    error = DataError("bad")
    flow = Made(iter([Fetched(), Fetched(error=error)]), ready=True)
    assert [tuple(begun) for begun in Ahead(flow, 2, lambda batch: batch, NotedSide())] == [
        (Fetched(), None),
        (Fetched(error=error), None),
    ]


def fail_at(row, batch):
    if name_of(batch) == row:
        raise PlanError(f"cannot do {row}")
    return batch


def test_a_failure_comes_when_its_batch_is_asked_for():
    ahead = Ahead(flow_of(0, 1, 2), 3, partial(fail_at, "1"), NotedSide())
    assert name_of(next(ahead).take()) == "0"
    with pytest.raises(PlanError, match="cannot do 1"):
        next(ahead)


class Broken:
    """A flow that ends with an error, and does not know what comes next."""

    def __next__(self):
        raise DataError("broken")

    @property
    def ready(self):
        raise OSError("handle is closed")


def test_a_flow_that_has_failed_is_not_asked_for_more():
    with pytest.raises(DataError, match="broken"):
        next(Ahead(Broken(), 2, lambda batch: batch, NotedSide()))


def test_a_loader_that_works_ahead_yields_the_same(shapes, pipeline):
    plain = build_loader(shapes, pipeline, batch_size=9, num_workers=0)
    loader = ahead_on_the_cpu(shapes, pipeline)
    assert [stream(loader), stream(loader)] == [stream(plain), stream(plain)]
    begun, taken = (
        [note.split()[1] for note in loader._side.notes if note.startswith(what)]
        for what in ("begin", "take")
    )
    assert begun == taken  # in one order, nothing twice, nothing for nobody


def test_the_state_counts_what_was_handed_over(shapes, pipeline):
    plain = build_loader(shapes, pipeline, batch_size=9, num_workers=0)
    loader = ahead_on_the_cpu(shapes, pipeline)
    for _ in zip(loader, plain, strict=True):
        assert loader.state_dict() == plain.state_dict()
    assert loader.state_dict() == plain.state_dict()


def test_it_resumes_after_every_batch(shapes, pipeline):
    assert_resumes_everywhere(lambda: ahead_on_the_cpu(shapes, pipeline), epochs=2)


def test_a_break_leaves_nothing_behind(shapes, pipeline):
    loader = ahead_on_the_cpu(shapes, pipeline)
    for _ in loader:
        break
    assert {batch.epoch for batch in loader} == {1}
    loader.set_epoch(5)
    assert {batch.epoch for batch in loader} == {5}


def test_two_iterators_at_once_do_not_meet(shapes, pipeline):
    one, two = ahead_on_the_cpu(shapes, pipeline), ahead_on_the_cpu(shapes, pipeline, epoch=1)
    pairs = list(zip(one, two, strict=True))
    plain = build_loader(shapes, pipeline, batch_size=9, num_workers=0)
    assert [stream(batch for batch, _ in pairs), stream(batch for _, batch in pairs)] == [
        stream(plain),
        stream(plain),
    ]


def test_bad_rows_are_noted_when_their_batch_is_handed_over():
    pictures = [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8), None]
    options = {"batch_size": 1, "num_workers": 0, "shuffle": False, "on_error": "skip"}
    loader = build_loader(pictures, None, **options)
    loader._side, loader._feed = NotedSide(), EagerFeed(loader._feed)
    noted = [len(loader.errors) for _ in loader]
    assert noted == [0, 0]
    assert [bad.row for bad in loader.errors] == [2]


class Gated:
    """Pictures of which the second can be read when a gate opens."""

    def __init__(self, gate) -> None:
        self.gate = gate

    def __len__(self) -> int:
        return 2

    def __getitem__(self, row):
        if row:
            self.gate.wait()
        return np.full((4, 4, 3), row, np.uint8)


def test_workers_are_not_waited_for_either():
    context = multiprocessing.get_context("fork")
    gate = context.Event()
    loader = build_loader(
        Gated(gate), batch_size=1, shuffle=False, num_workers=1, multiprocessing_context=context
    )
    loader._side = NotedSide()
    batches = iter(loader)
    next(batches)  # would hang here
    assert loader._side.notes == ["follow", "begin 0", "take 0"]
    gate.set()
    assert name_of(next(batches)) == "1"


def test_on_a_cpu_there_is_no_stream_and_no_batch_ahead(shapes, pipeline):
    loader = build_loader(shapes, pipeline, batch_size=9, num_workers=0, device="cpu")
    assert loader._side is None
    assert len(stream(loader)) == 32


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_gpu_gets_the_same_stream(shapes, num_workers):
    pipeline = [{"resize": [32, 32]}, "horizontal_flip"]
    plain = build_loader(shapes, pipeline, batch_size=9, num_workers=0)
    loader = build_loader(shapes, pipeline, batch_size=9, num_workers=num_workers, device="cuda")
    assert isinstance(loader._side, CudaSide)
    for _ in range(2):
        kept = [batch.to("cpu") for batch in loader]
        assert stream(kept) == stream(plain)


@pytest.mark.gpu
@needs_gpu
def test_memory_is_not_used_again_while_a_batch_is_in_use(shapes, pipeline):
    loader = build_loader(shapes, pipeline, batch_size=2, num_workers=0, device="cuda")
    sums, slow = [], torch.ones(4096, 4096, device="cuda")
    for batch in loader:
        for _ in range(20):  # work that the batch has to wait for
            slow = (slow @ slow).clamp(0, 1)
        sums.append(batch.images.double().sum() + 0 * slow[0, 0])
        del batch
    again = build_loader(shapes, pipeline, batch_size=2, num_workers=0, device="cuda")
    assert [float(s) for s in sums] == [float(batch.images.double().sum()) for batch in again]


@pytest.mark.gpu
@needs_gpu
def test_the_processor_never_waits_for_the_gpu(shapes, pipeline):
    loader = build_loader(shapes, pipeline, batch_size=9, num_workers=2, device="cuda")
    list(loader)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert len(list(loader)) == len(loader)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert json.dumps(loader.state_dict())
