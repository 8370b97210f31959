"""Blocks that networks stack: (B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride)) each."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from augpipe.train.nets.attention import make_attention
from augpipe.train.nets.drop_path import DropPath
from augpipe.train.nets.reparam import acnet_conv, repvgg_conv


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., CVPR 2016).

    The shortcut is the identity where shapes allow; else it pools before its 1x1 convolution (He
    et al., CVPR 2019, ResNet-D), so that it looks at every pixel.

    The last norm keeps its scale of 1: starting it at 0 (Goyal et al., 2017) costs a run as short
    as the demo's five of its fifteen epochs.

    Args:
        channels_in: of what comes in.
        channels_out: of what goes out.
        stride: what height and width are divided by.
        attention: a name in `attention.ATTENTIONS`; it stands before the addition.
        drop_path: how often the two convolutions are left out in training, for one sample.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        stride: int = 1,
        attention: str | None = None,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *conv_norm(channels_in, channels_out, 3, stride),
            nn.ReLU(inplace=True),
            *conv_norm(channels_out, channels_out, 3),
            make_attention(attention, channels_out),
            DropPath(drop_path),
        )
        self.shortcut = _shortcut(channels_in, channels_out, stride)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        activated: Tensor = self.activation(self.residual(features) + self.shortcut(features))
        return activated


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    if stride == 1 and channels_in == channels_out:
        return nn.Identity()
    pool = nn.Identity() if stride == 1 else nn.AvgPool2d(stride, ceil_mode=True)
    return nn.Sequential(pool, *conv_norm(channels_in, channels_out, 1))


def conv_norm(channels_in: int, channels_out: int, side: int, stride: int = 1) -> nn.Sequential:
    """A centred convolution without bias, and a batch norm."""
    conv = nn.Conv2d(channels_in, channels_out, side, stride, side // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out))


def plain_conv(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution and a batch norm: the block of VGG, as it is since batch norm."""
    return conv_norm(channels_in, channels_out, 3, stride)


SINGLE_PATHS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "plain": plain_conv,
    "repvgg": repvgg_conv,
    "acnet": acnet_conv,
}


def make_block(
    name: str, channels_in: int, channels_out: int, stride: int, attention: str | None, rate: float
) -> nn.Module:
    """The block of a name: `residual`, or one of `SINGLE_PATHS`, which cannot drop their path."""
    if name == "residual":
        return ResidualBlock(channels_in, channels_out, stride, attention, rate)
    conv = SINGLE_PATHS[name](channels_in, channels_out, stride)
    return nn.Sequential(conv, make_attention(attention, channels_out), nn.ReLU(inplace=True))
