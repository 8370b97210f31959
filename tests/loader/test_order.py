"""Keys: how ranks share one global order, and going on from any position of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augpipe.loader.order import Key, KeySampler
from augpipe.loader.positions import Balanced, Limited, Repeated, Sequential, Shuffled, Uniform

RANKS = range(1, 6)
LENGTHS = range(1, 41)


def sampler(order, **options) -> KeySampler:
    return KeySampler(order, **({"seed": 0, "equal_shares": True} | options))


def shares(order, world_size, epoch=0, position=0, **options) -> list[list[Key]]:
    """What each rank gets."""
    samplers = [sampler(order, rank=r, world_size=world_size, **options) for r in range(world_size)]
    for one in samplers:
        one.start(epoch, position)
    return [list(one) for one in samplers]


def merged(ranks: list[list[Key]]) -> list[Key]:
    """In global order: ranks in turns; some may have one key less."""
    turns = range(max(map(len, ranks)))
    return [rank[turn] for turn in turns for rank in ranks if turn < len(rank)]


@pytest.mark.parametrize("world_size", RANKS)
def test_training_ranks_share_equally_and_merge_to_one_order(world_size):
    for length in LENGTHS:
        one = list(sampler(Shuffled(length)))
        ranks = shares(Shuffled(length), world_size)
        assert len({len(rank) for rank in ranks}) == 1
        together = merged(ranks)
        assert together[:length] == one
        assert len(together) - length < world_size
        assert len(set(together)) == len(together)  # disjoint: a row shown again is another key
        assert all(key.repeat > 0 for key in together[length:])


@pytest.mark.parametrize("world_size", RANKS)
def test_drop_last_leaves_the_remainder_out_instead(world_size):
    for length in LENGTHS:
        ranks = shares(Shuffled(length), world_size, drop_last=True)
        kept = length - length % world_size
        assert {len(rank) for rank in ranks} == {kept // world_size}
        assert merged(ranks) == list(sampler(Shuffled(length)))[:kept]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("world_size", RANKS)
def test_evaluation_counts_every_row_once_whatever_the_ranks(world_size, drop_last):
    for length in LENGTHS:
        options = {"equal_shares": False, "drop_last": drop_last}
        ranks = shares(Sequential(length), world_size, **options)
        assert merged(ranks) == [Key(0, row) for row in range(length)]
        assert sum(map(len, ranks)) == length
        assert [len(rank) for rank in ranks] == sorted(map(len, ranks), reverse=True)


def test_more_ranks_than_rows_leave_some_without_any():
    ranks = shares(Sequential(2), 5, equal_shares=False)
    assert [len(rank) for rank in ranks] == [1, 1, 0, 0, 0]
    assert [len(rank) for rank in shares(Shuffled(2), 5)] == [1] * 5
    assert [len(rank) for rank in shares(Shuffled(2), 5, drop_last=True)] == [0] * 5
    assert list(sampler(Shuffled(0))) == []


def test_the_views_of_a_row_go_to_different_ranks():
    ranks = shares(Repeated(Shuffled(8), 3), 3)
    assert [key.row for key in ranks[0]] == [key.row for key in ranks[1]]
    assert [[key.repeat for key in rank] for rank in ranks] == [[0] * 8, [1] * 8, [2] * 8]


ORDERS = st.one_of(
    st.builds(Shuffled, st.integers(1, 40)),
    st.builds(Repeated, st.builds(Shuffled, st.integers(1, 15)), st.integers(1, 3)),
    st.builds(Uniform, st.integers(1, 40)),
    st.builds(lambda n: Balanced(np.arange(n) % 3), st.integers(1, 40)),
)


@given(ORDERS, st.sampled_from(RANKS), st.sampled_from(RANKS), st.data())
def test_other_ranks_go_on_where_some_were_interrupted(order, before, after, data):
    whole = list(sampler(Limited(order, order.length + after)))
    turns = data.draw(st.integers(0, order.length // before))
    position = turns * before
    first = [rank[:turns] for rank in shares(order, before)]
    then = shares(order, after, position=position)
    assert len({len(rank) for rank in then}) == 1  # or else some would wait for the others
    together = (merged(first) if turns else []) + merged(then)
    assert together == whole[: len(together)]
    assert 0 <= len(together) - order.length < after


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("equal_shares", [False, True])
def test_the_end_that_is_told_is_the_one_that_is_reached(equal_shares, drop_last):
    options = {"equal_shares": equal_shares, "drop_last": drop_last}
    for world_size in RANKS:
        for position in range(14):
            one = sampler(Shuffled(10), world_size=world_size, **options)
            one.start(0, position)
            keys = shares(Shuffled(10), world_size, position=position, **options)
            assert one.total == position + sum(map(len, keys))
            assert len(one) == len(shares(Shuffled(10), world_size, **options)[0])


def test_starting_anywhere_continues_the_same_order():
    one = sampler(Shuffled(10))
    whole = list(one)
    for position in range(11):
        one.start(0, position)
        assert list(one) == whole[position:]


def test_an_order_longer_than_a_chunk_has_no_seam():
    for world_size in (1, 3):
        keys = merged(shares(Shuffled(7500), world_size))
        rows, repeats = Shuffled(7500).at(np.arange(7500), 0, 0)
        assert keys == [Key(0, *pair) for pair in zip(rows.tolist(), repeats.tolist(), strict=True)]


def test_epochs_and_seeds_have_orders_of_their_own():
    rows = [
        tuple(key.row for key in shares(Shuffled(40), 1, epoch=epoch, seed=seed)[0])
        for seed in (0, 1)
        for epoch in (0, 1)
    ]
    assert len(set(rows)) == 4
    assert {key.epoch for key in shares(Shuffled(40), 1, epoch=3)[0]} == {3}


def test_the_first_key_far_into_a_billion_rows_asks_for_one_chunk(monkeypatch):
    asked = []
    at = Shuffled.at
    monkeypatch.setattr(
        Shuffled,
        "at",
        lambda self, position, *key: asked.append(position) or at(self, position, *key),
    )
    one = sampler(Shuffled(10**9), rank=1, world_size=4)
    one.start(7, 900_000_000)
    key = next(iter(one))
    assert key == Key(7, *(int(part[0]) for part in one.rows_at(np.array([900_000_001]), 7)))
    assert asked[0][0] == 900_000_001
    assert len(asked[0]) <= 4096


def test_an_iteration_keeps_the_place_that_it_began_at():
    one = sampler(Shuffled(10))
    begun = iter(one)
    one.start(3, 9)
    assert [key.epoch for key in begun] == [0] * 10


def test_an_announced_epoch_keeps_the_position_of_the_current_one():
    one = sampler(Shuffled(10))
    one.start(2, 5)
    one.set_epoch(2)
    assert len(list(one)) == 5
    one.set_epoch(3)
    assert len(list(one)) == 10


def test_the_fingerprint_is_of_the_order_alone():
    one = sampler(Repeated(Shuffled(10), 2))
    assert one.fingerprint == "shuffled, each 2 times"
    other = sampler(Repeated(Shuffled(10), 2), rank=1, world_size=3, drop_last=True, seed=5)
    assert other.fingerprint == one.fingerprint
    assert sampler(Shuffled(10)).fingerprint != one.fingerprint
