"""Orders: what each promises of its rows, and that any position is found by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augpipe.loader import positions
from augpipe.loader.positions import (
    Among,
    Balanced,
    Limited,
    Repeated,
    Sequential,
    Shuffled,
    Uniform,
    Weighted,
)

BELOW_ONE = 1 - 2.0**-53

counts = st.integers(1, 30)
labels = st.lists(st.sampled_from([0, 1, 5, 2**40]), min_size=1, max_size=30).map(np.array)
weights = st.lists(st.sampled_from([0.0, 0.5, 3.0]), max_size=20).map(lambda w: np.array([1.0, *w]))
plain = st.one_of(
    st.builds(Sequential, counts),
    st.builds(Shuffled, counts),
    st.builds(Balanced, labels),
    st.builds(Uniform, counts),
    st.builds(Weighted, weights),
)


def among(order) -> Among:
    return Among(order, np.random.default_rng(0).permutation(1000))


orders = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.builds(Repeated, inner, st.integers(1, 4)),
        st.builds(Limited, inner, st.integers(1, 60)),
        st.builds(among, inner),
    ),
    max_leaves=3,
)


def whole(order, times=1, epoch=0):
    """Rows and repeats of an epoch, or of as many in succession."""
    return order.at(np.arange(times * order.length), 0, epoch)


@given(orders, st.integers(0, 2**32 - 1))
def test_a_key_occurs_once_and_a_position_is_found_by_itself(order, epoch):
    rows, repeats = whole(order, times=2, epoch=epoch)
    assert rows.dtype == repeats.dtype == np.int64
    assert len(set(zip(rows.tolist(), repeats.tolist(), strict=True))) == 2 * order.length
    for position in {0, order.length // 2, order.length, 2 * order.length - 1}:
        row, repeat = order.at(np.array([position]), 0, epoch)
        assert (row[0], repeat[0]) == (rows[position], repeats[position])


@pytest.mark.parametrize("length", [1, 2, 7, 100])
def test_shuffled_rows_come_once_and_again_in_another_order(length):
    rows, repeats = (part.reshape(5, length) for part in whole(Shuffled(length), times=5))
    assert np.array_equal(np.sort(rows), np.tile(np.arange(length), (5, 1)))
    assert np.array_equal(repeats, np.arange(5)[:, None].repeat(length, 1))
    if length > 5:  # or else two of five may well be the same
        assert len(np.unique(rows, axis=0)) == 5


def test_in_order_rows_come_as_they_are_and_then_again():
    rows, repeats = whole(Sequential(3), times=2)
    assert rows.tolist() == [0, 1, 2, 0, 1, 2]
    assert repeats.tolist() == [0, 0, 0, 1, 1, 1]


@given(labels, st.integers(0, 100))
def test_every_block_shows_every_class_once_and_every_class_its_rows_in_turn(labels, epoch):
    order, classes = Balanced(labels), np.unique(labels)
    assert order.length % len(classes) == 0
    assert len(labels) <= order.length < len(labels) + len(classes)
    turns = 2 * len(labels)
    rows, repeats = order.at(np.arange(turns * len(classes)), 7, epoch)
    assert np.array_equal(np.sort(labels[rows].reshape(turns, -1)), np.tile(classes, (turns, 1)))
    for label in classes:
        own, walks = rows[labels[rows] == label], repeats[labels[rows] == label]
        members = np.flatnonzero(labels == label)
        full = turns // len(members)
        walked = own[: full * len(members)].reshape(full, -1)
        assert np.array_equal(np.sort(walked), np.tile(members, (full, 1)))
        assert np.array_equal(walks, np.arange(turns) // len(members))


def test_classes_and_their_rows_are_shuffled_independently():
    labels = np.arange(2000) % 4
    order = Balanced(labels)
    rows, _ = whole(order)
    blocks = labels[rows].reshape(-1, 4)
    assert len(np.unique(blocks, axis=0)) == 24  # all orders of four classes
    ranks = [rows[labels[rows] == label] // 4 for label in range(4)]
    for one in range(4):
        for other in range(one):
            assert abs(np.corrcoef(ranks[one], ranks[other])[0, 1]) < 0.2
    assert not np.array_equal(rows, whole(order, epoch=1)[0])


def test_a_class_goes_through_its_rows_in_another_order_each_time():
    rows, _ = whole(Balanced(np.zeros(20, np.int64)), times=5)
    assert len(np.unique(rows.reshape(5, 20), axis=0)) == 5


def test_rows_are_drawn_as_often_as_they_weigh():
    weights = np.array([0, 1, 0, 2, 5, 0.5, 0])
    drawn, position = Weighted(weights).at(np.arange(20_000), 3, 4)
    assert np.array_equal(position, np.arange(20_000))
    found, expected = np.bincount(drawn, minlength=7), weights / weights.sum() * 20_000
    assert found[weights == 0].tolist() == [0, 0, 0]
    heavy = weights > 0
    assert ((found - expected)[heavy] ** 2 / expected[heavy]).sum() < 16.3  # 99.9 %, 3 degrees


def test_rows_are_drawn_equally_often_with_replacement():
    drawn, position = Uniform(10).at(np.arange(20_000), 3, 4)
    assert np.array_equal(position, np.arange(20_000))
    assert ((np.bincount(drawn, minlength=10) - 2000) ** 2 / 2000).sum() < 27.9  # 9 degrees
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.03


@pytest.mark.parametrize(
    "order",
    [Shuffled(30), Balanced(np.arange(30) % 3), Uniform(30), Weighted(np.ones(30))],
    ids=str,
)
def test_every_epoch_and_seed_has_rows_of_its_own(order):
    shown = [order.at(np.arange(30), *key)[0].tolist() for key in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert len(set(map(tuple, shown))) == 4


@pytest.mark.parametrize(
    ("weights", "first", "last"),
    [
        ([0, 0, 1, 0], 2, 2),
        ([1, 0, 0], 0, 0),
        ([0, 1e308, 1e308, 1e308, 0], 1, 3),
        ([0, 5e-324, 5e-324, 0], 1, 2),
        ([0.1] * 1000 + [0], 0, 999),
    ],
    ids=str,
)
def test_the_most_extreme_draws_hit_rows_with_weight(weights, first, last, monkeypatch):
    extremes = np.array([0.0, BELOW_ONE])
    monkeypatch.setattr(positions, "_draws", lambda *_: extremes)
    rows, _ = Weighted(np.array(weights)).at(np.arange(2), 0, 0)
    assert rows.tolist() == [first, last]


@pytest.mark.parametrize("length", [1, 3, 2**40 - 1, 2**40])
def test_the_most_extreme_draws_are_rows(length, monkeypatch):
    monkeypatch.setattr(positions, "_draws", lambda *_: np.array([0.0, BELOW_ONE]))
    assert Uniform(length).at(np.arange(2), 0, 0)[0].tolist() == [0, length - 1]


@given(plain, st.integers(1, 5))
def test_repeated_rows_stand_side_by_side(inner, times):
    order = Repeated(inner, times)
    assert order.length == times * inner.length
    rows, repeats = (part.reshape(-1, times) for part in whole(order))
    base, before = whole(inner)
    assert np.array_equal(rows, base[:, None].repeat(times, 1))
    assert np.array_equal(repeats, before[:, None] * times + np.arange(times))


@given(plain)
def test_a_selection_is_looked_up(inner):
    chosen = np.random.default_rng(1).permutation(1000)[:100]
    for rows in (chosen, range(10, 900, 7), range(900, 10, -7)):
        looked_up, repeats = whole(Among(inner, rows))
        places, before = whole(inner)
        assert looked_up.tolist() == [rows[place] for place in places.tolist()]
        assert np.array_equal(repeats, before)


def test_another_length_is_the_same_order_cut_or_continued():
    shuffled = Shuffled(10)
    ours = whole(shuffled, times=3)
    for length in (1, 4, 10, 25):
        cut = whole(Limited(shuffled, length))
        assert [part.tolist() for part in cut] == [part[:length].tolist() for part in ours]


DIFFERENT = [
    Sequential(6),
    Shuffled(6),
    Uniform(6),
    Balanced(np.array([0, 0, 0, 1, 1, 1])),
    Balanced(np.array([0, 1, 0, 1, 0, 1])),
    Balanced(np.array([0, 0, 0, 0, 1, 1])),
    Weighted(np.ones(6)),
    Weighted(np.array([1, 1, 1, 1, 1, 1.001])),
    Repeated(Shuffled(6), 2),
    Repeated(Shuffled(6), 3),
    Among(Shuffled(6), range(6)),
    Among(Shuffled(6), range(1, 7)),
    Among(Shuffled(6), np.array([0, 1, 2, 3, 4, 6])),
    Among(Shuffled(6), np.array([1, 0, 2, 3, 4, 6])),
    Limited(Shuffled(6), 5),
    Limited(Shuffled(6), 7),
    Repeated(Limited(Shuffled(6), 5), 2),
]


def test_different_orders_say_so():
    assert len({str(order) for order in DIFFERENT}) == len(DIFFERENT)
    assert max(len(str(order)) for order in DIFFERENT) < 100
    assert str(Repeated(Shuffled(6), 2)) == "shuffled, each 2 times"


def test_far_positions_of_a_billion_rows_are_found():
    far = np.array([900_000_000, 10**9 - 1])
    for order in (Sequential(10**9), Shuffled(10**9), Uniform(10**9), Repeated(Shuffled(10**9), 3)):
        rows, _ = Among(order, range(5, 5 + 2 * 10**9, 2)).at(far, 0, 0)
        assert rows.min() >= 5
        assert rows.max() < 5 + 2 * 10**9
        assert (rows % 2 == 1).all()
