"""Attention over channels and places: each module scales features and keeps their shape.

All map (B, C, H, W) to (B, C, H, W), and multiply what comes in by weights in (0, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

# Below this many channels a bottleneck would tell nothing apart (8 is coordinate attention's too).
_NARROWEST = 8


class SqueezeExcitation(nn.Module):
    """Each channel is weighed by what all of them are on average (SE; Hu et al., CVPR 2018, eq. 4).

    Args:
        channels: of what comes in.
        reduction: how much narrower the bottleneck is; never below 8 channels, which the paper
            leaves open.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.gate = _bottleneck(channels, reduction)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        weights: Tensor = self.gate(features.mean((2, 3), keepdim=True)).sigmoid()
        return features * weights


class Cbam(nn.Module):
    """First channels are weighed, then places (CBAM; Woo et al., ECCV 2018, eq. 2 and 3).

    Channels by their mean and their maximum, through one bottleneck; places by the mean and the
    maximum over channels, through a 7x7 convolution. As in the authors' code, a batch norm follows
    it, which the paper does not mention.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.channel_gate = _bottleneck(channels, reduction)
        self.place_gate = nn.Sequential(
            nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        mean = self.channel_gate(features.mean((2, 3), keepdim=True))
        maximum = self.channel_gate(features.amax((2, 3), keepdim=True))
        features = features * (mean + maximum).sigmoid()
        pooled = torch.cat([features.mean(1, keepdim=True), features.amax(1, keepdim=True)], 1)
        weights: Tensor = self.place_gate(pooled).sigmoid()
        return features * weights


class EfficientChannelAttention(nn.Module):
    """Each channel is weighed by its neighbours' means, without a bottleneck (ECA).

    Wang et al., CVPR 2020: one convolution along the channels, whose length grows with their number
    (eq. 12, with gamma = 2 and b = 1): |log2(C) / 2 + 1 / 2|, cut off, and made odd.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        length = int((math.log2(channels) + 1) / 2) | 1
        self.along_channels = nn.Conv1d(1, 1, length, padding=length // 2, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        means = features.mean((2, 3))
        weights: Tensor = self.along_channels(means.unsqueeze(1)).squeeze(1).sigmoid()
        return features * weights[:, :, None, None]


class CoordinateAttention(nn.Module):
    """Each place is weighed by what its row and its column are on average (Hou et al., CVPR 2021).

    The means of rows and of columns go through one bottleneck together, and through one convolution
    each (eq. 4 to 8).
    """

    def __init__(self, channels: int, reduction: int = 32) -> None:
        super().__init__()
        narrow = max(_NARROWEST, channels // reduction)
        self.squeeze = nn.Sequential(
            nn.Conv2d(channels, narrow, 1, bias=False), nn.BatchNorm2d(narrow), nn.Hardswish()
        )
        self.row_gate = nn.Conv2d(narrow, channels, 1)
        self.column_gate = nn.Conv2d(narrow, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        rows, columns = features.mean(3, keepdim=True), features.mean(2, keepdim=True)
        both = self.squeeze(torch.cat([rows, columns.transpose(2, 3)], 2))
        rows, columns = both.split(features.shape[2:], 2)
        row_weights: Tensor = self.row_gate(rows).sigmoid()
        column_weights: Tensor = self.column_gate(columns.transpose(2, 3)).sigmoid()
        return features * row_weights * column_weights


ATTENTIONS: dict[str, Callable[[int], nn.Module]] = {
    "se": SqueezeExcitation,
    "cbam": Cbam,
    "eca": EfficientChannelAttention,
    "coordinate": CoordinateAttention,
}


def make_attention(name: str | None, channels: int) -> nn.Module:
    """The attention of a name in `ATTENTIONS` for so many channels; of None, nothing."""
    return ATTENTIONS[name](channels) if name else nn.Identity()


def _bottleneck(channels: int, reduction: int) -> nn.Sequential:
    narrow = max(_NARROWEST, channels // reduction)
    return nn.Sequential(
        nn.Conv2d(channels, narrow, 1), nn.ReLU(inplace=True), nn.Conv2d(narrow, channels, 1)
    )
