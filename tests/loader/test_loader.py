from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from augpipe import AugpipeError, Pipeline, build_loader
from augpipe.errors import RecipeError, StateError
from augpipe.testing import assert_resumes_everywhere
from loader_stream import stream

# torch suggests no more workers than processors; that is about speed, and this about sameness.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.fixture
def reference(shapes, pipeline):
    """Two epochs, one sample at a time, in this process."""
    loader = build_loader(shapes, pipeline, batch_size=1, num_workers=0)
    return [stream(loader), stream(loader)]


@pytest.mark.parametrize("num_workers", [0, 1, 3])
@pytest.mark.parametrize("batch_size", [5, 32])
def test_the_stream_is_the_same_for_any_workers_and_batch_size(
    shapes, pipeline, reference, num_workers, batch_size
):
    loader = build_loader(shapes, pipeline, batch_size=batch_size, num_workers=num_workers)
    assert [stream(loader), stream(loader)] == reference


@pytest.mark.parametrize(
    "options",
    [
        {"multiprocessing_context": "spawn"},
        {"multiprocessing_context": "forkserver", "prefetch_factor": 4},
        {"persistent_workers": False},
    ],
    ids=str,
)
def test_the_stream_is_the_same_however_workers_start(shapes, pipeline, reference, options):
    loader = build_loader(shapes, pipeline, batch_size=8, num_workers=2, **options)
    assert [stream(loader), stream(loader)] == reference


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_global_stream_is_the_same_for_any_ranks(shapes, pipeline, reference, world_size):
    ranks = [
        build_loader(
            shapes, pipeline, batch_size=4, num_workers=0, rank=rank, world_size=world_size
        )
        for rank in range(world_size)
    ]
    merged = [sample for turn in zip(*map(stream, ranks), strict=True) for sample in turn]
    assert merged[: len(reference[0])] == reference[0]


def test_epochs_and_seeds_differ_in_every_sample(shapes, pipeline, reference):
    by_row = [{row: pixels for _, row, _, pixels in epoch} for epoch in reference]
    other = build_loader(shapes, pipeline, batch_size=8, num_workers=0, seed=1)
    by_row.append({row: pixels for _, row, _, pixels in stream(other)})
    assert all(len({epoch[row] for epoch in by_row}) == 3 for row in by_row[0])


def test_every_row_comes_once_with_its_label(shapes, reference):
    dataset = build_loader(shapes).source
    assert sorted(row for _, row, _, _ in reference[0]) == list(range(len(dataset)))
    assert all(label == dataset.row(row).targets.label for _, row, label, _ in reference[0])


@pytest.mark.parametrize("num_workers", [0, 2])
def test_iterating_changes_no_global_random_state(shapes, pipeline, num_workers):
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    list(build_loader(shapes, pipeline, num_workers=num_workers))
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert before == after


def seed_everything(worker: int) -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def test_a_users_seeding_changes_nothing(shapes, pipeline, reference):
    loader = build_loader(
        shapes, pipeline, batch_size=8, num_workers=2, worker_init_fn=seed_everything
    )
    assert stream(loader) == reference[0]


def test_two_loaders_in_turns_equal_each_alone(shapes, pipeline, reference):
    one = build_loader(shapes, pipeline, batch_size=4, num_workers=0)
    two = build_loader(shapes, pipeline, batch_size=4, num_workers=0, epoch=1)
    pairs = list(zip(one, two, strict=True))
    assert stream([a for a, _ in pairs]) == reference[0]
    assert stream([b for _, b in pairs]) == reference[1]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_it_resumes_after_every_batch(shapes, pipeline, num_workers):
    assert_resumes_everywhere(
        lambda: build_loader(shapes, pipeline, batch_size=9, num_workers=num_workers), epochs=2
    )


def test_it_resumes_under_another_batch_size_and_rank_count(shapes, pipeline, reference):
    loader = build_loader(shapes, pipeline, batch_size=6, num_workers=0)
    batches = iter(loader)
    seen = stream([next(batches), next(batches)])
    state = json.loads(json.dumps(loader.state_dict()))
    assert len(json.dumps(state)) < 1000
    rest = []
    for rank in range(2):
        other = build_loader(shapes, pipeline, batch_size=5, num_workers=0, rank=rank, world_size=2)
        other.load_state_dict(state)
        rest.append(stream(other))
    merged = [sample for turn in zip(*rest, strict=True) for sample in turn]
    assert seen + merged == reference[0]


def test_one_for_is_one_epoch(shapes, pipeline):
    loader = build_loader(shapes, pipeline, num_workers=0, epoch=3)
    assert loader.epoch == 3
    assert {batch.epoch for batch in loader} == {3}
    assert loader.epoch == 4
    for batch in loader:
        assert (batch.epoch, loader.epoch) == (4, 4)
        break
    assert {batch.epoch for batch in loader} == {5}  # the broken epoch is not begun again
    loader.set_epoch(1)
    assert {batch.epoch for batch in loader} == {1}


def test_setting_the_current_epoch_does_not_lose_the_position(shapes, pipeline):
    loader = build_loader(shapes, pipeline, batch_size=8, num_workers=0)
    next(iter(loader))
    other = build_loader(shapes, pipeline, batch_size=8, num_workers=0)
    other.load_state_dict(loader.state_dict())
    other.set_epoch(0)  # as Lightning does before every epoch
    assert len(list(other)) == len(loader) - 1


@pytest.mark.parametrize(
    ("change", "what"),
    [({"seed": 1}, "seed"), ({"pipeline": ["vertical_flip"]}, "pipeline"), ({}, "dataset")],
)
def test_a_state_of_something_else_is_refused_with_both_values(
    shapes, pipeline, tmp_path, change, what
):
    state = build_loader(shapes, pipeline).state_dict()
    data = shapes if change else (np.zeros((4, 8, 8), np.uint8), [0, 0, 1, 1])
    other = build_loader(data, **({"pipeline": pipeline} | change))
    ours, theirs = other.state_dict()[what], state[what]
    with pytest.raises(StateError, match=f"{what} {theirs!r}.*{ours!r}"):
        other.load_state_dict(state)


def test_replay_gives_the_training_pixels_and_what_was_drawn(shapes, pipeline):
    loader = build_loader(shapes, pipeline, batch_size=8, num_workers=0, epoch=2)
    batch = next(iter(loader))
    for image, row in zip(batch.images, batch.index.tolist(), strict=True):
        sample = loader.replay(2, row)
        assert np.array_equal(sample.image, image.permute(1, 2, 0).numpy())
        assert [drawn["op"] for drawn in sample.record] == [
            *pipeline.slots,
            *pipeline.batch.slots,
        ]
        json.dumps(sample.record)


def test_replay_of_no_row_says_which_there_are(shapes):
    with pytest.raises(AugpipeError, match=r"no row 99: the dataset has rows 0 to 31"):
        build_loader(shapes).replay(0, 99)


def test_workers_run_one_thread_each(shapes):
    class Threads(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            import cv2

            return np.zeros((4, 4, 3), np.uint8), cv2.getNumThreads() * 10 + torch.get_num_threads()

    (batch,) = build_loader(Threads(), batch_size=2, num_workers=1)
    assert batch.labels.tolist() == [11, 11]


@pytest.mark.parametrize("name", ["sampler", "batch_sampler", "collate_fn"])
def test_what_would_break_the_promise_is_refused(shapes, name):
    with pytest.raises(RecipeError, match=f"takes no {name}: "):
        build_loader(shapes, **{name: None})


def test_len_counts_batches(shapes):
    assert len(build_loader(shapes, batch_size=5)) == 7
    assert len(build_loader(shapes, batch_size=5, drop_last=True)) == 6


class Boxes(torch.utils.data.Dataset):
    """Two pictures with a box each."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.zeros((8, 8, 3), np.uint8), {"boxes": [[1, 2, 3, 4]], "labels": [0]}


def test_boxes_follow_ops_for_pictures_and_for_batches():
    flip = {"horizontal_flip": {"p": 1}}
    (batch,) = build_loader(Boxes(), [flip], num_workers=0)
    assert batch.targets[0]["boxes"].tolist() == [[5, 2, 7, 4]]
    (batch,) = build_loader(Boxes(), Pipeline([], batch=[flip]), num_workers=0)
    assert batch.targets[0]["boxes"].tolist() == [[5, 2, 7, 4]]
    erased = Pipeline([], batch=[{"random_erasing": {"p": 1}}])
    assert len(list(build_loader(Boxes(), erased, num_workers=0))) == 1


CYCLES = """
import gc
from augpipe import build_loader

for persistent in (True, False) * 4:
    loader = build_loader(
        {shapes!r},
        [{{"resize": {{"size": [16, 16]}}}}],
        batch_size=2,
        num_workers=2,
        persistent_workers=persistent,
    )
    batches = iter(loader)
    next(batches)
    loader.cycle = [loader, batches]
    del loader, batches
    gc.collect()
"""


def test_a_loader_that_is_collected_in_a_cycle_stops_its_workers(shapes):
    # In a process of its own: what this guards against is a hang.
    script = CYCLES.format(shapes=str(shapes))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, timeout=60, capture_output=True)  # noqa: S603  (our own)
    assert (done.returncode, done.stderr) == (0, b"")
