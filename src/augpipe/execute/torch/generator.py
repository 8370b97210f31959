"""A user's image-to-image model on a batch.

A row is run together with the others that `p` hits. What it becomes does not depend on which
these are, except that a library may choose another algorithm for convolutions of another batch
size, whose last bits differ: after rounding, a level here and there.
"""

from __future__ import annotations

import importlib
import json
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from augpipe.errors import PlanError
from augpipe.execute.torch.stage import Kind, Stage, acting
from augpipe.execute.torch.types import Given, Kernels, Tensors, Values, floats, like, spread

# Memory on a device is dear: the models of so many different generators stay there.
_MODELS = 4

# Model, whether it is to be imported, weights, keyword arguments as JSON.
Spec = tuple[str, bool, str, str]


def _generate(values: Values, _: Given) -> Stage:
    spec = tuple(values[name][0].item() for name in ("model", "importable", "weights", "kwargs"))
    return Stage(
        None,
        floats(blend_ratio=values["blend_ratio"]),
        options=(spec, bool(values["signed"][0])),
        kinds=acting(values["blend_ratio"]),
        alike=_blended,
        whole=True,
        fixed=False,
    )


def _blended(pixels: Tensor, tensors: Tensors, _: Kind, spec: Spec, signed: bool) -> Tensor:
    """What the model makes of the pictures, and of that as much as is asked for."""
    before = pixels.float()
    model = _load(*spec, str(pixels.device))
    after = _run(model, before, signed=signed, name=spec[0])
    return like(pixels, torch.lerp(before, after, spread(tensors["blend_ratio"], 3)))


def _run(model: nn.Module, levels: Tensor, *, signed: bool, name: str) -> Tensor:
    """(B, 3, H, W) levels, 0 to 255, through the model and back."""
    given = levels / 127.5 - 1 if signed else levels / 255
    try:
        with torch.autocast(levels.device.type, enabled=False):
            result = model(given)
    except Exception as error:  # somebody else's model may raise anything
        raise _failed(name, error) from error
    done = _checked(result, given, name)
    return (done + 1) * 127.5 if signed else done * 255


def _checked(result: Any, given: Tensor, name: str) -> Tensor:
    """The model's result in float32, if it is one."""
    if not isinstance(result, Tensor) or result.shape != given.shape:
        got = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
        raise PlanError(
            f"{name} gave {got} for pictures of shape {tuple(given.shape)}; the model must keep "
            "the size"
        )
    if not result.isfinite().all():
        raise PlanError(f"{name} gave numbers that are not finite; are its weights those it needs?")
    return result.float()


@lru_cache(maxsize=_MODELS)
def _load(model: str, importable: bool, weights: str, kwargs: str, device: str) -> nn.Module:
    """The model on that device, ready to run."""
    try:
        options = json.loads(kwargs)
        module = _imported(model, weights, options) if importable else _script(model)
        return module.to(device).eval()
    except PlanError:
        raise
    except Exception as error:  # somebody else's code and files may raise anything
        raise _failed(model, error) from error


def _script(file: str) -> nn.Module:
    with warnings.catch_warnings():
        # It is, but of what can be loaded without unpickling, there is nothing else.
        warnings.filterwarnings("ignore", r"`torch\.jit\.load` is deprecated", FutureWarning)
        return torch.jit.load(Path(file).expanduser(), map_location="cpu")  # type: ignore[no-any-return, no-untyped-call]  # torch's own


def _imported(name: str, weights: str, kwargs: dict[str, Any]) -> nn.Module:
    package, _, attribute = name.partition(":")
    kind = getattr(importlib.import_module(package), attribute)
    if not isinstance(kind, type) or not issubclass(kind, nn.Module):
        raise PlanError(f"{name} is not a class of torch.nn.Module, but {kind!r}")
    module = kind(**kwargs)
    if weights:
        states = torch.load(Path(weights).expanduser(), map_location="cpu", weights_only=True)
        module.load_state_dict(states)
    return module


def _failed(name: str, error: Exception) -> PlanError:
    return PlanError(f"{name}: {type(error).__name__}: {' '.join(str(error).split())}")


KERNELS: Kernels = {"generator": _generate}
