from __future__ import annotations

import math

import numpy as np
import pytest

from augpipe.loader.order import Key, KeySampler, permute


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 16, 17, 99, 100, 101, 4096, 12345])
@pytest.mark.parametrize("epoch", [0, 1])
def test_every_row_stands_at_one_position(length, epoch):
    rows = permute(np.arange(length), length, seed=3, epoch=epoch)
    assert np.array_equal(np.sort(rows), np.arange(length))


def test_any_position_is_reached_at_once():
    length = 2**40
    far = np.array([0, 1, length // 2, length - 1])
    rows = permute(far, length, seed=0, epoch=5)
    assert len(set(rows.tolist())) == 4
    assert rows.min() >= 0
    assert rows.max() < length
    assert [int(permute(p, length, 0, 5)[0]) for p in far] == rows.tolist()


def test_all_orders_of_four_rows_are_about_equally_frequent():
    epochs = 4800
    orders = [tuple(permute(np.arange(4), 4, seed=0, epoch=e).tolist()) for e in range(epochs)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    expected = epochs / math.factorial(4)
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert len(counts) == 24
    assert chi_squared < 49.7  # the 99.9th percentile for 23 degrees of freedom


@pytest.mark.parametrize("other", [(1, 0), (0, 1)])
def test_neighbouring_seeds_and_epochs_share_no_order(other):
    length = 2000
    ours = permute(np.arange(length), length, 0, 0)
    theirs = permute(np.arange(length), length, *other)
    assert (ours == theirs).sum() < 10  # one is expected by chance
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 0.1


def test_neighbours_are_torn_apart():
    rows = permute(np.arange(1000), 1000, 0, 0)
    assert (np.abs(np.diff(rows)) == 1).sum() < 10


def keys(**options) -> list[Key]:
    sampler = KeySampler(10, **({"seed": 0, "shuffle": True} | options))
    sampler.start(options.pop("epoch", 0))
    assert len(list(sampler)) == len(sampler)
    return list(sampler)


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_ranks_take_turns_in_one_global_order(world_size):
    one = keys()
    ranks = [keys(rank=rank, world_size=world_size) for rank in range(world_size)]
    assert len({len(rank) for rank in ranks}) == 1
    merged = [key for turn in zip(*ranks, strict=True) for key in turn]
    assert merged[:10] == one
    assert [key.repeat for key in merged[10:]] == [1] * (len(merged) - 10)


@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_in_order_every_row_is_shown_once_whatever_the_ranks(world_size):
    ranks = [keys(shuffle=False, rank=r, world_size=world_size) for r in range(world_size)]
    assert sorted(key.row for rank in ranks for key in rank) == list(range(10))


def test_drop_last_leaves_the_remainder_out_instead():
    ranks = [keys(drop_last=True, rank=rank, world_size=4) for rank in range(4)]
    assert [len(rank) for rank in ranks] == [2, 2, 2, 2]


def test_starting_anywhere_continues_the_same_order():
    sampler = KeySampler(10, seed=0, shuffle=True)
    whole = list(sampler)
    for position in range(11):
        sampler.start(0, position)
        assert list(sampler) == whole[position:]


def test_an_announced_epoch_keeps_the_position_of_the_current_one():
    sampler = KeySampler(10, seed=0, shuffle=True)
    sampler.start(2, 5)
    sampler.set_epoch(2)
    assert len(list(sampler)) == 5
    sampler.set_epoch(3)
    assert len(list(sampler)) == 10
