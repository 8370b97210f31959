"""Networks by name: our own small one, and every classification model of torchvision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torchvision
from torch import Tensor, nn

from augpipe.errors import RecipeError, suggest
from augpipe.train.config import ModelConfig


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a pooled shortcut; halves height and width (He et al., 2016).

    The last norm keeps its scale of 1: starting it at 0 (Goyal et al., 2017) costs a run as short
    as the demo's five of its fifteen epochs.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True),
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / 2), ceil(W / 2))."""
        activated: Tensor = self.activation(self.residual(images) + self.shortcut(images))
        return activated


def small_cnn(num_classes: int, widths: tuple[int, ...] = (24, 48, 96)) -> nn.Module:
    """A residual network for small pictures, such as 32 x 32; seconds per epoch on two cores.

    Args:
        num_classes: outputs.
        widths: channels of the stem and of each block after it; each block halves the picture.

    Returns:
        A model of (B, 3, H, W) float32 images, of any size, to (B, num_classes) logits.
    """
    stem = [
        nn.Conv2d(3, widths[0], 3, padding=1, bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(inplace=True),
    ]
    blocks = [ResidualBlock(*pair) for pair in zip((widths[0], *widths), widths, strict=False)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], num_classes)]
    return nn.Sequential(*stem, *blocks, *head)


MODELS: dict[str, Callable[[int], nn.Module]] = {"small_cnn": small_cnn}

# These two return more than logits unless told not to, and ask for a decision about their init.
_OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}


def known_models() -> list[str]:
    """Every name that `build_model` takes."""
    return [*MODELS, *torchvision.models.list_models(module=torchvision.models)]


def build_model(config: ModelConfig, num_classes: int) -> nn.Module:
    """Build an untrained model on the CPU, its weights drawn from torch's global generator.

    Args:
        config: which model.
        num_classes: the number of classes of the data; `config.num_classes` may ask for more.

    Returns:
        A model of (B, 3, H, W) float32 images to (B, classes) logits.

    Raises:
        RecipeError: the name is unknown, or the data has more classes than the recipe says.
    """
    outputs = config.num_classes or num_classes
    if outputs < num_classes:
        raise RecipeError(
            f"train.model.num_classes is {outputs}, but the data has {num_classes} classes; "
            "raise it, or leave it out to take the number from the data"
        )
    if config.name in MODELS:
        return MODELS[config.name](outputs)
    if config.name not in known_models():
        remedy = suggest(config.name, known_models())
        raise RecipeError(f"train.model.name: unknown model {config.name!r}; {remedy}")
    options = _OPTIONS.get(config.name, {})
    model: nn.Module = torchvision.models.get_model(config.name, num_classes=outputs, **options)
    return model
