"""Our own networks: `small_cnn` for the demo, `convnet` for everything the blocks can do."""

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
