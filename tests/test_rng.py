"""The random numbers: published vectors, pinned values, the rules of the policy, statistics."""

from __future__ import annotations

from itertools import combinations, permutations, product

import numpy as np
import pytest
from scipy import stats

from augpipe.errors import PlanError
from augpipe.rng import (
    MAX_EPOCH,
    MAX_INDEX,
    MAX_REPEAT,
    MAX_SEED,
    philox,
    uniforms,
    uniforms_of_slots,
)

ONES = 0xFFFFFFFF
ROWS = np.arange(4096)
KEY = {"seed": 7, "epoch": 3, "index": ROWS, "repeat": 0, "slot": "affine#0"}
NEIGHBOURS = {
    "seed": {"seed": 8},
    "epoch": {"epoch": 4},
    "index": {"index": ROWS + len(ROWS)},
    "repeat": {"repeat": 1},
    "occurrence": {"slot": "affine#1"},
    "op": {"slot": "hsv#0"},
}


def draw(k: int, **changes) -> np.ndarray:
    return uniforms(**{**KEY, **changes}, k=k)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        (
            (0, 0, 0, 0),
            (0, 0),
            (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
        ),
        (
            (ONES, ONES, ONES, ONES),
            (ONES, ONES),
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
    ids=["zeros", "ones", "digits of pi"],
)
def test_philox_gives_the_published_vectors(counter, key, expected):
    """The known-answer vectors that Random123 publishes for philox4x32-10."""
    assert tuple(philox(np.array(counter, np.uint64), key)) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            (0, 0, 0, 0, "affine#0"),
            [0.987811474111036, 0.5165326057697925, 0.13637630249122656],
        ),
        (
            (MAX_SEED, MAX_EPOCH, MAX_INDEX, MAX_REPEAT, "rotate#1"),
            [0.2408174366447795, 0.6908410538842951, 0.27350202514944844],
        ),
    ],
    ids=["smallest key", "largest key"],
)
def test_draws_are_pinned(key, expected):
    assert uniforms(*key, k=3)[0].tolist() == expected, (
        "Changes your data: every picture that anybody trained on will look different. If that is "
        "meant, raise RNG_VERSION, pin the new values here, and head the entry in CHANGELOG.md "
        "'Changes your data'."
    )


def test_a_shorter_draw_is_a_prefix_of_a_longer_one():
    longest = draw(9)
    for k in range(10):
        assert np.array_equal(draw(k), longest[:, :k])


def test_slots_drawn_together_are_what_they_are_alone():
    key = 7, [3, 0], [5, MAX_INDEX], [0, 2]
    counts = {"rotate#0": 1, "none#0": 0, "crop#0": 22, "rotate#1": 3}
    together = uniforms_of_slots(*key, counts)
    for (slot, k), drawn in zip(counts.items(), together, strict=True):
        assert np.array_equal(drawn, uniforms(*key, slot, k))
        assert drawn.shape == (2, k)
    assert uniforms_of_slots(*key, {}) == []


def test_a_row_does_not_depend_on_its_batch():
    index, epoch, repeat = (
        np.array([5, 0, 5, 2**35]),
        np.array([1, 2, 3, 4]),
        np.array([0, 7, 0, 1]),
    )
    batch = draw(5, index=index, epoch=epoch, repeat=repeat)
    for row, key in enumerate(zip(index, epoch, repeat, strict=True)):
        i, e, r = (int(part) for part in key)
        assert np.array_equal(draw(5, index=i, epoch=e, repeat=r)[0], batch[row])


def test_extreme_keys_never_share_a_counter():
    edges = (0, 1, 2**16, 2**24, 2**32 - 1, 2**32, 2**33, 2**39, 2**40 - 1)
    keys = np.array(list(product((0, 1, 2**16, 2**31, 2**32 - 1), edges, edges)))
    first_two = draw(2, epoch=keys[:, 0], index=keys[:, 1], repeat=keys[:, 2])
    assert len(np.unique(first_two)) == first_two.size


def test_the_longest_draw_reaches_into_no_other_key():
    longest = 2 * 2**16
    index, repeat = np.array([0, 0, 0, 2**32, 1]), np.array([0, 1, 2**32, 0, 0])
    values = draw(longest, index=index, repeat=repeat)
    assert len(np.unique(values)) == values.size
    with pytest.raises(PlanError, match=f"holds {longest} numbers"):
        draw(longest + 1, index=0)


def test_seed_epoch_index_and_repeat_are_not_interchangeable():
    firsts = {float(uniforms(*key, "affine#0", 1)[0, 0]) for key in permutations((1, 2, 3, 4))}
    assert len(firsts) == 24


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed must be between"),
        ({"seed": MAX_SEED + 1}, "seed must be between"),
        ({"epoch": -1}, "epoch must lie between 0 and 4294967295"),
        ({"epoch": MAX_EPOCH + 1}, "epoch must lie between"),
        ({"index": MAX_INDEX + 1}, "index must lie between"),
        ({"index": np.array([0, -1])}, "index must lie between"),
        ({"repeat": MAX_REPEAT + 1}, "repeat must lie between"),
        ({"index": 0.5}, "index must be whole numbers, not float64"),
        ({"epoch": True}, "epoch must be whole numbers, not bool"),
    ],
)
def test_a_key_out_of_range_is_an_error(change, message):
    with pytest.raises(PlanError, match=message):
        draw(1, **change)


def test_draws_are_uniform():
    u = draw(8, index=np.arange(8192)).ravel()
    assert u.min() >= 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 0.01
    assert abs(u.mean() - 1 / 2) < 4 * np.sqrt(1 / 12 / u.size)
    assert abs(u.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / u.size)


def test_all_53_bits_are_used():
    bits = (draw(4).ravel() * 2**53).astype(np.uint64)
    ones = ((bits[:, None] >> np.arange(53, dtype=np.uint64)) & np.uint64(1)).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / np.sqrt(len(bits))


@pytest.mark.parametrize("change", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_neighbouring_keys_share_nothing(change):
    ours, theirs = draw(4), draw(4, **change)
    assert not np.intersect1d(ours, theirs).size
    correlation = np.corrcoef(ours.T, theirs.T)[:4, 4:]  # each column with each of the other's
    assert np.abs(correlation).max() < 5 / np.sqrt(len(ROWS))


def test_neighbouring_indices_and_columns_are_uncorrelated():
    u = draw(4)
    columns = [np.corrcoef(u[:, a], u[:, b])[0, 1] for a, b in combinations(range(4), 2)]
    rows = [np.corrcoef(u[:-1, a], u[1:, b])[0, 1] for a, b in product(range(4), repeat=2)]
    assert np.abs([*columns, *rows]).max() < 5 / np.sqrt(len(ROWS))


def test_seeds_and_epochs_cannot_be_traded():
    """Frameworks that seed with seed + epoch repeat themselves along the diagonal."""
    diagonal = [draw(4, seed=10 - epoch, epoch=epoch) for epoch in range(4)]
    assert len(np.unique(diagonal)) == np.size(diagonal)
