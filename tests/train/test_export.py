import io
import sys

import pytest
import torch
from torch import nn

from augpipe.errors import RecipeError, TrainError
from augpipe.train import export as exporting
from augpipe.train.config.model import ConvNetConfig
from augpipe.train.export import FORMATS, export
from augpipe.train.fuse import fuse
from augpipe.train.nets.small import ConvNet

BUILT_IN = ["torchscript", "torch_export"]


def images():
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = ConvNetConfig(widths=(4, 6), depths=(1, 1), block="repvgg", attention="coordinate")
    return fuse(ConvNet(3, config).eval(), images())


@pytest.fixture(params=list(FORMATS))
def format_name(request):
    if request.param == "onnx":
        for module in ("onnx", "onnxscript", "onnxruntime"):
            pytest.importorskip(module, reason=f"{module} (extra onnx) is not installed")
    return request.param


def test_the_file_gives_the_models_outputs_for_any_number_of_pictures(model, format_name, tmp_path):
    path = tmp_path / "model"
    export(model, images(), path, format_name)
    assert list(tmp_path.iterdir()) == [path]
    batch = torch.randn(5, 3, 16, 16)
    outputs = FORMATS[format_name].run(path.read_bytes(), batch)
    torch.testing.assert_close(outputs, model(batch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_training_model_is_refused(model, name, tmp_path):
    with pytest.raises(TrainError, match="only a model in eval mode"):
        export(model.train(), images(), tmp_path / "model", name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_file_with_other_outputs_is_never_written(model, name, tmp_path, monkeypatch):
    honest = FORMATS[name]
    wrong = honest._replace(run=lambda content, batch: honest.run(content, batch) + 0.01)
    monkeypatch.setitem(exporting.FORMATS, name, wrong)
    (tmp_path / "model").write_text("old")
    with pytest.raises(TrainError, match=rf"as {name} the model gives other outputs"):
        export(model, images(), tmp_path / "model", name)
    assert (tmp_path / "model").read_text() == "old"


def test_outputs_that_are_no_numbers_are_other_outputs(model, tmp_path, monkeypatch):
    nothing = FORMATS["torchscript"]._replace(run=lambda content, batch: model(batch) * torch.nan)
    monkeypatch.setitem(exporting.FORMATS, "torchscript", nothing)
    with pytest.raises(TrainError, match="differ by nan"):
        export(model, images(), tmp_path / "model", "torchscript")


def test_a_model_that_fixes_the_length_is_caught(tmp_path):
    class OnlyTwo(nn.Module):
        def forward(self, given):
            return given.mean((1, 2, 3)).reshape(2, 1)

    with pytest.raises(RuntimeError):
        export(OnlyTwo().eval(), images(), tmp_path / "model", "torchscript")
    assert not any(tmp_path.iterdir())


def test_without_onnx_its_extra_is_named(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(RecipeError, match=r"onnx is not installed; pip install 'augpipe\[onnx\]'"):
        export(model, images(), tmp_path / "model", "onnx")


def test_an_unknown_format_names_the_nearest(model, tmp_path):
    with pytest.raises(RecipeError, match=r"unknown format 'onyx'; did you mean 'onnx'\?"):
        export(model, images(), tmp_path / "model", "onyx")


def test_torchscript_is_plain_torchscript(model, tmp_path):
    export(model, images(), tmp_path / "model.ts", "torchscript")
    with pytest.warns(FutureWarning, match="deprecated"):
        loaded = torch.jit.load(io.BytesIO((tmp_path / "model.ts").read_bytes()))
    torch.testing.assert_close(loaded(images()), model(images()), rtol=1e-4, atol=1e-5)
