"""`augpipe train` without a run, and where runs go that are not told."""

from __future__ import annotations

import pytest

RECIPE = """
pipeline:
  train:
    - resize: {size: [16, 16]}
  val:
    - resize: {size: [16, 16]}
  normalize: half
loader: {batch_size: 16, num_workers: 0}
train:
  model: {name: small_cnn}
  epochs: 1
  optimizer: {name: adamw, lr: 0.01}
"""


@pytest.fixture
def train(augpipe, shapes, tmp_path, monkeypatch):
    """train("--dry-run") -> how it ended, in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "mine.yaml").write_text(RECIPE)

    def call(*arguments):
        data = ["--data", shapes, "--set", f"data.val={shapes}", "--device", "cpu"]
        return augpipe("train", tmp_path / "mine.yaml", *data, *arguments)

    return call


def runs(tmp_path):
    return sorted(path.name for path in (tmp_path / "here" / "runs").glob("*"))


def test_a_dry_run_tells_and_writes_nothing(train, tmp_path):
    ended = train("--dry-run")
    assert ended.code == 0, ended.err
    for word in ("model", "parameters", "group", "steps", "lr", "images", "labels", "logits"):
        assert any(line.split()[0] == word for line in ended.out.splitlines())
    assert list((tmp_path / "here").iterdir()) == []


def test_one_batch_is_learnt_by_heart_or_not(train, tmp_path):
    ended = train("--overfit-batch")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("passed: one batch learnt by heart: 16 samples, ")
    ended = train("--overfit-batch", "--lr", 1e-9)
    assert ended.code == 1
    assert "error: the model did not learn one batch by heart (16 samples, 200 steps" in ended.err
    assert list((tmp_path / "here").iterdir()) == []


def test_runs_are_numbered_and_the_latest_is_resumed(train, tmp_path):
    assert train().code == 0
    assert train().code == 0
    assert runs(tmp_path) == ["mine-001", "mine-002"]
    assert (tmp_path / "here" / "runs" / "mine-002" / "batch-1.png").exists()
    ended = train("--resume")
    assert ended.code == 0, ended.err
    assert "mine-002: going on after epoch 1" in ended.err
    assert runs(tmp_path) == ["mine-001", "mine-002"]


def test_a_run_killed_before_its_first_checkpoint_begins_again(train, tmp_path):
    assert train("--out", "run").code == 0
    before = (tmp_path / "here" / "run" / "metrics.csv").read_text()
    for checkpoint in (tmp_path / "here" / "run").glob("*.pt"):
        checkpoint.unlink()
    ended = train("--out", "run", "--resume")
    assert ended.code == 0, ended.err
    assert (tmp_path / "here" / "run" / "metrics.csv").read_text() == before


def test_resuming_what_was_never_begun_says_so(train):
    ended = train("--resume")
    assert ended.code == 2
    assert "there is no run runs/mine-NNN to resume" in ended.err
