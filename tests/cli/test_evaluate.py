"""`augpipe evaluate` and `augpipe average`: a run's model judged, several checkpoints as one."""

from __future__ import annotations

import csv
import json

import pytest
import torch

from augpipe.train import checkpoint
from augpipe.train.averaging import average_checkpoints

RECIPE = """
pipeline:
  train: [{resize: {size: [16, 16]}}, horizontal_flip]
  val: [{resize: {size: [16, 16]}}]
  normalize: half
loader: {batch_size: 16, num_workers: 0}
train:
  model: {name: small_cnn}
  epochs: 8
  optimizer: {name: adamw, lr: 0.01}
  ema: {decay: 0.5}
  top_k: 2
  checkpoint: {every_steps: 3, keep: 9}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run, which no test changes."""
    from pathlib import Path

    from augpipe.cli.trainers import build_trainer
    from augpipe.recipe import Recipe

    shapes = str(Path(__file__).parents[2] / "samples" / "shapes")
    folder = tmp_path_factory.mktemp("run")
    (folder / "mine.yaml").write_text(RECIPE)
    settings = {"data.train": shapes, "data.val": shapes}
    recipe = Recipe.load(folder / "mine.yaml", settings)
    return build_trainer(recipe, "mine", folder / "run", "cpu").fit().out


def metrics(run):
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_run_is_judged_as_it_judged_itself(augpipe, run):
    ended = augpipe("evaluate", run / "last.pt", "--device", "cpu")
    assert ended.code == 0, ended.err
    told, row = ended.out.splitlines(), metrics(run)[-1]
    accuracy, near, loss = (float(row[f"ema_{name}"]) for name in ("accuracy", "top_k", "loss"))
    assert told[0] == (
        f"accuracy    {accuracy:.2%}, {near:.2%} among the first answers, loss {loss:.4f}"
    )


def test_each_class_has_its_line(augpipe, run):
    lines = augpipe("evaluate", run, "--device", "cpu").out.splitlines()[1:]
    assert lines[0].split()[:5] == ["class", "samples", "precision", "recall", "F1"]
    with (run / "classes.csv").open() as file:
        table = list(csv.DictReader(file))
    for line, row in zip(lines[1:], table, strict=True):
        recall = float(row["recall"])
        assert line.split()[:2] == [row["class"], row["samples"]]
        assert f" {recall:.2%}  " in line
        assert ("(" in line) == (recall < 1)  # what it is taken for, where it is


def test_as_json_it_says_the_same(augpipe, run):
    told = json.loads(augpipe("evaluate", run / "last.pt", "--device", "cpu", "--json").out)
    assert told["accuracy"] == pytest.approx(float(metrics(run)[-1]["ema_accuracy"]), abs=1e-6)
    assert sum(map(sum, told["confusion"])) == sum(row["samples"] for row in told["classes"])
    assert told["attacked"] is None


def test_under_attack_it_is_worse(augpipe, run):
    def attacked(attack):
        ended = augpipe("evaluate", run, "--device", "cpu", "--attack", attack)
        assert ended.code == 0, ended.err
        return float(ended.out.splitlines()[-1].rpartition(" ")[2])

    plain = float(augpipe("evaluate", run, "--device", "cpu").out.split("loss ")[1].split()[0])
    weak, strong = attacked("{name: fgsm, eps: 2}"), attacked("{name: pgd, steps: 10}")
    assert plain < weak < strong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--attack", "pdg"], "--attack pdg: name: should be 'fgsm', 'fast_fgsm' or 'pgd'"),
        (["--attack", "{name: pgd, epz: 1}"], "epz: unknown key; did you mean 'eps'?"),
        (["--data", "nowhere"], "nowhere does not exist"),
    ],
    ids=str,
)
def test_bad_usage_says_what_is_wrong(augpipe, run, arguments, message):
    ended = augpipe("evaluate", run, "--device", "cpu", *arguments)
    assert ended.code == 2
    assert message in ended.err


def test_data_of_other_classes_is_refused(augpipe, run, shapes, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "heart").symlink_to(shapes / "star")
    ended = augpipe("evaluate", run, "--device", "cpu", "--data", tmp_path / "data")
    assert ended.code == 2
    assert "the data has the classes heart, but the model was trained on circle," in ended.err


@pytest.mark.parametrize(("options", "key"), [([], "model"), (["--ema"], "ema")])
def test_an_average_is_that_of_the_weights_with_norms_of_its_own(
    augpipe, run, tmp_path, options, key
):
    files, place = [run / "step-9.pt", run / "step-15.pt"], tmp_path / "mean.pt"
    ended = augpipe("average", *files, "--weights", "1,3", "--out", place, *options)
    assert ended.code == 0, ended.err
    found = checkpoint.load(place)
    expected = average_checkpoints(files, [1, 3], key)
    for name, tensor in found["model"].items():
        same = torch.equal(tensor, expected[name])
        assert same is not ("running" in name or "num_batches" in name), name
    judged = augpipe("evaluate", place, "--device", "cpu").out
    assert ended.out.startswith(f"validation accuracy {judged.split()[1].rstrip(',')}, of 2")


@pytest.mark.parametrize("weights", ["1", "1,2,3", "1,-1", "a,b"])
def test_weights_that_fit_no_mean_are_refused(augpipe, run, weights):
    ended = augpipe("average", run / "step-9.pt", run / "step-15.pt", "--weights", weights)
    assert ended.code == 2
    assert "expected 2 numbers of a sum above 0" in ended.err
    assert not (run / "average.pt").exists()
