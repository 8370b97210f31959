"""What is decided about a batch of warps is what is decided about each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from augpipe.execute import warp
from augpipe.execute.decide import crops_within, decide

SIDES = st.integers(1, 40)
SIZES = st.tuples(SIDES, SIDES)

# Just below, at and just above what is taken for rounding.
HAIR = (0.0, 1e-9, 0.9e-6, 1.1e-6, 1e-3)


def upright(rng: np.random.Generator, out: warp.Size) -> np.ndarray:
    """Flips, turns and crops by whole pixels, some scaled, some of them inside of the picture."""
    matrix = np.eye(3)
    flips = rng.choice([1, -1], 2)
    matrix[[0, 1], [0, 1]] = flips * rng.choice([1, 1, 1, 2, 3, 0.5, 0.7], 2)
    if rng.random() < 0.4:
        matrix[:2, :2] = matrix[:2, 1::-1]
    matrix[:2, 2] = rng.integers(-3, 6, 2) + np.where(flips < 0, rng.choice(out, 2), 0)
    return matrix


def anything(rng: np.random.Generator, out: warp.Size) -> np.ndarray:
    """Any map, some with perspective, some seen from beyond the horizon, some that are flat."""
    matrix = np.eye(3)
    matrix[:2] = rng.normal(0, 3, (2, 3))
    matrix[:2, 2] *= max(out)
    matrix[2, :2] = rng.choice([0, 0, 1e-3, -0.2], 2)
    matrix[:2, :2] *= rng.random((2, 2)) < 0.7
    return matrix


def nearly(rng: np.random.Generator, out: warp.Size) -> np.ndarray:
    """An upright map, off by a hair."""
    matrix = upright(rng, out)
    matrix[rng.integers(2), rng.integers(3)] += rng.choice(HAIR) * rng.choice([1, -1])
    return matrix


def batch(seed: int, out: warp.Size) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kinds = (upright, nearly, anything)
    return np.array([kinds[row % 3](rng, out) for row in range(60)])


def one_by_one(matrix: np.ndarray, out: warp.Size, source: warp.Size) -> list[tuple]:
    """For each row: the exact crop, whether it leaves, and the inset."""
    rows = []
    for row in matrix:
        crop = warp.as_crop(row, out, source)
        exact = crop if crop and crop.size == out else None
        rows.append((exact, warp.leaves(row, out, source), warp.as_inset(row, out, source)))
    return rows


def together(matrix: np.ndarray, out: warp.Size, source: warp.Size) -> list[tuple]:
    """The same of `decide`."""
    found = decide(matrix, out, source)
    turns = zip(found.transpose.tolist(), found.flip_y.tolist(), found.flip_x.tolist(), strict=True)
    crops = [warp.Crop(*crop, *turn) for crop, turn in zip(found.crop.tolist(), turns, strict=True)]
    insets = [warp.Rectangle(*inset) for inset in found.inset.tolist()]
    assert not found.crop[~found.exact].any()
    assert not found.inset[~found.has_inset].any()
    return [
        (crop if exact else None, away, inset if fills else None)
        for crop, exact, away, inset, fills in zip(
            crops,
            found.exact.tolist(),
            found.leaves.tolist(),
            insets,
            found.has_inset.tolist(),
            strict=True,
        )
    ]


@given(st.integers(0, 2**32), SIZES, SIZES)
@example(0, (30, 30), (30, 30))
@settings(max_examples=80, deadline=None)
def test_each_row_is_decided_as_alone(seed, out, source):
    matrix = batch(seed, out)
    assert together(matrix, out, source) == one_by_one(matrix, out, source)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), SIZES)
def test_in_a_picture_of_the_same_size(seed, size):
    matrix = batch(seed, size)
    assert together(matrix, size, size) == one_by_one(matrix, size, size)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), SIZES, SIZES)
@example(0, (7, 9), (12, 12))
def test_what_lies_in_its_frame_is_a_crop_as_it_is_without_the_frame(seed, out, source):
    matrix = batch(seed, out)
    inset = decide(matrix, out, source).inset
    found = crops_within(matrix, inset, source)
    for row, exact in enumerate(found.exact):
        filled = warp.Rectangle(*inset[row].tolist())
        crop = warp.as_crop(filled.shift(matrix[row]), filled.size, source)
        assert exact == (min(filled.size) > 0 and crop is not None and crop.size == filled.size)
        if exact:
            turns = found.transpose[row], found.flip_y[row], found.flip_x[row]
            assert crop == (*found.crop[row], *turns)


def test_the_rows_of_these_tests_go_every_way():
    """Or they would prove nothing."""
    rows = [row for seed in range(40) for row in one_by_one(batch(seed, (7, 9)), (7, 9), (12, 12))]
    crops, leaves, insets = zip(*rows, strict=True)
    assert {crop[4:] for crop in crops if crop} == {
        (t, y, x) for t in (False, True) for y in (False, True) for x in (False, True)
    }
    assert 0.1 < np.mean(leaves) < 0.9
    assert any(inset and min(inset.size) > 0 for inset in insets)
    assert any(inset and min(inset.size) <= 0 for inset in insets)
    assert any(inset is None for inset in insets)
    framed = np.zeros(60, bool)
    for seed in range(40):
        matrix = batch(seed, (7, 9))
        found = decide(matrix, (7, 9), (12, 12))
        framed |= crops_within(matrix, found.inset, (12, 12)).exact & ~found.exact
    assert framed.any()


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, bool) for name in ("exact", "transpose", "flip_y", "flip_x")),
        *((name, bool) for name in ("leaves", "has_inset")),
        *((name, np.int64) for name in ("crop", "inset")),
    ],
)
def test_types(name, dtype):
    assert getattr(decide(np.stack([np.eye(3)] * 2), (3, 4), (3, 4)), name).dtype == dtype


@pytest.mark.parametrize("flat", [0.0, 1e-7, -1e-300])
def test_what_shows_a_line_of_the_picture_is_neither_crop_nor_inset(flat):
    matrix = np.diag([flat, 1, 1])
    assert warp.as_crop(matrix, (4, 4), (4, 4)) is None
    assert warp.as_inset(matrix, (4, 4), (4, 4)) is None
    found = decide(matrix[None], (4, 4), (4, 4))
    assert not found.exact.any()
    assert not found.has_inset.any()


def test_no_rows_at_all():
    assert all(len(part) == 0 for part in decide(np.zeros((0, 3, 3)), (3, 4), (5, 6)))
