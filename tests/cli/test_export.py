from __future__ import annotations

import json

import pytest
import torch

from augpipe.train.export import FORMATS
from augpipe.train.restore import trained

RECIPE = """
pipeline:
  train: [{resize: {size: [16, 16]}}]
  val: [VAL]
  normalize: half
loader: {batch_size: 16, num_workers: 0}
train:
  model: {name: convnet, convnet: {widths: [4, 6], depths: [1, 1], block: repvgg}}
  epochs: 1
  optimizer: {name: sgd, lr: 0.05}
  ema: {decay: 0.9}
"""


@pytest.fixture
def run(augpipe, shapes, tmp_path):
    """run(an op of validation, batch size) -> the folder of a run."""

    def make(op: str = "resize: {size: [16, 24]}", batch_size: int = 16):
        recipe = tmp_path / "mine.yaml"
        recipe.write_text(RECIPE.replace("VAL", "{" + op + "}"))
        data = ["--data", shapes, "--set", f"data.val={shapes}", "--device", "cpu"]
        size = ["--batch-size", batch_size]
        ended = augpipe("train", recipe, *data, "--out", tmp_path / "run", *size)
        assert ended.code == 0, ended.err
        return tmp_path / "run"

    return make


def test_the_file_is_the_averaged_model_and_says_what_goes_in(augpipe, run, shapes):
    folder = run()
    ended = augpipe("export", folder, "--format", "torchscript")
    assert ended.code == 0, ended.err
    assert ended.out == f"model       {folder / 'model.ts'}\nabout it    {folder / 'model.json'}\n"
    images = torch.randn(5, 3, 16, 24)
    outputs = FORMATS["torchscript"].run((folder / "model.ts").read_bytes(), images)
    expected = trained(folder).model(images)
    torch.testing.assert_close(outputs, expected.detach(), rtol=1e-4, atol=1e-5)
    facts = json.loads((folder / "model.json").read_text())
    assert facts["images"]["shape"] == ["batch", 3, 16, 24]
    assert facts["images"]["mean"] == [0.5, 0.5, 0.5]
    assert facts["classes"] == sorted(path.name for path in shapes.iterdir() if path.is_dir())


def test_a_size_that_depends_on_the_picture_is_asked_for(augpipe, run, tmp_path):
    folder = run("resize: {size: 16}", batch_size=1)
    wanted = tmp_path / "here.pt2"
    ended = augpipe("export", folder / "last.pt", "--out", wanted)
    assert ended.code == 2
    assert "pipeline.val leaves pictures of several sizes; give --size" in ended.err
    assert not wanted.exists()
    ended = augpipe("export", folder / "last.pt", "--out", wanted, "--size", "16x20")
    assert ended.code == 0, ended.err
    assert json.loads(wanted.with_suffix(".json").read_text())["images"]["shape"][2:] == [16, 20]
    assert FORMATS["torch_export"].run(wanted.read_bytes(), torch.zeros(3, 3, 16, 20)).ndim == 2


def test_what_is_wrong_is_one_line(augpipe, tmp_path):
    ended = augpipe("export", tmp_path)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "there is no checkpoint" in ended.err
