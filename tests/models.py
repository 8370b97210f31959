"""Image-to-image models, for the op that runs a user's own: good ones and bad ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Negative(nn.Module):
    """A picture's negative, in the range from 0 to 1."""

    def forward(self, pictures: Tensor) -> Tensor:
        """1 - x."""
        return 1 - pictures


class Blur(nn.Module):
    """One convolution, which has weights, and a dropout, which evaluation leaves out."""

    def __init__(self, kernel_size: int = 3) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 3, kernel_size, padding="same")
        self.drop = nn.Dropout(0.5)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) of the same size."""
        return self.drop(self.mix(pictures))


class Halved(nn.Module):
    """Gives smaller pictures than it got."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Every other pixel."""
        return pictures[:, :, ::2, ::2]


class Broken(nn.Module):
    """Divides nothing by nothing."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Not a number."""
        return pictures * torch.nan


class Raising(nn.Module):
    """Fails."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Never returns."""
        raise KeyError("channel")


def make_negative() -> nn.Module:
    """A function, not a class."""
    return Negative()
