import json

import pytest
import yaml

from augpipe.errors import StateError
from augpipe.train.rundir import RunDir

RECIPE = "train: {epochs: 3}\n"


@pytest.fixture
def run(tmp_path):
    run = RunDir(tmp_path / "runs" / "a")
    run.begin(RECIPE, {"seed": 3, "device": "cpu"})
    return run


def log(run, *epochs):
    for epoch in epochs:
        run.log({"epoch": epoch, "lr": 0.1 / epoch, "val_accuracy": 1 / 3})


def test_a_run_begins_with_its_recipe_and_circumstances(run):
    assert yaml.safe_load(run.config.read_text()) == {"train": {"epochs": 3}}
    environment = json.loads(run.env.read_text())
    assert (environment["seed"], environment["device"]) == (3, "cpu")
    assert environment["packages"]["torch"]
    assert environment["command"]


def test_metrics_have_one_header_and_lose_no_digit(run):
    log(run, 1, 2, 3)
    assert run.metrics.read_text().splitlines()[:2] == [
        "epoch,lr,val_accuracy",
        "1,0.1,0.3333333333333333",
    ]
    assert [float(row["lr"]) for row in run.rows()] == [0.1 / epoch for epoch in (1, 2, 3)]


@pytest.mark.parametrize("torn", ["", "4", "4,0.0", "4,0.02"])
def test_resuming_drops_later_rows_even_torn_ones(run, torn):
    log(run, 1, 2)
    expected = run.metrics.read_text()
    log(run, 3)
    with run.metrics.open("a") as file:
        file.write(torn)
    run.resume(RECIPE, {}, epochs=2)
    assert run.metrics.read_text() == expected
    log(run, 3)
    assert [row["epoch"] for row in run.rows()] == ["1", "2", "3"]


def test_resuming_without_metrics_begins_them_anew(run):
    run.resume(RECIPE, {}, epochs=2)
    log(run, 3)
    assert [row["epoch"] for row in run.rows()] == ["3"]


def test_resuming_amid_the_first_epoch_drops_its_row(run):
    log(run, 1)
    run.resume(RECIPE, {}, epochs=0)
    assert run.rows() == []
    log(run, 1)
    assert [row["epoch"] for row in run.rows()] == ["1"]


def test_only_the_latest_steps_are_kept(run):
    for step in (9, 10, 100):
        run.step(step).touch()
    (run.path / "step-mine.pt").touch()
    run.keep_steps(2)
    assert sorted(path.name for path in run.path.glob("step-*")) == [
        "step-10.pt",
        "step-100.pt",
        "step-mine.pt",
    ]


def test_a_new_run_moves_the_older_one_away_and_touches_nothing_else(run):
    log(run, 1)
    run.last.write_text("old")
    (run.path / "preview.png").write_text("mine")
    moved = run.begin("train: {epochs: 4}\n", {})
    assert moved == run.path / "previous"
    assert (moved / "last.pt").read_text() == "old"
    assert (moved / "metrics.csv").exists()
    assert (run.path / "preview.png").read_text() == "mine"
    assert run.rows() == []
    assert not run.last.exists()


def test_only_one_older_run_is_kept_and_never_a_mixture(run):
    run.last.write_text("first")
    run.begin(RECIPE, {})
    (run.path / "previous" / "notes.txt").write_text("mine")
    run.begin(RECIPE, {})  # the second run had no checkpoint
    assert sorted(file.name for file in (run.path / "previous").iterdir()) == [
        "config.yaml",
        "env.json",
        "notes.txt",
    ]


def test_beginning_in_an_empty_folder_moves_nothing(tmp_path):
    assert RunDir(tmp_path).begin(RECIPE, {}) is None
    assert not (tmp_path / "previous").exists()


@pytest.mark.parametrize("below", [".", "deeper/still"])
def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path, below):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StateError, match="choose another --out"):
        RunDir(tmp_path / "file" / below).begin(RECIPE, {})
