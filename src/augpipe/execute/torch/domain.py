"""Domain transfer to a batch: histograms in whole numbers, so exact; spectra in floats."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from augpipe.execute import reference
from augpipe.execute.torch.color import take
from augpipe.execute.torch.histogram import histograms
from augpipe.execute.torch.stage import Stage
from augpipe.execute.torch.types import Given, Kernels, Tensors, Values, like, spread


def _match_histogram(values: Values, _: Given) -> Stage:
    goals = [reference.quantiles(path) for path in values["reference"].tolist()]
    share, previous = (np.stack(part) for part in zip(*goals, strict=True))
    ratio = reference.to_ratio(values["blend_ratio"])
    return Stage(_match, {"share": share, "previous": previous, "ratio": ratio})


def _match(pixels: Tensor, tensors: Tensors) -> Tensor:
    goal_share = tensors["share"].contiguous()
    share = reference.to_share(histograms(pixels.flatten(2)).cumsum(dim=2))
    high = torch.searchsorted(goal_share, share)
    low = tensors["previous"].gather(2, high)
    low_share, high_share = goal_share.gather(2, low), goal_share.gather(2, high)
    matched = reference.level_at(share, low, low_share, high, high_share)
    levels = torch.arange(256, device=pixels.device)
    blended = reference.blend(levels, matched, spread(tensors["ratio"], 2))
    return take(blended.to(torch.uint8), pixels)


def _adapt_frequencies(values: Values, given: Given) -> Stage:
    reach = int(values["reach"].max(initial=0))
    paths = values["reference"].tolist()
    goal = np.stack([reference.amplitudes(path, *given.size, reach) for path in paths])
    half = np.asarray(values["half"], np.float32)
    return Stage(_adapt, {"goal": goal, "half": half}, options=(reach,), fixed=False)


def _adapt(pixels: Tensor, tensors: Tensors, reach: int) -> Tensor:
    height, width = pixels.shape[2:]
    # An MPS device has no float64.
    real = torch.float32 if pixels.device.type == "mps" else torch.float64
    goal = tensors["goal"].to(real)
    spectrum = torch.fft.rfft2(pixels.to(real))
    rows = torch.arange(-reach, reach + 1, device=pixels.device)
    low = spectrum[:, :, rows, : reach + 1]
    size = low.abs()
    heard = size > reference.SILENCE * height * width
    turned = low * (goal / torch.where(heard, size, 1))
    half = spread(tensors["half"], 3)
    inside = (rows.abs()[:, None] <= half) & (rows[reach:] <= half)
    taken = torch.where(heard, turned, goal.to(spectrum.dtype))
    spectrum[:, :, rows, : reach + 1] = torch.where(inside, taken, low)
    return like(pixels, torch.fft.irfft2(spectrum, (height, width)))


KERNELS: Kernels = {
    "fourier_domain_adaptation": _adapt_frequencies,
    "histogram_matching": _match_histogram,
}
