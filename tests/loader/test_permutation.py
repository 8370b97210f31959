"""Keyed permutations: bijective, inverted, fair, and as cheap far out as at the start."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augpipe.loader import permutation
from augpipe.loader.permutation import permute, position_of

LONGEST = 2**40
LENGTHS = st.one_of(
    st.integers(1, 2000),
    st.integers(1, LONGEST),
    # Next to squares, the grid is as much larger than what it holds as it can be.
    st.builds(lambda side, more: side * side + more, st.integers(2, 2**20 - 1), st.integers(0, 2)),
)
SEEDS = st.integers(0, 2**64 - 1)
EPOCHS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("lengths", [range(1, 130), [4095, 4096, 4097, 12345, 99_856, 100_003]])
def test_every_row_stands_at_one_position(lengths):
    for length in lengths:
        rows = permute(np.arange(length), length, seed=3, epoch=length % 2)
        assert np.array_equal(np.sort(rows), np.arange(length))
        assert np.array_equal(position_of(rows, length, 3, length % 2), np.arange(length))


@given(LENGTHS, SEEDS, EPOCHS, st.integers(0, 2**40 - 1), st.integers(0, 2**40 - 1), st.data())
def test_positions_are_found_again(length, seed, epoch, walk, family, data):
    some = data.draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=20))
    positions = np.array([0, length - 1, *some])
    key = {"seed": seed, "epoch": epoch, "walk": walk, "family": family}
    rows = permute(positions, length, **key)
    assert rows.min() >= 0
    assert rows.max() < length
    assert position_of(rows, length, **key).tolist() == positions.tolist()
    assert permute(position_of(positions, length, **key), length, **key).tolist() == (
        positions.tolist()
    )
    assert len(set(rows.tolist())) == len(set(positions.tolist()))


def test_many_permutations_at_once_equal_each_alone():
    count = 300
    rng = np.random.default_rng(0)
    length = rng.integers(1, 50, count)
    position, walk, family = (
        rng.integers(0, length),
        rng.integers(0, 3, count),
        np.arange(count) % 4,
    )
    together = permute(position, length, 5, 6, walk=walk, family=family)
    alone = [
        int(permute(p, n, 5, 6, walk=w, family=f)[0])
        for p, n, w, f in zip(position, length, walk, family, strict=True)
    ]
    assert together.tolist() == alone
    back = position_of(together, length, 5, 6, walk=walk, family=family)
    assert np.array_equal(back, position)


def test_what_one_seed_gives_stays_so():
    assert permute(np.arange(10), 10, seed=1, epoch=2).tolist() == [3, 9, 5, 0, 7, 8, 6, 4, 1, 2]
    assert permute([0, 2**40 - 1], 2**40, seed=1, epoch=2).tolist() == [284572653106, 347672313380]


@pytest.mark.parametrize("invert", [False, True])
def test_cycles_are_short_for_every_length(invert, monkeypatch):
    ciphered = []
    name = "_decipher" if invert else "_encipher"
    cipher = getattr(permutation, name)
    monkeypatch.setattr(
        permutation, name, lambda at, *rest: ciphered.append(len(at)) or cipher(at, *rest)
    )
    walk = position_of if invert else permute
    for side in (2, 3, 10, 100, 1000, 2**20 - 1):
        for length in (side**2 - 1, side**2, side**2 + 1, side * (side + 1) + 1):
            ciphered.clear()
            positions = np.linspace(0, length - 1, 1000).astype(np.int64)
            walk(positions, length, 0, 0)
            assert sum(ciphered) <= 1000 * (1 + 3 / side), length
            assert len(ciphered) <= 30


def test_far_positions_cost_what_near_ones_do(monkeypatch):
    sizes = []
    uniforms = permutation.uniforms
    monkeypatch.setattr(
        permutation, "uniforms", lambda *key: sizes.append(np.size(key[2])) or uniforms(*key)
    )
    permute(np.arange(1000) + 900_000_000, 10**9, 0, 0)
    assert sizes == [1]  # one key, whatever the length and the number of positions


def test_all_orders_of_four_rows_are_about_equally_frequent():
    epochs = 4800
    orders = [tuple(permute(np.arange(4), 4, seed=0, epoch=e).tolist()) for e in range(epochs)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert chi_squared(counts, epochs / math.factorial(4)) < 49.7  # 99.9 % for 23 degrees


def test_each_row_is_as_often_at_each_position():
    walks = np.arange(7000)
    for length in (5, 7):
        for position in (0, length - 1):
            rows = permute(np.full(len(walks), position), length, 0, 0, walk=walks)
            counts = np.bincount(rows, minlength=length)
            assert chi_squared(counts, len(walks) / length) < 24.3  # 99.95 % for 6 degrees


def chi_squared(counts, expected) -> float:
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"epoch": 1}, {"walk": 1}, {"family": 1}], ids=lambda o: next(iter(o))
)
def test_neighbouring_keys_share_no_order(other):
    length = 2000
    key = {"seed": 0, "epoch": 0, "walk": 0, "family": 0}
    ours = permute(np.arange(length), length, **key)
    theirs = permute(np.arange(length), length, **(key | other))
    assert (ours == theirs).sum() < 10  # one is expected by chance
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 0.1


def test_neighbours_are_torn_apart():
    rows = permute(np.arange(1000), 1000, 0, 0)
    assert (np.abs(np.diff(rows)) == 1).sum() < 10
