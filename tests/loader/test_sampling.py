"""Sampling as users ask for it: what goes together, what a dataset has to know, one stream."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch

from augpipe import ArrayDataset, MappedDataset, Recipe, TableDataset, build_loader
from augpipe.errors import AugpipeError, DataError, RecipeError, StateError
from augpipe.loader.config import Sampling
from augpipe.loader.sampling import chosen_rows, make_order
from augpipe.schema import check, read_yaml

LABELS = np.array([0, 0, 0, 0, 0, 0, 1, 1, 3])
WEIGHTS = np.array([0.0, 1, 1, 1, 1, 1, 8, 8, 0])


def pictures(labels=LABELS) -> ArrayDataset:
    """Row r is a picture of the value r."""
    count = len(labels)
    images = np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(2, 1).repeat(3, 3)
    return ArrayDataset(images, labels)


def sampling(**settings) -> Sampling:
    return check(Sampling, settings, "sampling")


def keys(shuffle=True, dataset=None, **settings) -> list[tuple[int, int]]:
    dataset = pictures() if dataset is None else dataset
    order = make_order(dataset, sampling(**settings), shuffle=shuffle)
    rows, repeats = order.at(np.arange(order.length), 0, 0)
    return list(zip(rows.tolist(), repeats.tolist(), strict=True))


def rows(**settings) -> list[int]:
    return [row for row, _ in keys(**settings)]


def test_by_default_each_row_is_shown_once():
    assert sorted(keys()) == [(row, 0) for row in range(9)]
    assert keys(shuffle=False) == [(row, 0) for row in range(9)]


def test_balanced_shows_the_classes_that_have_rows_equally_often():
    assert Counter(LABELS[rows(balanced=True)].tolist()) == {0: 3, 1: 3, 3: 3}
    assert Counter(LABELS[rows(balanced=True, rows="4:8")].tolist()) == {0: 2, 1: 2}
    assert set(rows(balanced=True, rows="4:8", length=100)) == {4, 5, 6, 7}


def test_weights_are_those_of_the_rows_of_the_dataset_even_if_some_are_chosen():
    shown = rows(weights=WEIGHTS, length=2000)
    assert set(shown) == set(range(1, 8))
    assert 0.7 < np.isin(shown, [6, 7]).mean() < 0.82  # 16 of 21
    assert set(rows(weights=list(WEIGHTS), rows=[8, 0, 5, 2], length=50)) == {2, 5}


def test_with_replacement_rows_differ_in_how_often_they_come():
    shown = rows(replacement=True, length=200)
    assert set(shown) == set(range(9))
    assert rows(replacement=True) == shown[:9]


def test_repeats_make_an_epoch_longer_unless_its_length_is_given():
    assert Counter(rows(repeats=3)) == dict.fromkeys(range(9), 3)
    assert rows(repeats=3, length=9) == rows(repeats=3)[:9]
    assert keys(shuffle=False, repeats=2, rows=[4, 2]) == [(4, 0), (4, 1), (2, 0), (2, 1)]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("2:5", [2, 3, 4]),
        ("::4", [0, 4, 8]),
        ("-2:", [7, 8]),
        ("::-4", [8, 4, 0]),
        (slice(7, None), [7, 8]),
        (range(8, 0, -3), [8, 5, 2]),
        ([3, 1, 2], [3, 1, 2]),
        (np.array([3, 1], np.uint64), [3, 1]),
        (torch.tensor([5, 4]), [5, 4]),
    ],
    ids=str,
)
def test_rows_are_chosen_by_numbers_and_slices(chosen, expected):
    assert rows(rows=chosen, shuffle=False) == expected
    assert sorted(rows(rows=chosen)) == sorted(expected)
    assert [int(row) for row in chosen_rows(sampling(rows=chosen), 9)] == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"balanced": True, "replacement": True}, "balanced and replacement each say how rows"),
        ({"balanced": True, "weights": [1], "replacement": True}, "balanced and weights and repl"),
        ({"weights": [1.0] * 8}, "sampling.weights holds 8 numbers for 9 rows; give one for each"),
        ({"weights": [1, 2, -1, 1, 1, 1, 1, 1, 1]}, "item 2 of an array of 9: sampling.weights"),
        ({"weights": [1, np.nan, *[1] * 7]}, "gives row 1 the weight nan; weights are finite"),
        ({"weights": np.r_[[1] * 8, np.inf]}, "gives row 8 the weight inf"),
        ({"weights": [0] * 9}, "every row the weight 0, from item 0 of an array of 9 on"),
        ({"weights": WEIGHTS, "rows": [8, 0]}, "every row the weight 0, from item 8"),
        ({"weights": "often"}, "ArrayDataset has no column 'often': only tables have columns"),
        ({"weights": 3}, "weights: should be a number for each row, or the name of a column"),
        ({"weights": [[1, 2]]}, "weights: should be a number for each row"),
        ({"rows": [1, 9]}, "sampling.rows holds 9, which is not between 0 and 8"),
        ({"rows": [-1, 1]}, "sampling.rows holds -1, which is not between 0 and 8"),
        ({"rows": np.array([2**63], np.uint64)}, "sampling.rows holds 9223372036854775808"),
        ({"rows": range(5, 12)}, "sampling.rows holds 11"),
        ({"rows": "0:10"}, "sampling.rows holds 10, which is not between -9 and 9"),
        ({"rows": [3, 5, 3]}, "sampling.rows holds 3 more than once; to show rows more often"),
        ({"rows": "5:5"}, "sampling chooses none of the 9 rows"),
        ({"rows": range(0)}, "sampling chooses none of the 9 rows"),
        ({"rows": []}, "rows: should be row numbers, or a slice such as '100:200', not []"),
        ({"rows": "1-2"}, "rows: should be row numbers, or a slice such as '100:200', not '1-2'"),
        ({"rows": 650}, "rows: should be row numbers, or a slice"),  # what YAML makes of 10:50
        ({"rows": "::0"}, "rows: should be row numbers, or a slice"),
        ({"rows": [[1], [2, 3]]}, "rows: should be row numbers, or a slice"),
        ({"rows": [True, False]}, "rows: should be row numbers, or a slice"),
        ({"rows": np.ones(9, bool)}, "rows: should be row numbers, or a slice"),
        ({"rows": [1.0]}, "rows: should be row numbers, or a slice"),
        ({"repeats": 0}, "repeats: should be greater than or equal to 1, not 0"),
        ({"repeats": 2**38}, "an epoch of 2473901162496 positions is longer than 1099511627776"),
        ({"length": 0}, "length: should be greater than or equal to 1, not 0"),
        ({"balnced": True}, "balnced: unknown key; did you mean 'balanced'?"),
        ({"balanced": 3}, "balanced: should be a valid boolean"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_makes_no_sense_is_an_error_that_says_so(settings, message):
    with pytest.raises(AugpipeError) as caught:
        keys(**settings)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "settings", [{"balanced": True}, {"weights": WEIGHTS}, {"replacement": True}], ids=str
)
def test_rows_are_not_drawn_where_they_are_to_come_in_order(settings):
    (name,) = settings
    with pytest.raises(RecipeError, match=f"sampling.{name} draws rows, which shuffle=False"):
        keys(shuffle=False, **settings)


@pytest.mark.parametrize("settings", [{"balanced": True}, {"replacement": True}, {"length": 3}])
def test_nothing_is_drawn_from_nothing(settings):
    with pytest.raises(RecipeError, match="none of the 0 rows"):
        keys(dataset=MappedDataset([]), **settings)
    assert keys(dataset=MappedDataset([])) == []


def test_balanced_needs_labels_that_are_known_without_opening_rows():
    with pytest.raises(DataError, match="MappedDataset does not know without opening them all"):
        keys(dataset=MappedDataset([1, 2]), balanced=True)
    with pytest.raises(DataError, match="ArrayDataset does not know"):
        keys(dataset=ArrayDataset(np.zeros((2, 3, 3), np.uint8)), balanced=True)


def test_weights_are_a_column_of_a_table(tmp_path):
    table = tmp_path / "photos.csv"
    table.write_text("path,label,often\na.png,x,0\nb.png,y,2.5\nc.png,x,-1\n")
    dataset = TableDataset(table)
    with pytest.raises(DataError, match=r"row 4 of .*c\.png\): column 'often' gives row 2 .* -1"):
        keys(dataset=dataset, weights="often")
    table.write_text("path,label,often\na.png,x,0\nb.png,y,2.5\nc.png,x,1e-3\n")
    shown = Counter(rows(dataset=TableDataset(table), weights="often", length=1000))
    assert shown[1] > 980
    assert shown[0] == 0
    with pytest.raises(DataError, match=r"no column 'oftn' for numbers; did you mean 'often'\?"):
        keys(dataset=dataset, weights="oftn")


ALL = [
    {},
    {"balanced": True},
    {"weights": WEIGHTS},
    {"replacement": True},
    {"repeats": 3},
    {"rows": [7, 1, 3, 8, 0]},
    {"length": 20},
    {"balanced": True, "repeats": 2, "rows": "1:", "length": 17},
]


def shown(batches) -> list[tuple[int, int, int]]:
    """Row, repeat and a pixel of each sample."""
    return [
        (int(row), int(repeat), int(image.flatten()[0]))
        for batch in batches
        for row, repeat, image in zip(batch.index, batch.repeat, batch.images, strict=True)
    ]


@pytest.mark.parametrize("settings", ALL, ids=str)
def test_the_stream_is_one_whatever_the_ranks_the_batch_and_the_interruption(settings):
    def loader(**options):
        return build_loader(pictures(), sampling=settings, seed=3, **options)

    whole = shown(loader(batch_size=1))
    assert all(row == pixel for row, _, pixel in whole)
    assert len({key[:2] for key in whole}) == len(whole)
    for world_size, batch_size in product((1, 2, 3), (1, 4)):
        options = {"world_size": world_size, "batch_size": batch_size}
        ranks = [shown(loader(rank=rank, **options)) for rank in range(world_size)]
        turns = [key for turn in zip(*ranks, strict=True) for key in turn]
        assert turns[: len(whole)] == whole
    interrupted = loader(batch_size=2)
    first = shown([next(iter(interrupted))])
    resumed = loader(batch_size=3)
    resumed.load_state_dict(interrupted.state_dict())
    assert first + shown(resumed) == whole


def test_showings_of_one_row_are_augmented_differently():
    images = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), np.uint8)
    for settings in ({"repeats": 6}, {"replacement": True, "length": 6}, {"length": 6}):
        loader = build_loader((images, [0]), [{"rotate": {"degrees": 90}}], sampling=settings)
        (batch,) = loader
        assert len({image.numpy().tobytes() for image in batch.images}) == 6
        again = loader.replay(0, 0, repeat=int(batch.repeat[4])).image
        assert np.array_equal(again, batch.images[4].permute(1, 2, 0).numpy())


def test_a_recipe_says_how_to_sample_and_keeps_it():
    recipe = Recipe.parse({"loader": {"sampling": {"rows": "10:50", "weights": "often"}}})
    again = Recipe.parse(Recipe.parse(_yaml(recipe)).model_dump(mode="json"))
    assert again == recipe
    assert again.loader.sampling.rows == slice(10, 50)
    assert again.fingerprint == recipe.fingerprint
    other = Recipe.parse({"loader": {"sampling": {"rows": "10:51", "weights": "often"}}})
    assert other.fingerprint != recipe.fingerprint
    with pytest.raises(RecipeError, match=r"^loader\.sampling\.balnced: unknown key; did you mean"):
        Recipe.parse({"loader": {"sampling": {"balnced": True}}})


@pytest.mark.parametrize("given", [[3, 1], (3, 1), np.array([3, 1]), torch.tensor([3, 1])])
def test_what_arrays_say_is_written_down_as_lists(given):
    written = Recipe.parse({"loader": {"sampling": {"rows": given, "weights": given}}})
    values = _yaml(written)["loader"]["sampling"]
    assert values["rows"] == values["weights"] == [3, 1]


def _yaml(recipe):
    return read_yaml(recipe.to_yaml())


def test_settings_given_as_such_are_taken():
    loader = build_loader(pictures(), sampling=Sampling(repeats=2), batch_size=20)
    assert len(shown(loader)) == 18


class Watched(MappedDataset):
    """Remembers which rows were opened; row 4 is bad."""

    def __init__(self, dataset) -> None:
        super().__init__(dataset)
        self.opened: set[int] = set()

    def row(self, index: int):
        self.opened.add(index)
        if index == 4:
            raise DataError(f"{self.where(index)} is bad")
        return super().row(index)


def test_rows_that_are_not_chosen_are_shown_to_nobody_in_any_role():
    images = np.zeros((60, 8, 8, 3), np.uint8)
    dataset = Watched(list(images))
    loader = build_loader(
        dataset,
        [{"mosaic": {"size": 8}}, "mixup"],
        sampling={"rows": "3:60:3"},
        num_workers=0,
        on_error="replace",
    )
    for _ in range(4):
        list(loader)
    assert dataset.opened == set(range(3, 60, 3))
    dataset.opened.clear()
    bad = build_loader(
        dataset, sampling={"rows": [4, 7, 8]}, num_workers=0, on_error="replace", batch_size=1
    )
    shown = [row for _ in range(9) for batch in bad for row in batch.index.tolist()]
    assert dataset.opened == {4, 7, 8}
    assert set(shown) == {7, 8}


def test_a_state_of_another_sampling_is_refused():
    state = build_loader(pictures(), num_workers=0).state_dict()
    other = build_loader(pictures(), num_workers=0, sampling={"balanced": True})
    with pytest.raises(StateError, match=r"sampling 'shuffled', .* 'balanced"):
        other.load_state_dict(state)
