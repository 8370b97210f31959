"""One stream: for any workers, batch size, start method, prefetching, ranks and interruptions."""

from __future__ import annotations

import itertools
import multiprocessing
from functools import partial
from pathlib import Path

import pytest

from augpipe import Loader, Pipeline, build_loader
from augpipe.testing import assert_resumes_everywhere, samples_of

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

SHAPES = Path(__file__).parents[2] / "samples" / "shapes"
EPOCHS = 2

WORKERS = (1, 2, 3)
BATCHES = (1, 3, 8, 32)
METHODS = ("fork", "forkserver", "spawn")
PERSISTENT = (True, False)
PREFETCH = (1, 4)
RANKS = (1, 2, 3, 4)

# Every value of each with every value of every other, except that spawning is rare: it is slow.
REDUCED = [
    (1, 1, "fork", True, 1, 1),
    (2, 3, "fork", False, 4, 2),
    (3, 8, "fork", True, 4, 3),
    (1, 32, "fork", False, 1, 4),
    (2, 8, "forkserver", False, 1, 1),
    (3, 1, "forkserver", True, 4, 2),
    (1, 3, "forkserver", True, 1, 3),
    (2, 32, "forkserver", True, 4, 4),
    (3, 3, "fork", False, 1, 1),
    (2, 1, "fork", False, 4, 4),
    (1, 8, "fork", True, 4, 2),
    (3, 32, "fork", False, 1, 3),
    (2, 8, "spawn", False, 4, 1),
]


def make_pipeline() -> Pipeline:
    return Pipeline(
        [
            {"random_resized_crop": {"size": 24}},
            "horizontal_flip",
            {"affine": {"degrees": 15}},
            {"color_jitter": {"contrast": 0.4, "hue": 0.1}},
            {"gaussian_blur": {"p": 0.5}},
            {"gaussian_noise": {"p": 0.5}},
            {"mixup": {"p": 0.5}},
        ],
        batch=["random_erasing", "normalize"],
    )


def make_loader(num_workers: int = 0, batch_size: int = 8, **options) -> Loader:
    return build_loader(
        SHAPES, make_pipeline(), num_workers=num_workers, batch_size=batch_size, seed=7, **options
    )


@pytest.fixture(scope="module")
def reference() -> list[list[str]]:
    """Each epoch, one sample at a time, in this process."""
    loader = make_loader(batch_size=1)
    return [samples_of(loader) for _ in range(EPOCHS)]


def merged(world_size: int, **options) -> list[list[str]]:
    """Each epoch of all ranks, in the global order."""
    ranks = [make_loader(rank=rank, world_size=world_size, **options) for rank in range(world_size)]
    epochs = [[samples_of(rank) for rank in ranks] for _ in range(EPOCHS)]
    return [[*itertools.chain(*zip(*epoch, strict=True))] for epoch in epochs]


def assert_is(streams: list[list[str]], reference: list[list[str]]) -> None:
    """Equal, but for the few at the end that make the ranks' shares equal."""
    for ours, theirs in zip(streams, reference, strict=True):
        assert ours[: len(theirs)] == theirs
        assert len(ours) - len(theirs) < max(RANKS)


@pytest.mark.parametrize("world_size", RANKS)
@pytest.mark.parametrize("batch_size", BATCHES)
def test_without_workers(reference, batch_size, world_size):
    assert_is(merged(world_size, batch_size=batch_size), reference)


def assert_same_stream(
    reference, num_workers, batch_size, method, persistent, prefetch, world_size
) -> None:
    context = multiprocessing.get_context(method)
    streams = merged(
        world_size,
        num_workers=num_workers,
        batch_size=batch_size,
        multiprocessing_context=context,
        persistent_workers=persistent,
        prefetch_factor=prefetch,
    )
    assert_is(streams, reference)


@pytest.mark.parametrize("combination", REDUCED, ids=lambda values: "-".join(map(str, values)))
def test_with_workers(reference, combination):
    assert_same_stream(reference, *combination)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("num_workers", WORKERS)
@pytest.mark.parametrize("method", METHODS)
def test_with_workers_in_all_combinations(reference, method, num_workers):
    for batch, *rest in itertools.product(BATCHES, PERSISTENT, PREFETCH, RANKS):
        assert_same_stream(reference, num_workers, batch, method, *rest)


@pytest.mark.parametrize(("workers", "batch"), [(0, 1), (0, 5), (2, 8), (3, 32)])
def test_it_resumes_anywhere_with_other_workers_and_batches(workers, batch):
    assert_resumes_everywhere(
        partial(make_loader, 0, 8), EPOCHS, make_other=partial(make_loader, workers, batch)
    )


def test_it_resumes_in_fresh_processes():
    make = partial(make_loader, 2, 32)
    assert_resumes_everywhere(make, 1, fresh_processes=True)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_it_resumes_in_fresh_processes_anywhere():
    assert_resumes_everywhere(
        partial(make_loader, 2, 3),
        EPOCHS,
        make_other=partial(make_loader, 3, 5),
        fresh_processes=True,
    )
