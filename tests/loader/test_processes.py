"""What workers are as processes: how many threads, how much memory, how long they live."""

from __future__ import annotations

import gc
import sys

import cv2
import numpy as np
import pytest
import torch

from augpipe import Pipeline, TableDataset, build_loader
from augpipe.testing import samples_of
from memory import proportional_set_size

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def pids(loader) -> list[int]:
    return [worker.process.pid for worker in loader._feed._pool._workers]


def test_workers_that_live_on_draw_anew_in_each_epoch(shapes, pipeline):
    loader = build_loader(shapes, pipeline, num_workers=2)
    epochs, lives = [], []
    for _ in range(3):
        epochs.append(samples_of(loader))
        lives.append(pids(loader))
    assert lives[0] == lives[1] == lives[2]
    assert len({sample for epoch in epochs for sample in epoch}) == 3 * 32


def test_workers_begin_the_next_epoch_before_it_is_asked_for(shapes, pipeline):
    loader = build_loader(shapes, pipeline, batch_size=8, num_workers=2)
    alone = build_loader(shapes, pipeline, batch_size=8, num_workers=0)
    assert samples_of(loader) == samples_of(alone)
    pool = loader._feed._pool
    asked = {keys[0].epoch for keys, _ in pool._asked.values()}
    assert asked == {1}
    assert samples_of(loader) == samples_of(alone)
    loader.set_epoch(7)  # not what they have begun
    alone.set_epoch(7)
    assert samples_of(loader) == samples_of(alone)
    in_order = build_loader(shapes, pipeline, batch_size=8, num_workers=2, shuffle=False)
    list(in_order)
    assert not in_order._feed._pool._asked


def test_opencv_with_threads_before_the_fork_is_no_deadlock(shapes):
    before = cv2.getNumThreads()
    cv2.setNumThreads(4)
    try:
        large = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
        cv2.GaussianBlur(cv2.warpAffine(large, np.eye(2, 3), (1500, 1500)), (9, 9), 2)
        ops = [{"resize": {"size": [600, 600]}}, {"gaussian_blur": {}}, {"affine": {"degrees": 9}}]
        loader = build_loader(
            shapes, ops, batch_size=4, num_workers=2, multiprocessing_context="fork", timeout=20
        )
        assert sum(map(len, loader)) == 32
    finally:
        cv2.setNumThreads(before)


@on_linux
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_the_workers_memory_does_not_grow_with_the_rows_they_read(shapes, tmp_path, method):
    files = sorted(path.relative_to(shapes).as_posix() for path in shapes.rglob("*.*"))
    rows = 300_000
    lines = "".join(f'"{files[row % len(files)]}",{row % 10}\n' for row in range(rows))
    (tmp_path / "table.csv").write_text("path,label\n" + lines, encoding="utf-8")
    loader = build_loader(
        TableDataset(tmp_path / "table.csv", root=shapes),
        [{"resize": {"size": [8, 8]}}],
        batch_size=100,
        num_workers=2,
        sampling={"length": 2000},
        multiprocessing_context=method,
    )
    sizes = []
    for _ in range(4):
        for batch in loader:
            del batch
        gc.collect()
        sizes.append(sum(map(proportional_set_size, pids(loader))))
    # An object for each row, counted as it is read, would copy some 8 MB of pages in each epoch.
    assert sizes[3] - sizes[1] < 5e6


def test_torchs_worker_info_is_there(shapes):
    class Who(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index):
            info = torch.utils.data.get_worker_info()
            return np.zeros((4, 4, 3), np.uint8), 10 * info.num_workers + info.id

    loader = build_loader(Who(), batch_size=1, num_workers=2)
    assert {batch.labels.item() for batch in loader} <= {20, 21}


def test_the_end_of_a_billion_rows_is_begun_at_once():
    class Endless(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 10**9

        def __getitem__(self, index):
            return np.full((2, 2, 3), index % 256, np.uint8), index % 7

    def make(**options):
        return build_loader(Endless(), Pipeline(["horizontal_flip"]), num_workers=0, **options)

    state = make().state_dict() | {"epoch": 3, "position": 900_000_000}
    streams = []
    for batch_size in (4, 10):
        loader = make(batch_size=batch_size)
        loader.load_state_dict(state)
        batches = iter(loader)
        streams.append(samples_of(next(batches) for _ in range(20 // batch_size)))
        assert loader.state_dict()["position"] == 900_000_020
    assert streams[0] == streams[1]
