from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)

from augpipe.errors import DataError
from augpipe.train.split import deal, folds, split

GOLDEN = [1, 0, 2, 0, 0, 2, 0, 0, 1, 2, 0, 1]
RATIOS = {"train": 0.7, "val": 0.2, "test": 0.1}


def labels_of(rows, classes=5, seed=0):
    """Classes of very different sizes."""
    generator = np.random.default_rng(seed)
    shares = 2.0 ** -np.arange(classes)
    return generator.choice(classes, rows, p=shares / shares.sum())


def groups_of(rows, groups, seed=1):
    return np.random.default_rng(seed).integers(groups, size=rows)


@given(
    st.integers(10, 300), st.integers(0, 2**64 - 1), st.sampled_from(["plain", "class", "group"])
)
@settings(max_examples=60, deadline=None)
def test_every_row_lands_in_exactly_one_part(rows, seed, kind):
    labels = labels_of(rows) if kind == "class" else None
    groups = np.arange(rows) // 3 if kind == "group" else None
    parts = split(rows, {"a": 3, "b": 2, "c": 1}, seed=seed, labels=labels, groups=groups)
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(rows))
    assert all(np.array_equal(part, np.sort(part)) for part in parts.values())


@pytest.mark.parametrize("rows", [10, 11, 99, 1000])
def test_plain_parts_have_their_shares(rows):
    parts = split(rows, RATIOS)
    for name, ratio in RATIOS.items():
        assert abs(len(parts[name]) - ratio * rows) < 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rows", [50, 333, 2000])
def test_stratified_parts_have_their_share_of_each_class_and_of_all(rows, seed):
    labels = labels_of(rows, seed=seed)
    parts = split(rows, RATIOS, labels=labels, seed=seed)
    for name, ratio in RATIOS.items():
        for label, count in Counter(labels.tolist()).items():
            assert abs((labels[parts[name]] == label).sum() - ratio * count) < 1
        assert abs(len(parts[name]) - ratio * rows) < 2


def test_one_row_of_each_class_is_not_all_for_the_first_part():
    parts = deal(100, [0.5, 0.5], labels=np.arange(100))
    assert np.bincount(parts).tolist() == [50, 50]


def test_another_seed_is_another_split_and_the_same_seed_the_same():
    one, same, other = (split(200, RATIOS, seed=seed)["val"] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert len(np.intersect1d(one, other)) < 20


def test_what_seed_0_deals_stays_so():
    parts = deal(12, [2, 1, 1], labels=[0, 1] * 6, seed=0)
    assert parts.tolist() == GOLDEN, "this changes users' splits: head the changelog with it"


def test_rows_are_dealt_at_random():
    counts = sum(np.bincount(split(20, RATIOS, seed=s)["val"], minlength=20) for s in range(500))
    assert counts.min() > 60  # 100 expected, with a deviation of 9
    assert counts.max() < 140


@pytest.mark.parametrize("rows", [30, 101])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_fold_sizes_are_those_of_scikit_learn(rows, count):
    ours = sorted(len(val) for _, val in folds(rows, count))
    theirs = sorted(len(val) for _, val in KFold(count).split(np.zeros(rows)))
    assert ours == theirs


@pytest.mark.parametrize("count", [2, 3, 5])
def test_stratified_folds_are_as_even_as_scikit_learns(count):
    labels = labels_of(300)

    def unevenness(pairs):
        tables = np.array([np.bincount(labels[val], minlength=5) for _, val in pairs])
        return np.ptp(tables, axis=0).max(), np.ptp(tables.sum(axis=1))

    theirs = unevenness(StratifiedKFold(count).split(np.zeros(300), labels))
    ours = unevenness(folds(300, count, labels=labels))
    assert max(ours[0], 1) <= max(theirs[0], 1)
    assert ours[1] <= max(theirs[1], 1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("count", [2, 3, 5])
def test_grouped_folds_have_the_sizes_of_scikit_learns(count, seed):
    groups = groups_of(200, 23, seed)
    ours = sorted(len(val) for _, val in folds(200, count, groups=groups, seed=seed))
    theirs = GroupKFold(count).split(np.zeros(200), groups=groups)
    assert ours == sorted(len(val) for _, val in theirs)


@pytest.mark.parametrize("count", [3, 5])
@pytest.mark.parametrize("stratified", [False, True])
def test_groups_are_never_torn_apart(count, stratified):
    groups = groups_of(400, 40)
    labels = labels_of(400) if stratified else None
    for train, val in folds(400, count, groups=groups, labels=labels):
        assert not set(groups[train]) & set(groups[val])
        assert len(train) + len(val) == 400


@pytest.mark.parametrize("seed", range(5))
def test_stratified_groups_are_about_as_even_as_scikit_learns(seed):
    labels, groups = labels_of(600, 4, seed), groups_of(600, 60, seed)

    def spread(pairs):
        tables = np.array([np.bincount(labels[val], minlength=4) for _, val in pairs])
        return (tables.std(axis=0) / tables.mean(axis=0)).sum()

    theirs = spread(StratifiedGroupKFold(4).split(np.zeros(600), labels, groups))
    assert spread(folds(600, 4, labels=labels, groups=groups, seed=seed)) <= 1.1 * theirs


def test_grouped_parts_have_about_their_shares_of_each_class():
    labels, groups = labels_of(2000, 3), groups_of(2000, 300)
    parts = split(2000, RATIOS, labels=labels, groups=groups)
    for name, ratio in RATIOS.items():
        share = np.bincount(labels[parts[name]]) / np.bincount(labels)
        assert share == pytest.approx([ratio] * 3, abs=0.02)


def test_large_groups_do_not_go_to_a_small_part():
    parts = deal(100, [0.8, 0.2], groups=[0] * 35 + [1] * 33 + list(range(2, 34)))
    assert np.bincount(parts).tolist() == [80, 20]


def test_few_groups_fill_all_parts():
    parts = split(9, RATIOS, groups=np.repeat(["ann", "bob", "eve"], 3))
    assert sorted(map(len, parts.values())) == [3, 3, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: split(3, RATIOS), "part 3 of 3 would get none of 3 rows"),
        (lambda: split(0, RATIOS), "none of 0 rows"),
        (lambda: folds(0, 2, groups=[]), "none of 0 rows"),
        (lambda: folds(4, 3, groups=[0, 0, 1, 1]), "would get none of 4 rows"),
        (lambda: folds(4, 1), "1 fold"),
        (lambda: split(9, {"train": 1, "val": 0}), "each has to be above 0"),
        (lambda: split(9, {"train": 1, "val": float("nan")}), "each has to be above 0"),
        (lambda: split(9, {}), "each has to be above 0"),
        (lambda: split(9, RATIOS, labels=[1, 2]), r"labels have the shape \(2,\)"),
        (lambda: split(9, RATIOS, groups=[1, 2]), r"groups have the shape \(2,\)"),
    ],
)
def test_what_cannot_be_split_is_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()
