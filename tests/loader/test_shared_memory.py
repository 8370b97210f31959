"""Arena, slots and packing: what goes in comes out, and stays while it is held."""

from __future__ import annotations

import gc
import multiprocessing
import threading

import numpy as np
import pytest
import torch

from augpipe import TableDataset
from augpipe.loader.arena import Arena
from augpipe.loader.board import Board
from augpipe.loader.packing import Parcel, Writer, load
from augpipe.loader.slots import Slots
from augpipe.nameless import NamelessFile


def extent():
    arena = Arena()
    return arena.extent(arena.extend())


def there_and_back(value):
    memory = extent()
    stored = Writer(memory).store(value)
    return load(memory.reach(stored.used), stored)


def test_extents_are_apart_and_grow_where_they_are():
    arena = Arena()
    first, second = (arena.extent(arena.extend()) for _ in range(2))
    early = first.reach(10)
    early[:] = 1
    second.reach(10)[:] = 2
    late = first.reach(5_000_000)
    assert (late[:10] == 1).all()
    assert not late[10:].any()
    late[:10] = 3
    assert (early == 3).all()  # what was given out before shows the same memory
    assert (second.reach(10) == 2).all()


def test_a_forked_process_sees_and_writes_the_same():
    arena = Arena()
    memory = arena.extent(arena.extend())
    memory.reach(4)[:] = 5

    def child() -> None:
        own = arena.extent(0).reach(3_000_000)
        own[-1] = own[0] + 1

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert memory.reach(3_000_000)[-1] == 6


VALUES = {
    "large": np.arange(100_000, dtype=np.float32).reshape(10, -1),
    "small": np.arange(5, dtype=np.int64),
    "empty": np.zeros((0, 4), np.float32),
    "columns first": np.asfortranarray(np.arange(20_000).reshape(100, 200)),
    "every other": np.arange(20_000)[::2],
    "booleans": np.ones(9000, bool),
    "read-only": np.broadcast_to(np.float64(3), (70, 80)),
}


@pytest.mark.parametrize("name", VALUES)
def test_arrays_and_tensors_come_back_as_they_were(name):
    array = VALUES[name]
    back, tensor = there_and_back((array, torch.tensor(array)))
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)
    assert torch.equal(tensor, torch.tensor(array))


def test_an_array_that_was_made_there_is_not_copied():
    memory = extent()
    writer = Writer(memory)
    array = writer.empty((50, 60), np.float32)
    array[:] = 7
    stored = writer.store({"images": torch.from_numpy(array), "rest": [1, "two"]})
    assert stored.used < array.nbytes + 1000
    back = load(memory.reach(stored.used), stored)
    assert back["rest"] == [1, "two"]
    array[0, 0] = 8
    assert back["images"][0, 0] == 8


def test_a_parcel_hands_over_files_and_shares_arrays():
    class Holder:
        pass

    memory = extent()
    values = np.arange(10_000)
    file = NamelessFile()
    parcel = Parcel([values, file, values], memory)
    one, other = parcel.open(memory), parcel.open(memory)
    assert one[1] is file
    assert one[0] is one[2]
    one[0][0] = 99
    assert other[0][0] == 99
    assert values[0] == 0


def test_a_table_is_not_pickled_row_by_row(tmp_path):
    rows = 100_000
    lines = "".join(f"some/folder/picture-{row:06}.jpg,{row % 10}\n" for row in range(rows))
    (tmp_path / "table.csv").write_text("path,label\n" + lines, encoding="utf-8")
    table, memory = TableDataset(tmp_path / "table.csv"), extent()
    stored = Writer(memory).store(table)
    assert stored.used - stored.start < 10_000
    back = load(memory.reach(stored.used), stored)
    assert back.where(rows - 1) == table.where(rows - 1)
    assert back.fingerprint == table.fingerprint


def slot_of(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_a_slot_comes_back_when_the_last_view_dies():
    slots = Slots(Arena(), 4)
    array = slots.empty((3, 4), np.float32)
    place = slot_of(array)
    part = torch.from_numpy(array)[1:, 2:]
    del array
    gc.collect()
    assert slot_of(slots.empty((3, 4), np.float32)) != place
    del part
    gc.collect()
    assert slot_of(slots.empty((2, 2), np.uint8)) == place


def test_who_holds_many_gets_memory_of_his_own():
    slots = Slots(Arena(), 2)
    held = []
    for number in range(6):
        slot = slots.take()
        memory = slots.lend(slot, 100)
        memory[:] = number
        held.append(memory)
    assert [array[0] for array in held] == list(range(6))
    assert sum(array.flags.owndata for array in held) == 4
    held.clear()
    gc.collect()
    taken = {slots.take() for _ in range(3)}
    assert taken == {0, 1, 2}  # two were lent, a third copied from


def test_slots_may_be_dropped_in_any_thread():
    slots = Slots(Arena(), 4)

    def work() -> None:
        for number in range(200):
            array = slots.empty((100,), np.int64)
            array[:] = number
            assert (array == number).all()

    # One thread takes at a time, as the loader does; all drop.
    lock = threading.Lock()
    take = slots.take

    def guarded() -> int:
        with lock:
            return take()

    slots.take = guarded  # type: ignore[method-assign]
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert len(slots._lent) == 0


def test_the_board_tells_where_a_worker_is_and_for_how_long():
    board = Board(extent(), 2)
    board.begin(0)
    board.begin(1)
    assert board.place(1) == (None, 0.0)
    board.at(1, 17)
    row, seconds = board.place(1)
    assert row == 17
    assert 0 < seconds < 10
    assert board.place(0) == (None, 0.0)
    board.at(1, None)
    assert board.place(1).row is None
    assert board.place(1).seconds > 0
    board.idle(1)
    assert board.place(1) == (None, 0.0)
    board.stop(0)
    with pytest.raises(SystemExit):
        board.at(0, 3)
