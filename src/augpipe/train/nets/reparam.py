"""Branches that train side by side and are one convolution when deployed.

Convolution and batch norm are linear, so branches that are summed before any activation are one
convolution with one kernel and one bias: exactly, but for rounding, in eval mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class BranchedConv(nn.Module):
    """The sum of branches, each a convolution with a batch norm, or a batch norm alone.

    Args:
        branches: (convolution or identity, batch norm) each. The first convolution is 3x3; the
            others have sides of 1 or 3, the same stride, and a padding that keeps them centred.
    """

    def __init__(self, branches: Sequence[nn.Sequential]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        first, *others = self.branches
        total: Tensor = first(features)
        for branch in others:
            total = total + branch(features)
        return total

    @torch.no_grad()
    def fuse(self) -> nn.Conv2d:
        """The 3x3 convolution that this is in eval mode."""
        branches = [cast(nn.Sequential, branch) for branch in self.branches]
        norms = [cast(nn.BatchNorm2d, norm) for _, norm in branches]
        kernels = [_kernel(branch[0], norms[0]) for branch in branches]
        fused = [_scaled(kernel, norm) for kernel, norm in zip(kernels, norms, strict=True)]
        first = cast(nn.Conv2d, branches[0][0])
        conv = convolution(fused[0][0], fused[0][1], first)
        conv.weight.copy_(torch.stack([kernel for kernel, _ in fused]).sum(0))
        cast(Tensor, conv.bias).copy_(torch.stack([bias for _, bias in fused]).sum(0))
        return conv


def repvgg_conv(channels_in: int, channels_out: int, stride: int = 1) -> BranchedConv:
    """RepVGG's: 3x3, 1x1, and the identity where shapes allow (Ding et al., CVPR 2021, fig. 4)."""
    branches = [_branch(channels_in, channels_out, side, stride) for side in ((3, 3), (1, 1))]
    if channels_in == channels_out and stride == 1:
        branches.append(nn.Sequential(nn.Identity(), nn.BatchNorm2d(channels_in)))
    return BranchedConv(branches)


def acnet_conv(channels_in: int, channels_out: int, stride: int = 1) -> BranchedConv:
    """ACNet's: 3x3, 1x3 and 3x1, which strengthen the cross (Ding et al., ICCV 2019, eq. 7)."""
    sides = ((3, 3), (1, 3), (3, 1))
    return BranchedConv([_branch(channels_in, channels_out, side, stride) for side in sides])


def fuse_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """The convolution that a convolution and the batch norm after it are in eval mode."""
    weight, bias = _scaled(conv.weight, norm)
    if conv.bias is not None:
        bias = bias + conv.bias * _scale(norm)
    return convolution(weight, bias, conv)


@torch.no_grad()
def convolution(weight: Tensor, bias: Tensor, like: nn.Conv2d) -> nn.Conv2d:
    """A convolution with this kernel and bias, in all else like another."""
    conv = nn.Conv2d(
        like.in_channels,
        like.out_channels,
        like.kernel_size,  # type: ignore[arg-type]  # declared as a tuple of any length
        like.stride,  # type: ignore[arg-type]
        like.padding,  # type: ignore[arg-type]
        like.dilation,  # type: ignore[arg-type]
        like.groups,
        padding_mode=like.padding_mode,
        device="meta",
    )
    conv.weight, conv.bias = nn.Parameter(weight), nn.Parameter(bias)
    return conv


def _branch(
    channels_in: int, channels_out: int, side: tuple[int, int], stride: int
) -> nn.Sequential:
    padding = (side[0] // 2, side[1] // 2)
    conv = nn.Conv2d(channels_in, channels_out, side, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out))


def _kernel(conv: nn.Module, like: nn.BatchNorm2d) -> Tensor:
    """(C', C, 3, 3): a branch's kernel with zeros around it; the identity's has a one in it."""
    if isinstance(conv, nn.Conv2d):
        rows, columns = (3 - side for side in conv.weight.shape[2:])
        return functional.pad(conv.weight, (columns // 2, columns // 2, rows // 2, rows // 2))
    channels = like.num_features
    kernel = torch.zeros(channels, channels, 3, 3).to(cast(Tensor, like.running_var))
    return nn.init.dirac_(kernel)


def _scale(norm: nn.BatchNorm2d) -> Tensor:
    """(C,) what a batch norm multiplies by in eval mode."""
    deviation = (cast(Tensor, norm.running_var) + norm.eps).sqrt()
    return (norm.weight if norm.affine else torch.ones_like(deviation)) / deviation


def _scaled(kernel: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The kernel and the bias of a convolution without bias, and the norm after it."""
    scale = _scale(norm)
    shift = -cast(Tensor, norm.running_mean) * scale
    return kernel * scale[:, None, None, None], shift + norm.bias if norm.affine else shift
