"""A trained model as a file for other programs, which is run and compared before it is written."""

from __future__ import annotations

import importlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from augpipe.errors import RecipeError, TrainError, suggest
from augpipe.train.atomic import replacing

# Of the largest output: other programs round float32 elsewhere, in other orders.
_TOLERANCE = 1e-4


class Format(NamedTuple):
    """How a model becomes a file, and how the file is run.

    Attributes:
        suffix: of the file.
        make: from a model in eval mode and an example batch to the file's content; the file takes
            batches of any length.
        run: from the content and a batch to the outputs.
    """

    suffix: str
    make: Callable[[nn.Module, Tensor], bytes]
    run: Callable[[bytes, Tensor], Tensor]


def export(model: nn.Module, images: Tensor, path: Path, format_name: str) -> None:
    """Write a model for other programs.

    Args:
        model: in eval mode, best fused (see `fuse`).
        images: (B, 3, H, W) float32 on the CPU, B at least 2; fixes height and width.
        path: the file to replace.
        format_name: one of `FORMATS`.

    Raises:
        RecipeError: the format is unknown, or what it needs is not installed.
        TrainError: the model is in training mode, or the file would give other outputs; then
            nothing is written.
    """
    if format_name not in FORMATS:
        raise RecipeError(f"unknown format {format_name!r}; {suggest(format_name, FORMATS)}")
    if model.training:
        raise TrainError("only a model in eval mode can be exported; call model.eval() first")
    make, run = FORMATS[format_name].make, FORMATS[format_name].run
    # One sample more than in the example: whoever fixed the length would fail here.
    batch = torch.cat([images, images[:1]])
    with torch.no_grad():
        content = make(model, images)
        _compare(run(content, batch), model(batch), format_name)
    with replacing(path) as file:
        file.write(content)


def _compare(outputs: Tensor, expected: Tensor, format_name: str) -> None:
    error = float((outputs - expected).abs().max() / expected.abs().max().clamp(min=1.0))
    if not error <= _TOLERANCE:
        raise TrainError(
            f"as {format_name} the model gives other outputs: they differ by {error:.1e}, more "
            f"than {_TOLERANCE:.0e}; nothing was written, try another format"
        )


def _make_torchscript(model: nn.Module, images: Tensor) -> bytes:
    content = io.BytesIO()
    with _torchscript_wanted():
        torch.jit.save(torch.jit.trace(model, images), content)  # type: ignore[no-untyped-call]
    return content.getvalue()


def _run_torchscript(content: bytes, images: Tensor) -> Tensor:
    with _torchscript_wanted():
        outputs: Tensor = torch.jit.load(io.BytesIO(content))(images)  # type: ignore[no-untyped-call]
    return outputs


def _make_torch_export(model: nn.Module, images: Tensor) -> bytes:
    content = io.BytesIO()
    torch.export.save(torch.export.export(model, (images,), dynamic_shapes=_any_length()), content)
    return content.getvalue()


def _run_torch_export(content: bytes, images: Tensor) -> Tensor:
    outputs: Tensor = torch.export.load(io.BytesIO(content)).module()(images)
    return outputs


def _make_onnx(model: nn.Module, images: Tensor) -> bytes:
    for module in ("onnx", "onnxscript"):
        _import(module)
    program = torch.onnx.export(
        model,
        (images,),
        dynamo=True,
        dynamic_shapes=_any_length(),
        input_names=["images"],
        output_names=["logits"],
        verbose=False,
    )
    if program is None:
        raise TrainError("torch made no ONNX program of the model")
    return bytes(program.model_proto.SerializeToString())


def _run_onnx(content: bytes, images: Tensor) -> Tensor:
    session = _import("onnxruntime").InferenceSession(content)
    return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


FORMATS: dict[str, Format] = {
    "torchscript": Format(".ts", _make_torchscript, _run_torchscript),
    "torch_export": Format(".pt2", _make_torch_export, _run_torch_export),
    "onnx": Format(".onnx", _make_onnx, _run_onnx),
}


def _any_length() -> tuple[dict[int, torch.export.Dim]]:
    return ({0: torch.export.Dim("batch")},)


def _torchscript_wanted() -> warnings.catch_warnings[None]:
    """Without torch's advice against TorchScript: some programs run nothing else."""
    return warnings.catch_warnings(action="ignore", category=FutureWarning)


def _import(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise RecipeError(f"{module} is not installed; pip install 'augpipe[onnx]'") from error
