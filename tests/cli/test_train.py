from __future__ import annotations

import csv
import re
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest
import torch
from PIL import Image

from augpipe import Recipe
from augpipe.cli.trainers import Fold, build_trainer
from augpipe.train.trainer import Trainer

RECIPE = """
pipeline:
  train:
    - resize: {size: [16, 16]}
    - horizontal_flip
  val:
    - resize: {size: [16, 16]}
  batch: [random_erasing]
  normalize: half
loader: {batch_size: 16, num_workers: 0}
train:
  model: {name: small_cnn}
  epochs: 2
  optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
  schedule: {name: cosine}
  ema: {decay: 0.9}
"""


@pytest.fixture
def recipe(tmp_path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def train(augpipe, recipe, shapes, tmp_path):
    """train("--epochs", 1) -> how it ended; the run lies in tmp_path/run."""

    def call(*arguments: object, recipe: object = recipe):
        data = ["--data", shapes, "--set", f"data.val={shapes}", "--device", "cpu"]
        return augpipe("train", recipe, *data, "--out", tmp_path / "run", *arguments)

    return call


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_it_says_how_good_it_became_and_where_everything_lies(train, tmp_path):
    ended = train()
    assert ended.code == 0, ended.err
    run = tmp_path / "run"
    assert re.match(r"validation accuracy \d+\.\d\d%, after epoch [12]\n", ended.out)
    for place in (run, run / "curves.png", run / "best.pt"):
        assert f" {place}\n" in ended.out
        assert place.exists()
    with Image.open(run / "curves.png") as curves:
        assert curves.width > 400
    assert [row["epoch"] for row in rows(run)] == ["1", "2"]
    assert ended.err.count("epoch ") == 2
    state = torch.load(run / "best.pt", weights_only=True)
    assert {"model", "ema"} <= set(state)


def test_the_runs_own_recipe_trains_it_again(train, tmp_path):
    train("--epochs", 1, "--seed", 3, "--lr", 0.01, "--batch-size", 8)
    text = (tmp_path / "run" / "config.yaml").read_text()
    for line in ("epochs: 1", "seed: 3", "lr: 0.01", "batch_size: 8"):
        assert line in text
    first = rows(tmp_path / "run")
    assert train(recipe=tmp_path / "run" / "config.yaml").code == 0
    assert rows(tmp_path / "run") == first


def test_a_run_that_was_interrupted_goes_on_to_the_same_end(train, tmp_path, monkeypatch):
    whole = train()
    expected = torch.load(tmp_path / "run" / "last.pt", weights_only=True)["model"]
    table = rows(tmp_path / "run")

    run_epoch = Trainer._run_epoch

    def interrupted(self: Trainer) -> None:
        if self.epoch == 1:
            raise KeyboardInterrupt
        run_epoch(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_run_epoch", interrupted)
        cut = train()
    assert cut.code == 130
    assert "--resume" in cut.err
    assert len(rows(tmp_path / "run")) == 1

    resumed = train("--resume", "--set", "loader.num_workers=2")
    assert resumed.code == 0, resumed.err
    assert resumed.out == whole.out
    assert rows(tmp_path / "run") == table
    weights = torch.load(tmp_path / "run" / "last.pt", weights_only=True)["model"]
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_checkpoint_of_another_recipe_is_refused(train):
    train("--epochs", 1)
    ended = train("--epochs", 1, "--lr", 0.01, "--resume")
    assert ended.code == 2
    assert re.search(r"last\.pt belongs to recipe \w{16}, but this is recipe \w{16}", ended.err)


def test_resuming_what_was_never_begun_says_so(train):
    ended = train("--resume")
    assert ended.code == 2
    assert "there is no checkpoint" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["light"], "light has no section train"),
        (["digits", "--data", "nowhere"], "nowhere does not exist"),
        (["digits", "--set", "data.val=null"], "digits names no data.val; give --set data.val="),
        (["digits", "--epochs", "0"], "train.epochs: should be greater than 0, not 0"),
        (["digits", "--lr", "-1"], "train.optimizer.lr: should be greater than 0, not -1.0"),
        (["digits", "--set", "train.model.name=resnet81"], "resnet"),
        (["digits", "--device", "gpu"], "known: cpu, cuda"),
    ],
    ids=str,
)
def test_wrong_input_is_a_line_that_says_what_to_do(augpipe, shapes, tmp_path, arguments, message):
    if "--data" not in arguments:
        arguments = [*arguments, "--data", shapes]
    if not any("data.val" in str(word) for word in arguments):
        arguments = [*arguments, "--set", f"data.val={shapes}"]
    ended = augpipe("train", *arguments, "--out", tmp_path / "run")
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_recipes_sampling_is_for_training_alone(recipe, shapes, tmp_path):
    sampling = {"loader.sampling": {"balanced": True, "length": 12}}
    places = {"data.train": str(shapes), "data.val": str(shapes)}
    loaded = Recipe.load(recipe, sampling | places)
    trainer = build_trainer(loaded, "mine", tmp_path / "run", "cpu")
    assert [len(batch.index) for batch in trainer._train_loader] == [12]
    assert sorted(int(row) for batch in trainer._val_loader for row in batch.index) == [*range(32)]


def test_layers_are_drawn_at_last(train, tmp_path):
    ended = train("--epochs", 1, "--inspect", "0", "--inspect", "3.*")
    assert ended.code == 0, ended.err
    figures = {path.name for path in (tmp_path / "run" / "inspect").iterdir()}
    assert {"0.png", "3.residual.png", "gradients.png"} <= figures
    assert f"layer       {tmp_path / 'run' / 'inspect' / '0.png'}" in ended.out


def test_a_layer_that_is_not_there_is_an_error_before_training(train, tmp_path):
    ended = train("--inspect", "layer3")
    assert ended.code == 2
    assert "the model has no layer 'layer3'" in ended.err
    assert not (tmp_path / "run").exists()


def seen(run: Path) -> list[int]:
    """How many samples of each class a run was judged by."""
    with (run / "classes.csv").open() as file:
        return [int(row["samples"]) for row in csv.DictReader(file)]


def test_folds_are_runs_of_their_own_and_one_number_at_last(train, tmp_path):
    ended = train("--folds", 4, "--epochs", 1)
    assert ended.code == 0, ended.err
    run = tmp_path / "run"
    assert sorted(path.name for path in run.iterdir()) == [
        *(f"fold-{number}" for number in range(1, 5)),
        "folds.csv",
    ]
    assert all(seen(run / f"fold-{number}") == [2, 2, 2, 2] for number in range(1, 5))
    with (run / "folds.csv").open() as file:
        accuracies = [float(row["accuracy"]) for row in csv.DictReader(file)]
    spread = f"{mean(accuracies):.2%} ± {stdev(accuracies):.2%}"
    assert f"validation accuracy {spread}\n" in ended.out
    assert train("--folds", 4, "--epochs", 1, "--resume").out == ended.out
    other = train("--folds", 2, "--epochs", 1, "--resume")
    assert "belongs to recipe" in other.err


def test_folds_need_not_be_stratified(train, tmp_path):
    assert train("--folds", 4, "--epochs", 1, "--no-stratify").code == 0
    counts = [seen(tmp_path / "run" / f"fold-{number}") for number in range(1, 5)]
    assert [sum(count) for count in counts] == [8] * 4
    assert counts != [[2, 2, 2, 2]] * 4


def test_folds_train_on_the_rows_that_they_are_not_judged_by(recipe, shapes, tmp_path):
    loaded = Recipe.load(recipe, {"data.train": str(shapes)})
    fold = Fold(1, 2, np.arange(0, 32, 2), np.arange(1, 32, 2))
    trainer = build_trainer(loaded, "mine", tmp_path / "run", "cpu", fold)
    rows = {
        part: {int(row) for batch in loader for row in batch.index}
        for part, loader in (("train", trainer._train_loader), ("val", trainer._val_loader))
    }
    assert rows == {"train": set(fold.train.tolist()), "val": set(fold.val.tolist())}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--folds", 1], "a cross-validation has 2 or more"),
        (["--folds", 2, "--dry-run"], "--folds is for whole runs"),
        (["--folds", 2, "--set", "loader.sampling.rows='0:9'"], "both choose rows"),
    ],
    ids=str,
)
def test_folds_that_cannot_be_are_errors(train, arguments, message):
    ended = train(*arguments)
    assert ended.code != 0
    assert message in ended.err
