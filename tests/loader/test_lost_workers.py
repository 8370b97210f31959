"""Workers that die or hang: the stream goes on unchanged, or an error says at which row."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from augpipe import build_loader
from augpipe.data.dataset import ImageDataset
from augpipe.data.sample import Row
from augpipe.errors import DataError, RecipeError, WorkerError, WorkerWarning
from loader_stream import stream
from perilous import PERILS, ROWS, Perilous, Plain

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.timeout(60),  # what is tested here is that nothing takes for ever
]


def reference() -> list:
    return stream(build_loader(Plain(), batch_size=3, num_workers=0))


def perilous(folder: Path, peril: str, times: int = 10**6, **options):
    timeout = 0.5 if "0.5 s" in peril else 0
    options = {"batch_size": 3, "num_workers": 2, "timeout": timeout} | options
    return build_loader(Perilous(folder, peril, times), **options)


@pytest.mark.parametrize("method", ["fork", "forkserver"])
@pytest.mark.parametrize("peril", PERILS)
def test_a_worker_lost_once_changes_nothing(tmp_path, peril, method):
    loader = perilous(tmp_path, peril, times=1, multiprocessing_context=method)
    with pytest.warns(WorkerWarning, match=f"{peril}.* at row 5, item 5 of Perilous") as warned:
        assert stream(loader) == reference()
    assert len(warned) == 1
    assert stream(loader) == stream(build_loader(Plain(), num_workers=0, epoch=1))


@pytest.mark.parametrize(
    ("peril", "function"), [("SIGSEGV", "segfault"), ("over 0.5 s", "sleep_for_ever")]
)
def test_the_stack_of_the_lost_worker_is_shown(tmp_path, peril, function):
    with pytest.warns(WorkerWarning, match=rf'File ".*perilous.py", line \d+ in {function}'):
        list(perilous(tmp_path, peril, times=1))


@pytest.mark.filterwarnings("ignore::augpipe.errors.WorkerWarning")
@pytest.mark.parametrize(("peril", "losses"), [*zip(PERILS, [4, 2, 2, 2], strict=True)])
def test_a_row_that_takes_workers_with_it_is_a_bad_row(tmp_path, peril, losses):
    with pytest.raises(DataError, match=f"epoch 0: row 5: .*{losses} workers were lost.*{peril}"):
        list(perilous(tmp_path, peril))
    assert len(list(tmp_path.iterdir())) == losses


@pytest.mark.filterwarnings("ignore::augpipe.errors.WorkerWarning")
def test_such_a_row_is_skipped_or_replaced_as_asked(tmp_path):
    loader = perilous(tmp_path, "SIGSEGV", on_error="skip")
    assert sorted(row for batch in loader for row in batch.index.tolist()) == [
        row for row in range(ROWS) if row != 5
    ]
    assert [bad.row for bad in loader.errors] == [5]
    assert "SIGSEGV" in loader.errors[0].message
    replaced = [
        stream(perilous(tmp_path, "SIGSEGV", on_error="replace", num_workers=n, batch_size=b))
        for n, b in [(1, 3), (3, 4)]
    ]
    assert replaced[0] == replaced[1]
    assert len(replaced[0]) == ROWS


def test_a_worker_killed_while_it_waits_is_missed_by_nobody():
    loader = build_loader(Plain(), batch_size=3, num_workers=2)
    assert stream(loader) == reference()
    for worker in loader._feed._pool._workers:
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.join()
    alone = build_loader(Plain(), num_workers=0, epoch=1)
    with pytest.warns(WorkerWarning, match="SIGKILL"):
        for _ in range(2):  # of which the first was made before they were killed
            assert stream(loader) == stream(alone)


def refuse_to_start(worker: int) -> None:
    raise FileNotFoundError(f"no disk for worker {worker}")


def leave_at_once(worker: int) -> None:
    os._exit(9)


def test_an_error_at_the_start_of_a_worker_is_raised_in_the_loop():
    loader = build_loader(Plain(), num_workers=1, worker_init_fn=refuse_to_start)
    with pytest.raises(FileNotFoundError, match="no disk for worker 0"):
        list(loader)


@pytest.mark.filterwarnings("ignore::augpipe.errors.WorkerWarning")
def test_workers_that_never_start_are_not_started_for_ever():
    loader = build_loader(Plain(), num_workers=1, worker_init_fn=leave_at_once)
    with pytest.raises(WorkerError, match=r"3 workers were lost, at no row; .*exit code 9"):
        list(loader)


class Unforeseen(ImageDataset):
    fingerprint = "0" * 16

    def __len__(self) -> int:
        return 3

    def row(self, index: int) -> Row:
        return {}[index]

    def where(self, index: int) -> str:
        return f"number {index}"


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_error_that_nobody_foresaw_arrives_as_it_is(num_workers):
    with pytest.raises(KeyError) as caught:
        list(build_loader(Unforeseen(), shuffle=False, num_workers=num_workers))
    assert caught.value.args == (0,)
    if num_workers:
        assert "in row" in caught.value.__notes__[0]  # the worker's traceback


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_what_cannot_be_sent_to_a_worker_is_named(method):
    loader = build_loader(
        Plain(), ["horizontal_flip", lambda image: image], multiprocessing_context=method
    )
    with pytest.raises(RecipeError, match=r"(?s)lambda.*cannot be sent to a worker: .*=0"):
        list(loader)


def script(body: str) -> list[str]:
    head = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
    return [sys.executable, "-c", head + textwrap.dedent(body)]


def is_gone(pid: int) -> bool:
    """Whether the process has ended; not all are our children."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


STUCK = """
    import pathlib, time
    from augpipe import build_loader
    from perilous import Perilous

    def main():
        folder = pathlib.Path({folder!r})
        loader = build_loader(
            Perilous(folder, "over 0.5 s"),
            batch_size=3,
            num_workers=2,
            multiprocessing_context={method!r},
        )
        batches = iter(loader)
        while not any(folder.iterdir()):
            time.sleep(0.01)
        print(*(worker.process.pid for worker in loader._feed._pool._workers), flush=True)
        list(batches)

    if __name__ == "__main__":
        main()
"""

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@on_linux
@pytest.mark.parametrize(
    ("method", "signum"),
    [("fork", signal.SIGKILL), ("forkserver", signal.SIGKILL), ("fork", signal.SIGINT)],
    ids=["fork-killed", "forkserver-killed", "fork-ctrl-c"],
)
def test_no_worker_outlives_its_parent_even_one_that_hangs(tmp_path, method, signum):
    marks = tmp_path / "marks"
    marks.mkdir()
    command = script(STUCK.format(folder=str(marks), method=method))
    parent = subprocess.Popen(  # noqa: S603  (our own)
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    for process in (parent.pid, *workers):  # so nothing can be left there
        assert "/dev/shm" not in Path(f"/proc/{process}/maps").read_text(encoding="utf-8")  # noqa: S108
    # Ctrl-C in a terminal reaches the whole group; what kills one process, it alone.
    if signum == signal.SIGINT:
        os.killpg(parent.pid, signum)
    else:
        parent.send_signal(signum)
    _, errors = parent.communicate(timeout=20)
    assert parent.returncode == -signum
    assert errors.count("KeyboardInterrupt") == (1 if signum == signal.SIGINT else 0)
    end = time.monotonic() + 20
    while not all(map(is_gone, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert all(map(is_gone, workers))


MANY_TARGETS = """
    import resource
    import numpy as np
    from augpipe import build_loader

    class Boxes:
        def __len__(self):
            return 32

        def __getitem__(self, index):
            boxes = np.tile([[1, 2, 30, 40]], (64, 1))
            masks = np.ones((8, 48, 48), np.uint8)
            return np.zeros((48, 48, 3), np.uint8), dict(boxes=boxes, labels=np.zeros(64, int))

    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    batches = list(build_loader(Boxes(), batch_size=1, num_workers=2))
    assert len(batches) == 32 and all(len(b.boxes[0]) == 64 for b in batches)
"""


@on_linux
def test_many_targets_and_batches_that_are_kept_need_no_more_files():
    done = subprocess.run(  # noqa: S603  (our own)
        script(MANY_TARGETS), timeout=60, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_batch_that_is_kept_stays_as_it_was():
    loader = build_loader(Plain(), batch_size=1, num_workers=2)
    kept = [(batch, batch.images.clone()) for _ in range(3) for batch in loader]
    assert all(np.array_equal(batch.images, copy) for batch, copy in kept)
    assert [batch.labels.item() for batch, _ in kept] == [b.images.max() for b, _ in kept]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_memory_is_filled_again_once_nobody_looks(num_workers):
    loader = build_loader(Plain(), batch_size=1, num_workers=num_workers)
    places = set()
    for _ in range(3):
        for batch in loader:
            places.add(batch.images.data_ptr())
            del batch
    assert len(places) < ROWS


@pytest.mark.parametrize("persistent", [True, False])
def test_two_live_iterators_and_an_early_break_are_all_right(persistent):
    loader = build_loader(Plain(), batch_size=3, num_workers=2, persistent_workers=persistent)
    first, second = iter(loader), iter(loader)
    pairs = [*zip(first, second, strict=True)]
    epochs = [stream(build_loader(Plain(), batch_size=3, num_workers=0, epoch=e)) for e in range(5)]
    assert stream(one for one, _ in pairs) == epochs[0]
    assert stream(other for _, other in pairs) == epochs[1]
    loader.set_epoch(3)
    for _ in loader:
        break
    assert stream(loader) == epochs[4]


def test_what_a_dataset_draws_for_itself_comes_from_the_key(shapes):
    class Noisy(Plain):
        def __getitem__(self, index):
            return np.random.randint(0, 256, (4, 4, 3)).astype(np.uint8), index

    drawn = [
        [stream(loader), stream(loader)]
        for loader in (build_loader(Noisy(), num_workers=n, batch_size=2 + n) for n in (0, 3))
    ]
    assert drawn[0] == drawn[1]
    assert len({pixels for epoch in drawn[0] for *_, pixels in epoch}) == 2 * ROWS
