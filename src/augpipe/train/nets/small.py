"""Our own networks: `small_cnn` and `fast_cnn` for tiny pictures, `convnet` for all blocks."""

from __future__ import annotations

from torch import Tensor, nn

from augpipe.train.config.model import ConvNetConfig
from augpipe.train.nets.blocks import ResidualBlock, conv_norm, make_block
from augpipe.train.nets.drop_path import linear_rates


def small_cnn(num_classes: int, widths: tuple[int, ...] = (24, 48, 96)) -> nn.Module:
    """A residual network for small pictures, such as 32 x 32; seconds per epoch on two cores.

    Args:
        num_classes: outputs.
        widths: channels of the stem and of each block after it; each block halves the picture.

    Returns:
        A model of (B, 3, H, W) float32 images, of any size, to (B, num_classes) logits.
    """
    stem = [*conv_norm(3, widths[0], 3), nn.ReLU(inplace=True)]
    pairs = zip((widths[0], *widths), widths, strict=False)
    blocks = [ResidualBlock(*pair, stride=2) for pair in pairs]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], num_classes)]
    return nn.Sequential(*stem, *blocks, *head)


def fast_cnn(num_classes: int, widths: tuple[int, int, int] = (16, 32, 64)) -> nn.Module:
    """A residual network for 28 x 28 pictures that a processor trains in minutes.

    It follows the ResNet-9 of D. Page ("How to train your ResNet", 2018), narrower, and pools
    before norms and activations instead of behind them: a quarter of the pixels go through, and
    the order of maxima and a ReLU does not matter. Features are pooled by their maxima.

    Args:
        num_classes: outputs.
        widths: channels of the stem and of the two residual blocks behind it.

    Returns:
        A model of (B, 3, H, W) float32 images, of 8 x 8 and more, to (B, num_classes) logits.
    """
    stem, middle, last = widths
    return nn.Sequential(
        *_pooled(3, stem),
        *_pooled(stem, middle),
        ResidualBlock(middle, middle),
        *_pooled(middle, last),
        ResidualBlock(last, last),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(last, num_classes),
    )


def _pooled(channels_in: int, channels_out: int) -> list[nn.Module]:
    convolution, norm = conv_norm(channels_in, channels_out, 3)
    return [convolution, nn.MaxPool2d(2), norm, nn.ReLU(inplace=True)]


class ConvNet(nn.Module):
    """A stem, stages of blocks, and a linear head: the reference for the blocks of this package.

    Every stage but the first halves the picture in its first block.

    Args:
        num_classes: outputs.
        config: how wide and deep, and of which blocks.

    Attributes:
        stages: the blocks of each width; hooks know them as `stages.1`, or `stages.1.0`.
    """

    def __init__(self, num_classes: int, config: ConvNetConfig | None = None) -> None:
        super().__init__()
        config = config or ConvNetConfig()
        rates = iter(linear_rates(config.drop_path, sum(config.depths)))
        channels = config.widths[0]
        self.stem = nn.Sequential(*conv_norm(3, channels, 3), nn.ReLU(inplace=True))
        self.stages = nn.ModuleList()
        for width, depth in zip(config.widths, config.depths, strict=True):
            stage = nn.Sequential()
            for block in range(depth):
                stride = 2 if block == 0 and len(self.stages) else 1
                options = (config.attention, next(rates))
                stage.append(make_block(config.block, channels, width, stride, *options))
                channels = width
            self.stages.append(stage)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) float32 images of any size to (B, num_classes) logits."""
        features = self.stem(images)
        for stage in self.stages:
            features = stage(features)
        logits: Tensor = self.head(self.dropout(self.pool(features)))
        return logits
