"""Each attention against torchvision's or against loops over channels and places."""

import math

import pytest
import torch
from torch import nn
from torchvision.ops import SqueezeExcitation as TorchvisionSE

from augpipe.train.nets.attention import (
    ATTENTIONS,
    Cbam,
    CoordinateAttention,
    EfficientChannelAttention,
    SqueezeExcitation,
    make_attention,
)


def features(channels=24, seed=0):
    return torch.randn(3, channels, 5, 7, generator=torch.Generator().manual_seed(seed))


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def apply(gate, values):
    """A bottleneck of 1x1 convolutions on one vector."""
    return gate(values[None, :, None, None])[0, :, 0, 0]


@pytest.fixture(params=list(ATTENTIONS))
def name(request):
    torch.manual_seed(0)
    return request.param


@pytest.mark.parametrize("channels", [1, 3, 24, 96])
def test_features_keep_their_shape_and_shrink(name, channels):
    given = features(channels)
    weighed = make_attention(name, channels)(given)
    assert weighed.shape == given.shape
    assert (weighed.abs() <= given.abs()).all()
    assert (weighed * given >= 0).all()


def test_every_parameter_learns(name):
    attention = make_attention(name, 24)
    attention(features()).square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in attention.parameters())


def test_without_a_name_there_is_none():
    assert isinstance(make_attention(None, 8), nn.Identity)


def test_squeeze_excitation_is_torchvisions():
    ours, theirs = SqueezeExcitation(32, reduction=4), TorchvisionSE(32, 8)
    theirs.load_state_dict(
        {
            f"{layer}.{kind}": ours.gate[index].state_dict()[kind]
            for layer, index in (("fc1", 0), ("fc2", 2))
            for kind in ("weight", "bias")
        }
    )
    torch.testing.assert_close(ours(features(32)), theirs(features(32)))


def test_bottlenecks_are_never_narrower_than_8():
    assert SqueezeExcitation(32).gate[0].out_channels == 8
    assert SqueezeExcitation(256).gate[0].out_channels == 16
    assert CoordinateAttention(128).squeeze[0].out_channels == 8
    assert CoordinateAttention(512).squeeze[0].out_channels == 16


# C = 64 and 256 from the paper's section 4; 2^4 gives 2.5, cut off to 2, made odd.
@pytest.mark.parametrize(("channels", "length"), [(16, 3), (64, 3), (128, 5), (256, 5), (2048, 7)])
def test_eca_looks_at_as_many_neighbours_as_the_paper_says(channels, length):
    power = int(abs((math.log2(channels) + 1) / 2))
    assert length == (power if power % 2 else power + 1)
    assert EfficientChannelAttention(channels).along_channels.kernel_size == (length,)


def test_eca_by_loops():
    attention, given = EfficientChannelAttention(24), features()
    kernel = attention.along_channels.weight.flatten().tolist()
    weighed = attention(given)
    for sample in range(3):
        means = [0.0, *given[sample].mean((1, 2)).tolist(), 0.0]
        for channel in range(24):
            weight = sigmoid(sum(k * means[channel + i] for i, k in enumerate(kernel)))
            expected = weight * given[sample, channel]
            torch.testing.assert_close(weighed[sample, channel], expected)


def test_cbam_by_loops():
    attention, given = Cbam(24).eval(), features()
    conv, norm = attention.place_gate
    norm.weight.data.fill_(1.5)
    with torch.no_grad():
        weighed = attention(given)
        for sample, picture in enumerate(given):
            mean = apply(attention.channel_gate, picture.mean((1, 2)))
            most = apply(attention.channel_gate, picture.amax((1, 2)))
            picture = picture * torch.sigmoid(mean + most)[:, None, None]
            pooled = torch.stack([picture.mean(0), picture.amax(0)])
            for y in range(5):
                for x in range(7):
                    total = 0.0
                    for dy in range(-3, 4):
                        for dx in range(-3, 4):
                            if 0 <= y + dy < 5 and 0 <= x + dx < 7:
                                taps = conv.weight[0, :, dy + 3, dx + 3]
                                total += float(taps @ pooled[:, y + dy, x + dx])
                    expected = sigmoid(1.5 * total / math.sqrt(1 + norm.eps)) * picture[:, y, x]
                    torch.testing.assert_close(weighed[sample, :, y, x], expected)


def test_coordinate_attention_by_loops():
    attention, given = CoordinateAttention(24).eval(), features()
    with torch.no_grad():
        weighed = attention(given)
        for y in range(5):
            for x in range(7):
                row = attention.squeeze(given[:, :, y].mean(-1)[:, :, None, None])
                column = attention.squeeze(given[..., x].mean(-1)[:, :, None, None])
                weights = (
                    attention.row_gate(row).sigmoid() * attention.column_gate(column).sigmoid()
                )
                expected = given[:, :, y, x] * weights[:, :, 0, 0]
                torch.testing.assert_close(weighed[:, :, y, x], expected)
