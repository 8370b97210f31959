from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import yaml

from augpipe.data.folder import FolderDataset
from augpipe.data.open import open_dataset
from augpipe.train.split import folds, split


def sets_of(out):
    """The datasets of the `data` section that was printed."""
    section = yaml.safe_load(out[out.index("\ndata:") :])
    return {part: open_dataset(place) for part, place in section["data"].items()}


def names(dataset):
    return [dataset.path(row) for row in range(len(dataset))]


def test_the_printed_section_reads_the_split(augpipe, shapes, tmp_path):
    ended = augpipe("split", shapes, "--ratios", "0.5,0.25,0.25", "--seed", 3, "--out", tmp_path)
    assert ended.code == 0
    whole = FolderDataset(shapes)
    expected = split(32, {"train": 0.5, "val": 0.25, "test": 0.25}, seed=3, labels=whole.labels)
    for part, dataset in sets_of(ended.out).items():
        rows = expected[part]
        assert names(dataset) == [names(whole)[row] for row in rows]
        assert np.array_equal(dataset.labels, whole.labels[rows])
        assert dataset.classes == whole.classes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.csv", "train.csv", "val.csv"]


def test_as_json_it_says_where_the_tables_are(augpipe, shapes, tmp_path):
    ended = augpipe("split", shapes, "--ratios", "0.75,0.25", "--out", tmp_path, "--json")
    told = json.loads(ended.out)
    assert {name: part["rows"] for name, part in told["parts"].items()} == {"train": 24, "val": 8}
    for name, place in told["data"].items():
        assert place["path"] == told["parts"][name]["file"]
        assert len(open_dataset(place)) == told["parts"][name]["rows"]


def test_classes_named_as_numbers_keep_their_places(augpipe, shapes, tmp_path):
    for folder, number in (("circle", "3"), ("square", "1"), ("star", "2")):
        (tmp_path / "data" / number).mkdir(parents=True)
        for picture in (shapes / folder).iterdir():
            (tmp_path / "data" / number / picture.name).write_bytes(picture.read_bytes())
    out = augpipe("split", tmp_path / "data", "--out", tmp_path / "out").out
    for dataset in sets_of(out).values():
        assert dataset.classes == ("1", "2", "3")
        for row, path in enumerate(names(dataset)):
            assert f"/{dataset.classes[dataset.labels[row]]}/" in path


def test_folds_have_folders_of_their_own(augpipe, shapes, tmp_path):
    ended = augpipe("split", shapes, "--folds", 3, "--no-stratify", "--out", tmp_path)
    assert ended.code == 0
    whole = names(FolderDataset(shapes))
    for number, pair in enumerate(folds(32, 3)):
        for part, rows in zip(("train", "val"), pair, strict=True):
            table = (tmp_path / f"fold-{number}" / f"{part}.csv").read_text()
            paths = [row["path"] for row in csv.DictReader(table.splitlines())]
            assert [str(shapes / path) for path in paths] == [whole[row] for row in rows]


@pytest.fixture
def patients(shapes, tmp_path):
    rows = [["path", "label", "patient"]]
    for number, picture in enumerate(sorted(shapes.glob("*/*.*"))):
        rows.append([str(picture.relative_to(shapes)), picture.parent.name, f"p{number % 10}"])
    table = tmp_path / "patients.csv"
    with table.open("w") as file:
        csv.writer(file).writerows(rows)
    return table


def test_rows_of_a_group_stay_together(augpipe, patients, tmp_path):
    ended = augpipe("split", patients, "--group", "patient", "--out", tmp_path / "out")
    assert ended.code == 0
    with patients.open() as file:
        patient_of = {row["path"]: row["patient"] for row in csv.DictReader(file)}
    found = []
    for name in ("train", "val", "test"):
        with (tmp_path / "out" / f"{name}.csv").open() as file:
            found.append({patient_of[row["path"]] for row in csv.DictReader(file)})
    assert sorted(map(len, found)) == [1, 1, 8]
    assert len(set.union(*found)) == 10


def test_a_group_without_a_name_is_refused(augpipe, patients, tmp_path):
    patients.write_text(patients.read_text().replace("p3", ""))
    ended = augpipe("split", patients, "--group", "patient", "--out", tmp_path / "out")
    assert ended.code == 2
    assert "column 'patient' has rows without a value" in ended.err


def test_tables_that_are_there_are_not_touched(augpipe, shapes, tmp_path):
    (tmp_path / "test.csv").write_text("mine")
    ended = augpipe("split", shapes, "--out", tmp_path)
    assert ended.code == 2
    assert "test.csv is there already" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["test.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ratios", "0.8"], "--ratios 0.8: expected two or three numbers"),
        (["--ratios", "a,b"], "--ratios a,b: expected two or three numbers"),
        (["--ratios", "1,0"], "each has to be above 0"),
        (["--folds", "1"], "1 fold(s)"),
        (["--folds", "33"], "would get none of 32 rows"),
        (["--group", "patient"], "--group names a column of a table"),
    ],
)
def test_bad_usage_says_what_is_wrong(augpipe, shapes, tmp_path, arguments, message):
    ended = augpipe("split", shapes, "--out", tmp_path, *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert not list(tmp_path.iterdir())


def test_boxes_are_not_thrown_away(augpipe, shapes):
    ended = augpipe("split", shapes.parent / "scenes.json")
    assert ended.code == 2
    assert "only class folders and tables can be split, not a CocoDataset" in ended.err
