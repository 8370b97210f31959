import errno
import multiprocessing
import os
import pickle
import re
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

import cache_workers
from augpipe.data.lock import alone
from augpipe.data.store import begin, fault
from augpipe.data.stores import DiskStore, RamStore
from augpipe.errors import DataError
from augpipe.nameless import NamelessFile
from cache_workers import numbered

fork = multiprocessing.get_context("fork")
KEY = "0123456789abcdef" * 2


@pytest.fixture(params=["ram", "disk"])
def store(request, tmp_path):
    if request.param == "ram":
        return RamStore(200, 10**6)
    return DiskStore(tmp_path / "cache", KEY, 200, 10**6)


def test_what_was_added_is_found_by_row_scale_and_stamp(store):
    images = {
        (row, scale): numbered(row, 5 + row, 3 * scale) for row in (0, 7, 199) for scale in (1, 8)
    }
    for (row, scale), decoded in images.items():
        assert store.add(
            row, scale, (10**18 + row, 5), (99, 77), decoded._replace(matrix=np.eye(3) / 3)
        )
    for (row, scale), decoded in images.items():
        found = store.find(row, scale, (10**18 + row, 5))
        assert found.size == (99, 77)
        pixels = store.pixels(found)
        np.testing.assert_array_equal(pixels.image, decoded.image)
        np.testing.assert_array_equal(pixels.matrix, np.eye(3) / 3)
        assert store.find(row, scale, (10**18 + row, 6)) is None
        assert store.find(row, scale, (10**18, 6)) is None
        assert store.find(row, 2, (10**18 + row, 5)) is None
        assert store.find_any(row, (10**18 + row, 5)).size == (99, 77)
    assert store.find_any(1, (10**18, 5)) is None
    assert len(store) == 3


def test_pixels_are_views_that_cannot_be_written_to_and_outlive_growth(store):
    store.add(0, 1, (1, 1), (9, 7), numbered(5))
    first = store.pixels(store.find(0, 1, (1, 1)))
    assert not first.image.flags.writeable
    assert not first.matrix.flags.writeable
    assert not first.image.flags.owndata
    for row in range(1, 100):
        store.add(row, 1, (1, 1), (40, 40), numbered(row, 40, 40))
        assert store.find(row, 1, (1, 1))
    assert (first.image == 5).all()


def test_the_latest_picture_of_a_row_counts(store):
    for number in (3, 4):
        store.add(0, 1, (number, 1), (9, 7), numbered(number))
    assert store.find(0, 1, (3, 1)) is None
    assert (store.pixels(store.find(0, 1, (4, 1))).image == 4).all()


def test_a_picture_that_cannot_be_decoded_smaller_is_kept_once(store):
    whole = numbered(0)
    for scale in (1, 2, 4, 8):
        store.add(0, scale, (1, 1), (9, 7), whole)
        assert store.find(0, scale, (1, 1)).offset == store.find(0, 1, (1, 1)).offset
    one = store.nbytes
    store.add(1, 4, (1, 1), (9, 7), whole)  # and who asked for it smaller has found the whole
    assert store.find(1, 1, (1, 1)).offset == store.find(1, 4, (1, 1)).offset
    assert store.find(1, 2, (1, 1)) is None
    store.add(2, 2, (1, 1), (9, 7), whole._replace(matrix=np.diag([0.5, 0.5, 1])))
    assert store.find(2, 1, (1, 1)) is None
    assert one < store.nbytes <= 3 * (one + 64)


def test_processes_add_at_the_same_time_and_find_what_others_added(store):
    workers = [
        fork.Process(target=cache_workers.add_some, args=(store, first, 3)) for first in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    for row in range(200):
        pixels = store.pixels(store.find(row, 1, (row, 1)))
        np.testing.assert_array_equal(pixels.image, numbered(row).image)
        np.testing.assert_array_equal(pixels.matrix, numbered(row).matrix)


def test_what_is_reserved_is_nobody_elses(store):
    first, second = store._reserve(1000), store._reserve(1000)
    assert second >= first + 1000


def test_half_a_picture_of_a_killed_writer_is_never_seen(store):
    worker = fork.Process(target=cache_workers.die_while_writing, args=(store,))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    assert store.nbytes > 0
    assert store.find_any(3, (3, 1)) is None
    assert store.add(3, 1, (3, 1), (9, 7), numbered(3))
    assert (store.pixels(store.find(3, 1, (3, 1))).image == 3).all()


def held(store, *, die):
    """A process that has taken the store's lock, and has been killed or stopped since."""
    ours, theirs = fork.Pipe()
    holder = fork.Process(
        target=cache_workers.hold, args=(store._lock, theirs), kwargs={"die": die}
    )
    holder.start()
    assert ours.poll(20)
    if die:
        holder.join()
    return holder


def test_a_killed_holder_gives_up_the_lock(store):
    assert held(store, die=True).exitcode == -signal.SIGKILL
    assert store.add(0, 1, (1, 1), (9, 7), numbered(0))


def test_a_frozen_holder_makes_nobody_wait_for_long(store):
    holder = held(store, die=False)
    try:
        assert not store.add(0, 1, (1, 1), (9, 7), numbered(0))
        assert store.find(0, 1, (1, 1)) is None
        assert not store.full
    finally:
        holder.kill()
        holder.join()
    assert store.add(0, 1, (1, 1), (9, 7), numbered(0))


def test_the_lock_keeps_threads_apart_too():
    file = NamelessFile()
    with alone(file.fd, 1) as first, alone(file.fd, 0.01) as second:
        assert first
        assert not second
    with alone(file.fd, 1) as third:
        assert third


def test_when_it_is_full_that_is_said_once_by_whoever_is_first(tmp_path, caplog):
    begun = 4096 + 200 * 32
    for number, store in enumerate(
        (RamStore(200, begun + 2000), DiskStore(tmp_path, KEY, 200, begun + 2000))
    ):
        added = [store.add(row, 1, (1, 1), (9, 7), numbered(row)) for row in range(9)]
        assert added == [True] * 6 + [False] * 3  # of 128 + 189 bytes each, from multiples of 64
        assert store.full
        assert store.nbytes <= 2000
        assert store.find(5, 1, (1, 1))
        messages = [record.getMessage() for record in caplog.records]
        assert len(messages) == number + 1
        assert "is full: 1,917 bytes, max_bytes is 12,496" in messages[-1]
    again = DiskStore(tmp_path, KEY, 200)
    assert again.full
    again.reset()
    assert again.add(8, 1, (1, 1), (9, 7), numbered(8))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_adding_and_harms_nothing(store, monkeypatch, caplog, code):
    store.add(0, 1, (1, 1), (9, 7), numbered(0))

    def full(*_):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        assert not store.add(1, 1, (1, 1), (9, 7), numbered(1))
        assert not store.add(2, 1, (1, 1), (9, 7), numbered(2))
    assert store.full
    assert [os.strerror(code) in record.getMessage() for record in caplog.records] == [True]
    assert store.find(1, 1, (1, 1)) is None
    assert store.find(0, 1, (1, 1))


def test_a_write_that_comes_half_is_a_full_disk(store, monkeypatch):
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: whole(fd, data[:10], at))
    assert not store.add(1, 1, (1, 1), (9, 7), numbered(1))
    assert store.full


def test_other_failures_to_write_are_errors(store, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", broken)
    with pytest.raises(DataError, match=r"cache.* cannot be written: Input/output error"):
        store.add(1, 1, (1, 1), (9, 7), numbered(1))


def test_room_that_holds_nothing_is_refused(tmp_path):
    with pytest.raises(DataError, match="max_bytes is 5,000, and the cache in RAM takes 10,496"):
        RamStore(200, 5000)
    with pytest.raises(DataError, match="leave cache out"):
        DiskStore(tmp_path, KEY, 200, 10_496)


def test_memory_is_handed_over_to_starting_processes_only(tmp_path):
    with pytest.raises(DataError, match="only while they are started"):
        pickle.dumps(RamStore(3, 10**6))
    on_disk = DiskStore(tmp_path, KEY, 3, 10**6)
    on_disk.add(2, 1, (1, 1), (9, 7), numbered(2))
    again = pickle.loads(pickle.dumps(on_disk))  # noqa: S301 (our own bytes, as spawn does)
    assert (again.pixels(again.find(2, 1, (1, 1))).image == 2).all()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux'")
def test_memory_has_no_name_and_no_descriptor_is_left():
    places = [Path("/proc/self/fd"), Path("/dev") / "shm"]
    before = [len(list(place.iterdir())) for place in places]
    store = RamStore(10, 10**6)
    store.add(2, 1, (1, 1), (9, 7), numbered(2))
    assert len(list(places[1].iterdir())) == before[1]
    del store
    assert len(list(places[0].iterdir())) == before[0]


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def filled(folder):
    store = DiskStore(folder, KEY, 20, 10**6)
    for row in range(20):
        store.add(row, 1, (row, 1), (9, 7), numbered(row))
    return folder / f"{KEY}.pictures"


def test_a_later_run_finds_what_an_earlier_one_added(tmp_path, caplog):
    file = filled(tmp_path)
    again = DiskStore(tmp_path, KEY, 20)
    assert len(again) == 20
    assert (again.pixels(again.find(7, 1, (7, 1))).image == 7).all()
    assert names(tmp_path) == [f"{KEY}.lock", file.name]
    assert not caplog.records


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:4500]),
        lambda file: file.write_bytes(b"x" + file.read_bytes()[1:]),
        lambda file: file.write_bytes(file.read_bytes().replace(b"cache 1", b"cache 0")),
        lambda file: file.write_bytes(bytes(file.stat().st_size)),
    ],
    ids=["empty", "short", "first byte", "version", "zeros"],
)
def test_a_file_that_is_no_store_is_made_anew_and_that_is_said(tmp_path, caplog, damage):
    damage(filled(tmp_path))
    store = DiskStore(tmp_path, KEY, 20)
    (message,) = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(r"the cache .*pictures is damaged: it .*\. It is made anew", message)
    assert len(store) == 0
    assert store.add(1, 1, (1, 1), (9, 7), numbered(1))
    assert store.find(1, 1, (1, 1))


def test_a_store_of_other_rows_or_another_key_is_not_believed():
    file = NamelessFile()
    begin(file.fd, bytes(16), 20, allocate=True)
    assert fault(file.fd, bytes(16), 20) is None
    assert fault(file.fd, bytes(16), 19) is not None
    assert fault(file.fd, b"1" * 16, 20) is not None


def test_damaged_pictures_are_forgotten_and_never_shown(tmp_path, caplog):
    """Any byte may change while nobody looks: a picture is then right, or missing."""
    file = filled(tmp_path)
    whole, random = file.read_bytes(), np.random.default_rng(0)
    begin_of_index, missing = 4096, 0
    for _ in range(60):
        damaged = np.frombuffer(whole, np.uint8).copy()
        places = random.integers(begin_of_index, len(damaged), 8)
        damaged[places] = random.integers(0, 256, len(places))
        file.write_bytes(damaged.tobytes()[: random.integers(4736, 2 * len(whole))])
        store = DiskStore(tmp_path, KEY, 20)
        store.reset()
        for row in range(20):
            found = store.find(row, 1, (row, 1))
            missing += found is None
            if found:
                np.testing.assert_array_equal(store.pixels(found).image, numbered(row).image)
                np.testing.assert_array_equal(store.pixels(found).matrix, numbered(row).matrix)
                assert found.size == (9, 7)
            else:
                assert store.add(row, 1, (row, 1), (9, 7), numbered(row))
                assert store.find(row, 1, (row, 1))
    assert missing
    assert sum("damaged pictures" in record.getMessage() for record in caplog.records) <= 60


def test_another_rows_picture_is_not_believed(tmp_path):
    store = DiskStore(tmp_path, KEY, 20, 10**6)
    for row in (0, 1):
        store.add(row, 1, (1, 1), (9, 7), numbered(row))
    store._publish(0, [0], store.find(1, 1, (1, 1)).offset)
    assert store.find(0, 1, (1, 1)) is None


def test_what_is_in_the_files_place_is_refused_if_it_is_none(tmp_path):
    filled(tmp_path / "real")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / f"{KEY}.pictures").symlink_to(tmp_path / "real" / f"{KEY}.pictures")
    with pytest.raises(DataError, match=r"no cache can be kept in .*linked: .*another folder"):
        DiskStore(linked, KEY, 20)
    (tmp_path / "folder" / f"{KEY}.pictures").mkdir(parents=True)
    with pytest.raises(DataError, match="no cache can be kept"):
        DiskStore(tmp_path / "folder", KEY, 20)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"no cache can be kept in .*file"):
        DiskStore(tmp_path / "file", KEY, 20)


def test_a_disk_without_room_for_the_index_is_an_error_that_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DataError, match=r"No space left on device; give another folder, or make"):
        DiskStore(tmp_path, KEY, 20)
    assert names(tmp_path) == [f"{KEY}.lock"]


def test_others_go_on_with_the_file_that_was_replaced(tmp_path):
    filled(tmp_path)
    old = DiskStore(tmp_path, KEY, 20)
    assert old.find(3, 1, (3, 1))
    (tmp_path / f"{KEY}.pictures").unlink()
    new = DiskStore(tmp_path, KEY, 20)
    assert new.find(3, 1, (3, 1)) is None
    assert (old.pixels(old.find(3, 1, (3, 1))).image == 3).all()
