"""Several processes on one machine: the run of one process, up to the order of sums."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from augpipe.errors import RecipeError
from augpipe.train import checkpoint, processes
from augpipe.train.clock import Clock
from augpipe.train.learner import Learner
from augpipe.train.processes import share, synchronised

HERE = Path(__file__).parent
SHAPES = HERE.parents[1] / "samples" / "shapes"

# Batches of 12, 12 and 8 of 32 rows, so that windows differ in size, and processes in classes.
RECIPE = """
pipeline:
  train:
    - resize: {size: [12, 12]}
    - horizontal_flip
  val:
    - resize: {size: [12, 12]}
  normalize: half
loader: {batch_size: 12, num_workers: 0}
train:
  model: {name: MODEL}
  epochs: 2
  optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
  class_weights: [1.0, 2.0, 3.0, 4.0]
  accumulate: 2
  clip: {norm: 1.0}
  ema: {decay: 0.9}
  swa: {start_epoch: 1}
  checkpoint: {every_steps: 3}
"""


def run(folder, processes, model="plain"):
    """Train in so many processes; returns the folder of the run."""
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE.replace("MODEL", model))
    words = ["train", folder / "recipe.yaml", "--data", SHAPES, "--set", f"data.val={SHAPES}"]
    words += ["--device", "cpu", "--out", folder / "run"]
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    ended = subprocess.run(  # noqa: S603 (our own script)
        [*map(str, [*start, HERE / "together.py", *words])],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("validation accuracy") == 1
    assert ended.stderr.count("epoch 1/2") == 1
    return folder / "run"


def table(run):
    with (run / "metrics.csv").open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    return [run(folder / str(number), number) for number in (1, 2)]


def test_two_processes_end_with_the_weights_of_one(runs):
    """Float32 sums in another order, over five steps: within 1e-5."""
    one, two = (checkpoint.load(path / "last.pt") for path in runs)
    for key in ("model", "ema"):
        torch.testing.assert_close(two[key], one[key], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(two["swa"]["model"], one["swa"]["model"], rtol=1e-5, atol=1e-5)
    assert two["loader"] == one["loader"]


# With class weights the training loss is the mean of batches' weighted means, and so depends on
# how samples are put together; all other numbers do not.
CLOSE = {"rel": 2e-3}


def test_what_they_count_is_what_one_counts(runs):
    one, two = map(table, runs)
    for mine, theirs in zip(one, two, strict=True):
        assert theirs == pytest.approx(mine, **CLOSE)
        assert theirs["val_loss"] == pytest.approx(mine["val_loss"], rel=1e-5)
    assert (runs[0] / "confusion.csv").read_text() == (runs[1] / "confusion.csv").read_text()


def test_a_checkpoint_amid_an_epoch_holds_the_sums_of_all(runs):
    one, two = (checkpoint.load(path / "step-3.pt")["underway"]["tally"]["sums"] for path in runs)
    assert two[0] == one[0] == 24
    assert two == pytest.approx(one, **CLOSE)


@pytest.mark.slow
def test_batch_norm_has_the_statistics_of_its_process_and_they_agree_in_the_end(tmp_path):
    """Not the run of one process, but one as good; see `sync_batch_norm`."""
    two = checkpoint.load(run(tmp_path / "two", 2, "small_cnn") / "last.pt")
    one = checkpoint.load(run(tmp_path / "one", 1, "small_cnn") / "last.pt")
    means = [name for name in one["model"] if name.endswith("running_mean")]
    for name in means:
        torch.testing.assert_close(two["model"][name], one["model"][name], rtol=0.2, atol=0.1)


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch):
    monkeypatch.setattr(processes, "count", lambda: 3)
    assert share(12) == 4
    with pytest.raises(RecipeError, match="is 32, which 3 processes cannot share equally; take 30"):
        share(32)
    with pytest.raises(RecipeError, match="take 3"):
        share(2)


def test_processes_agree_on_the_mean_of_their_statistics(monkeypatch):
    """The other process has 3 more of everything."""
    monkeypatch.setattr(processes, "count", lambda: 2)
    monkeypatch.setattr(processes.dist, "all_reduce", lambda mine: mine.add_(mine + 3))
    norm = torch.nn.BatchNorm2d(2)
    processes.agree(norm)
    assert norm.running_mean.tolist() == [1.5, 1.5]
    assert norm.running_var.tolist() == [2.5, 2.5]
    assert norm.num_batches_tracked == 0


def test_they_agree_at_the_end_of_every_epoch_before_swa_and_on_its_own(
    make_config, loader, monkeypatch
):
    agreed = []
    monkeypatch.setattr(processes, "agree", agreed.append)
    config = make_config(swa={"start_epoch": 2})
    learner = Learner(config, loader(), Clock(8, 2), torch.device("cpu"))
    images = loader().draw(0)[0].split(16)
    learner.end_epoch(1, images)
    learner.end_epoch(2, images)
    assert agreed == [learner.model, learner.model, learner.swa.average]


def test_synchronised_norms_need_gpus():
    with pytest.raises(RecipeError, match="needs GPUs"):
        synchronised(torch.nn.BatchNorm2d(3), torch.device("cpu"))
    model = synchronised(torch.nn.Sequential(torch.nn.BatchNorm2d(3)), torch.device("cuda"))
    assert isinstance(model[0], torch.nn.SyncBatchNorm)


def test_alone_nothing_changes():
    net = torch.nn.Linear(2, 2)
    assert processes.wrapped(net) is net
    assert (processes.rank(), processes.count(), processes.leads()) == (0, 1, True)
    assert processes.gathered("a") == ["a"]
    assert processes.from_leader("a") == "a"
    number = torch.tensor(2.0)
    assert processes.total(number) is number
    with processes.joined("cpu") as device:
        assert device == "cpu"


def test_the_package_is_a_command():
    ended = subprocess.run(
        [sys.executable, "-m", "augpipe", "--version"], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("augpipe ")
