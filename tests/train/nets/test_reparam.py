"""Folded kernels against the branches they stand for."""

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from augpipe.train.nets.reparam import acnet_conv, fuse_norm, repvgg_conv

# In float64, so that what differs is the formula and not the rounding.
EXACT = {"rtol": 0, "atol": 1e-12}


def lived(module):
    """The module with norms that have seen something, in eval mode and float64."""
    torch.manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            if part.affine:
                nn.init.normal_(part.weight)
                nn.init.normal_(part.bias)
    return module.double().eval()


def pictures(channels):
    torch.manual_seed(2)
    return torch.randn(2, channels, 9, 12, dtype=torch.float64)


@pytest.mark.parametrize("make", [repvgg_conv, acnet_conv])
@pytest.mark.parametrize(("ins", "outs", "stride"), [(6, 6, 1), (6, 6, 2), (4, 6, 1), (4, 6, 2)])
def test_branches_are_one_convolution(make, ins, outs, stride):
    branched = lived(make(ins, outs, stride))
    fused = branched.fuse()
    given = pictures(ins)
    expected = sum(branch(given) for branch in branched.branches)
    torch.testing.assert_close(branched(given), expected, **EXACT)
    torch.testing.assert_close(fused(given), expected, **EXACT)
    assert fused.kernel_size == (3, 3)


def test_the_branches_are_those_of_the_papers():
    def sides(module):
        return [getattr(branch[0], "kernel_size", None) for branch in module.branches]

    assert sides(repvgg_conv(6, 6)) == [(3, 3), (1, 1), None]
    assert sides(repvgg_conv(6, 6, 2)) == sides(repvgg_conv(4, 6)) == [(3, 3), (1, 1)]
    assert sides(acnet_conv(6, 6)) == [(3, 3), (1, 3), (3, 1)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 2, "dilation": 2},
        {"groups": 2, "padding": 1, "padding_mode": "reflect"},
    ],
)
def test_a_norm_folds_as_torchs_own_does(options, bias):
    conv = nn.Conv2d(4, 6, 3, bias=bias, **options)
    both = lived(nn.Sequential(conv, nn.BatchNorm2d(6, eps=0.1)))
    ours, theirs = fuse_norm(*both), fuse_conv_bn_eval(*both)
    given = pictures(4)
    torch.testing.assert_close(ours(given), both(given), **EXACT)
    torch.testing.assert_close(ours.weight, theirs.weight, **EXACT)
    torch.testing.assert_close(ours.bias, theirs.bias, **EXACT)


def test_a_norm_without_scale_folds_too():
    both = lived(nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, affine=False)))
    torch.testing.assert_close(fuse_norm(*both)(pictures(4)), both(pictures(4)), **EXACT)


def test_what_was_folded_is_left_alone():
    branched = lived(repvgg_conv(4, 4))
    before = [tensor.clone() for tensor in branched.state_dict().values()]
    fused = branched.fuse()
    fused.weight.data.zero_()
    fused.bias.data.zero_()
    assert all(map(torch.equal, branched.state_dict().values(), before))
