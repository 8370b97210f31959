"""A user's own model on a batch: how it is found, what it is given, and what it may give back."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import models
from augpipe.errors import PlanError
from augpipe.execute.torch import batch as torch_batch
from augpipe.execute.torch import generator as torch_generator
from augpipe.ops import Generator
from augpipe.pipeline import Pipeline
from pictures import noise, photo

SIZE = (24, 30)
PICTURES = torch.from_numpy(np.stack([noise(*SIZE), photo(*SIZE), noise(*SIZE)[::-1]])).permute(
    0, 3, 1, 2
)


@pytest.fixture(autouse=True)
def no_models():
    """No model is left of the test before."""
    torch_generator._load.cache_clear()
    yield
    torch_generator._load.cache_clear()


def run(fields: dict, pictures: Tensor = PICTURES, index=None) -> Tensor:
    index = np.arange(len(pictures)) if index is None else index
    plan = Pipeline([{"generator": fields}]).plan(tuple(pictures.shape[2:]), index=index)
    return torch_batch.run(plan, pictures)


@pytest.fixture
def script(tmp_path) -> Path:
    """A TorchScript file of `Negative`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.jit.script(models.Negative()).save(tmp_path / "negative.pt")
    return tmp_path / "negative.pt"


@pytest.fixture
def weights(tmp_path) -> Path:
    """A state dictionary of `Blur` that averages over five by five pixels."""
    blur = models.Blur(5)
    torch.nn.init.zeros_(blur.mix.bias)
    torch.nn.init.zeros_(blur.mix.weight)
    for channel in range(3):
        blur.mix.weight.data[channel, channel] = 1 / 25
    torch.save(blur.state_dict(), tmp_path / "blur.pt")
    return tmp_path / "blur.pt"


def test_a_torchscript_file_runs(script):
    assert torch.equal(run({"model": str(script)}), 255 - PICTURES)


def test_an_importable_module_runs():
    assert torch.equal(run({"model": "models:Negative"}), 255 - PICTURES)


def test_weights_and_kwargs_make_the_module(weights):
    fields = {"model": "models:Blur", "weights": str(weights), "kwargs": {"kernel_size": 5}}
    blurred = torch.nn.functional.avg_pool2d(PICTURES.float(), 5, 1, 2)
    assert (run(fields) - blurred).abs().max() < 0.501


def test_evaluation_mode_without_gradients_or_autocast(weights):
    """In training mode its dropout would zero half of the values, and draw random numbers."""
    fields = {"model": "models:Blur", "weights": str(weights), "kwargs": {"kernel_size": 5}}
    expected, before = run(fields), torch.get_rng_state()
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.enable_grad():
        again = run(fields)
    assert torch.equal(again, expected)
    assert torch.equal(torch.get_rng_state(), before)
    assert not again.requires_grad


@pytest.mark.parametrize("scale", ["unit", "signed"])
def test_what_a_model_leaves_alone_stays(scale):
    levels = torch.arange(256, dtype=torch.uint8).repeat(3, 1).view(1, 3, 16, 16)
    assert torch.equal(run({"model": "torch.nn:Identity", "scale": scale}, levels), levels)


def test_a_model_is_given_the_range_it_is_made_for(monkeypatch):
    seen = []
    monkeypatch.setattr(models.Negative, "forward", lambda _, x: (seen.append(x), x)[1])
    extremes = torch.tensor([0, 255], dtype=torch.uint8).expand(1, 3, 1, 2)
    for scale, limits in (("unit", [0, 1]), ("signed", [-1, 1])):
        run({"model": "models:Negative", "scale": scale}, extremes)
        assert seen[-1][0, 0, 0].tolist() == limits
        assert seen[-1].dtype == torch.float32


def test_results_beyond_the_range_are_clipped():
    """The negative in the range from 0 to 1 of what runs from -1 to 1 reaches 2."""
    out = run({"model": "models:Negative", "scale": "signed"})
    exact = ((1 - (PICTURES / 127.5 - 1)) + 1) * 127.5
    assert (out - exact.clamp(0, 255)).abs().max() < 0.501


def test_only_rows_that_p_hits_run(monkeypatch):
    rows = []
    monkeypatch.setattr(models.Negative, "forward", lambda _, x: (rows.append(len(x)), 1 - x)[1])
    pictures = PICTURES[:1].expand(64, -1, -1, -1)
    fields = {"model": "models:Negative", "p": 0.4}
    out = run(fields, pictures)
    hit = (out != pictures).any(dim=(1, 2, 3))
    assert rows == [int(hit.sum())]
    assert 10 < rows[0] < 45
    assert torch.equal(out[~hit], pictures[~hit])
    run({**fields, "p": 0}, pictures)
    assert len(rows) == 1


def test_the_result_is_blended_with_the_original():
    out = run({"model": "models:Negative", "blend_ratio": [0.25, 0.25]})
    exact = 0.75 * PICTURES.float() + 0.25 * (255 - PICTURES.float())
    assert (out - exact).abs().max() < 0.501


def test_the_batch_is_never_written_to():
    before = PICTURES.clone()
    run({"model": "models:Negative"})
    assert torch.equal(PICTURES, before)


def test_a_model_is_loaded_once(script):
    run({"model": str(script)})
    script.write_bytes(b"overwritten")
    assert torch.equal(run({"model": str(script), "p": 0.999}), 255 - PICTURES)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("models:Halved", r"models:Halved gave \(3, 3, 12, 15\) for pictures of shape \(3, 3, 24"),
        ("models:Broken", "gave numbers that are not finite"),
        ("models:Raising", "models:Raising: KeyError: 'channel'"),
        ("models:Negativ", "models:Negativ: AttributeError: .*Negativ"),
        ("models:make_negative", "is not a class of torch.nn.Module, but <function make_negative"),
        ("not_installed.anywhere:Net", "ModuleNotFoundError: No module named 'not_installed'"),
        ("torch.nn:Linear", "torch.nn:Linear: TypeError: .*in_features"),
    ],
)
def test_a_model_that_fails_is_named(model, message):
    with pytest.raises(PlanError, match=f"^generator#0: .*{message}"):
        run({"model": model})


def test_files_are_never_unpickled(tmp_path):
    """A pickle of a whole module is neither TorchScript nor weights."""
    file = tmp_path / "pickled.pt"
    torch.save(models.Negative(), file)
    with pytest.raises(PlanError, match=r"pickled\.pt: "):
        run({"model": str(file)})
    with pytest.raises(PlanError, match="models:Blur: UnpicklingError: Weights only load failed"):
        run({"model": "models:Blur", "weights": str(file)})


def test_weights_must_fit(weights):
    with pytest.raises(PlanError, match=r"models:Negative: RuntimeError: .*Unexpected key"):
        run({"model": "models:Negative", "weights": str(weights)})


def test_an_op_keeps_no_model_and_so_travels_to_workers():
    op = Generator(model="models:Negative")
    (step,) = Pipeline([op]).plan(SIZE).steps
    assert all(value.dtype != object for value in step.params.values())
