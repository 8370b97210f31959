"""Colours of a batch, with torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from augpipe.execute.torch.stage import Stage, acting
from augpipe.execute.torch.types import (
    Finish,
    Given,
    Kernels,
    Tensors,
    Values,
    as_they_are,
    floats,
    spread,
)
from augpipe.plan import Lookup, Recolor, needs_mean
from augpipe.recolor import IDENTITY_RECOLOR


def recolor(step: Recolor, given: Given) -> Stage:
    """Apply (B, 3, 7) colour maps; see `plan.Recolor`."""
    means = needs_mean(step)
    still = (step.matrix == IDENTITY_RECOLOR).all(axis=(1, 2))
    kinds = [None if stays else mean for stays, mean in zip(still, means.tolist(), strict=True)]
    by_input = step.matrix.astype(np.float32).swapaxes(1, 2)[..., None, None]
    return Stage(
        _recolor,
        {"gain": by_input[:, :3], "mean": by_input[:, 3:6], "shift": 255 * by_input[:, 6]},
        options=(given.fixed or bool(means.any()), given.finish),
        kinds=kinds,
        alike=_recolor_alike,
        floats=True,
    )


def _recolor_alike(
    pixels: Tensor, tensors: Tensors, needs_mean: bool, _: bool, finish: Finish
) -> Tensor:
    return _recolor(pixels, tensors, needs_mean, finish)


def _recolor(pixels: Tensor, tensors: Tensors, needs_mean: bool, finish: Finish) -> Tensor:
    """Channel by channel, so that no row meets others; in the order in which Triton sums."""
    total = tensors["shift"].clone()
    if needs_mean:
        means = _means(pixels, whole=finish is not as_they_are)
        total = _accumulate(total, tensors["mean"], means)
    total = total.expand(-1, -1, *pixels.shape[2:]).contiguous()
    return finish(_accumulate(total, tensors["gain"], pixels.float()))


def _accumulate(total: Tensor, gains: Tensor, colors: Tensor) -> Tensor:
    """Total (overwritten) + what each channel adds to all three."""
    for gain, channel in zip(gains.unbind(1), colors.unsqueeze(2).unbind(1), strict=True):
        total.addcmul_(gain, channel)
    return total


def _means(pixels: Tensor, *, whole: bool) -> Tensor:
    """(B, 3, 1, 1). Whole numbers add up exactly, in whatever order a device adds them."""
    kind = torch.int32 if pixels.dtype == torch.uint8 else torch.float32
    lines = pixels.sum(dim=3, dtype=kind)
    # A line's sum is exact in float32, too; a big picture's is not.
    sums = (lines.int() if whole else lines).sum(dim=2).float()
    return spread(sums / (pixels.shape[2] * pixels.shape[3]), 2)


def look_up(step: Lookup, _: Given) -> Stage:
    """Apply (B, 3, 256) tables to uint8 pixels; see `plan.Lookup`."""
    still = np.all(step.table == np.arange(256), axis=(1, 2))
    return Stage(
        _look_up,
        {"table": step.table},
        kinds=[None if stays else "table" for stays in still],
    )


def _look_up(pixels: Tensor, tensors: Tensors) -> Tensor:
    return take(tensors["table"], pixels)


def take(table: Tensor, pixels: Tensor) -> Tensor:
    """What the (B, 3, 256) table says for each level."""
    return table.gather(2, pixels.flatten(2).long()).view(pixels.shape)


def _hsv(values: Values, given: Given) -> Stage:
    still = (values["hue"] == 0) & (values["saturation"] == 1) & (values["value"] == 1)
    return Stage(
        _turned,
        floats(**{name: values[name] for name in ("hue", "saturation", "value")}),
        options=(given.finish,),
        kinds=acting(~still),
        floats=True,
    )


def _turned(pixels: Tensor, tensors: Tensors, finish: Finish) -> Tensor:
    """Hue shifted, saturation and value scaled."""
    hue, saturation, value = (spread(tensors[name], 3) for name in ("hue", "saturation", "value"))
    rgb = pixels.float()
    r, g, b = rgb[:, :1], rgb[:, 1:2], rgb[:, 2:]
    high, low = r.maximum(g).maximum(b), r.minimum(g).minimum(b)
    chroma = high - low
    s = (chroma / high.clamp(min=1e-9)).mul_(saturation).clamp_(max=1)
    v = (high * value).clamp_(max=255)
    # Foley & van Dam, in the closed form of one function for all three channels.
    offsets = torch.arange(5, 0, -2, device=pixels.device)[:, None, None]
    k = _sextant(r, g, b, high, chroma.clamp_(min=1e-9)).add_(6 * hue) + offsets
    k.sub_((k / 6).floor_().mul_(6))
    share = torch.minimum(k, 4 - k).clamp_(0, 1)
    return finish(v - share.mul_(s * v))


def _sextant(r: Tensor, g: Tensor, b: Tensor, high: Tensor, chroma: Tensor) -> Tensor:
    """Hue in sixths of a turn; 0 for grey. Weights of zero or one choose: masks take longer."""
    red, green, blue = (g - b).div_(chroma), (b - r).div_(chroma), (r - g).div_(chroma)
    elsewhere = green.add_(2).lerp_(blue.add_(4), (high - g).sign_())
    return red.lerp_(elsewhere, (high - r).sign_())


def _normalize(values: Values, given: Given) -> Stage:
    """Units in which each channel's mean is 0 and its deviation 1; float32."""
    mean, std = values["mean"], values["std"]
    arrays = floats(scale=1 / (255 * std), shift=mean / std)
    return Stage(_scale, arrays, options=(given.floating,), floats=True)


def _scale(pixels: Tensor, tensors: Tensors, floating: bool) -> Tensor:
    scale, shift = spread(tensors["scale"], 2), spread(tensors["shift"], 2)
    # Converted first: with two types at once, a processor takes several times as long. Levels that
    # are floats were made on the way here: nobody else has them.
    own = pixels.clone() if floating else pixels.float()
    return own.mul_(scale).sub_(shift)


KERNELS: Kernels = {"hsv": _hsv, "normalize": _normalize}
