"""Networks by name: our own, and every classification model of torchvision and of timm."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torchvision
from torch import nn

from augpipe.errors import RecipeError, suggest
from augpipe.train.config import ModelConfig
from augpipe.train.nets.small import ConvNet, fast_cnn, small_cnn

MODELS: dict[str, Callable[[int], nn.Module]] = {
    "small_cnn": small_cnn,
    "fast_cnn": fast_cnn,
    "convnet": ConvNet,
}

# These two return more than logits unless told not to, and ask for a decision about their init.
_OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}
_TIMM = "timm."


def known_models() -> list[str]:
    """Every name that `build_model` takes, but those of timm."""
    return [*MODELS, *torchvision.models.list_models(module=torchvision.models)]


def build_model(config: ModelConfig, num_classes: int) -> nn.Module:
    """Build an untrained model on the CPU, its weights drawn from torch's global generator.

    Args:
        config: which model.
        num_classes: the number of classes of the data; `config.num_classes` may ask for more.

    Returns:
        A model of (B, 3, H, W) float32 images to (B, classes) logits.

    Raises:
        RecipeError: the name is unknown, the model does not take one of its options, timm is not
            installed, or the data has more classes than the recipe says.
    """
    outputs = config.num_classes or num_classes
    if outputs < num_classes:
        raise RecipeError(
            f"train.model.num_classes is {outputs}, but the data has {num_classes} classes; "
            "raise it, or leave it out to take the number from the data"
        )
    if config.convnet:
        return ConvNet(outputs, config.convnet)
    if config.name in MODELS:
        return MODELS[config.name](outputs)
    return _foreign(config, outputs)


def _foreign(config: ModelConfig, outputs: int) -> nn.Module:
    """A model that torchvision or timm builds."""
    make, known = torchvision.models.get_model, known_models()
    name = config.name
    if name.startswith(_TIMM):
        timm = _import_timm()
        name = name.removeprefix(_TIMM)
        make, known = timm.create_model, timm.list_models()
    if name not in known:
        raise RecipeError(f"train.model.name: unknown model {name!r}; {suggest(name, known)}")
    try:
        model: nn.Module = make(
            name, num_classes=outputs, **{**_OPTIONS.get(config.name, {}), **config.options}
        )
    except TypeError as error:
        raise RecipeError(f"train.model.options: {name} says: {error}") from error
    return model


def _import_timm() -> ModuleType:
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise RecipeError("timm is not installed; pip install 'augpipe[timm]'") from error
