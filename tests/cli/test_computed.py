"""`normalize: computed`: from the rows that are trained on, and kept with the run."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

from augpipe import Recipe, build_loader
from augpipe.cli.computed import with_statistics
from augpipe.cli.trainers import Fold, build_trainer
from augpipe.data.open import open_dataset
from augpipe.errors import RecipeError
from augpipe.train.restore import trained

RECIPE = """
pipeline:
  train:
    - resize: {size: [16, 16]}
  val:
    - resize: {size: [16, 16]}
  normalize: computed
loader: {batch_size: 16, num_workers: 0}
train:
  model: {name: small_cnn}
  epochs: 2
  optimizer: {name: sgd, lr: 0.05}
"""


@pytest.fixture
def data(shapes, tmp_path):
    """A folder of its own, so that it may change."""
    return shutil.copytree(shapes, tmp_path / "data")


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def train(augpipe, recipe, data, shapes, tmp_path):
    """train("--epochs", 1) -> how it ended; the run lies in tmp_path/run."""
    where = ["--data", data, "--set", f"data.val={shapes}", "--device", "cpu"]

    def call(*arguments):
        return augpipe("train", recipe, *where, "--out", tmp_path / "run", *arguments)

    return call


def of_rows(data, rows):
    """Mean and deviation by numpy, over whole pictures."""
    pixels = np.concatenate([open_dataset(data)[row].image.reshape(-1, 3) for row in rows]) / 255
    return pytest.approx(pixels.mean(0), rel=1e-12), pytest.approx(pixels.std(0), rel=1e-12)


def numbers(recipe):
    return recipe.known_normalize.mean, recipe.known_normalize.std


@pytest.mark.parametrize("chosen", [None, "0:32:3"])
def test_they_are_those_of_the_rows_that_are_trained_on(recipe, data, chosen):
    settings = {"data.train": str(data), "loader.sampling.rows": chosen}
    found = with_statistics(Recipe.load(recipe, settings), "mine")
    assert numbers(found) == of_rows(data, range(0, 32, 3 if chosen else 1))


def test_a_fold_is_not_normalised_by_what_it_is_judged_by(recipe, data, tmp_path):
    fold = Fold(1, 2, np.arange(0, 32, 2), np.arange(1, 32, 2))
    loaded = Recipe.load(recipe, {"data.train": str(data)})
    trainer = build_trainer(loaded, "mine", tmp_path / "run", "cpu", fold)
    assert numbers(Recipe.parse(yaml.safe_load(trainer._recipe))) == of_rows(data, fold.train)
    for loader in (trainer._train_loader, trainer._val_loader):
        normalize = loader.pipeline.batch.ops[-1]
        assert (normalize.mean, normalize.std) == of_rows(data, fold.train)


def test_a_run_keeps_them_for_whoever_comes_later(train, data, augpipe, tmp_path):
    ended = train()
    assert ended.code == 0, ended.err
    assert "; of 32 pictures\n" in ended.out
    run = tmp_path / "run"
    assert numbers(Recipe.load(run / "config.yaml")) == of_rows(data, range(32))
    assert numbers(trained(run).recipe) == of_rows(data, range(32))
    assert augpipe("export", run).code == 0
    images = yaml.safe_load((run / "model.json").read_text())["images"]
    assert (images["mean"], images["std"]) == of_rows(data, range(32))


def test_a_run_that_goes_on_does_not_compute_them_again(train, data, tmp_path, monkeypatch):
    train("--epochs", 1)
    monkeypatch.setattr("augpipe.cli.computed.measure", None)
    again = train("--epochs", 1, "--resume")
    assert again.code == 0, again.err
    assert "normalize" not in again.out


def test_a_dry_run_computes_them_too(train, data):
    mean = of_rows(data, range(32))[0].expected
    assert f"normalize   mean {mean[0]:.6f}" in train("--dry-run").out


def test_one_colour_cannot_be_normalised(train, data):
    for path in data.rglob("*.*"):
        Image.new("RGB", (8, 8), "red").save(path, format="PNG")
    assert "statistics.std[0]: should be greater than 0" in train("--dry-run").err


@pytest.mark.parametrize("command", ["preview", "explain", "bench"])
def test_who_only_looks_need_not_wait(augpipe, recipe, data, tmp_path, command, monkeypatch):
    monkeypatch.setattr("augpipe.cli.computed.measure", None)
    monkeypatch.chdir(tmp_path)
    where = [] if command == "explain" else ["--set", f"data.train={data}"]
    few = ["--batches", 1, "--workers", 0, "--device", "cpu"] if command == "bench" else []
    ended = augpipe(command, recipe, *where, *few)
    assert ended.code == 0, ended.err


def test_without_the_training_data_the_remedy_is_named(recipe, shapes):
    with pytest.raises(RecipeError, match="augpipe stats DATA"):
        build_loader(shapes, recipe)
    loaded = Recipe.load(recipe)
    assert Recipe.parse(yaml.safe_load(loaded.to_yaml())).is_open
    assert numbers(loaded.normalized((0.1, 0.2, 0.3), (1, 2, 3))) == ((0.1, 0.2, 0.3), (1, 2, 3))
