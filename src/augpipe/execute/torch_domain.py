"""Domain transfer to a batch: histograms in whole numbers, so exact; spectra in floats."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from augpipe.execute import reference
from augpipe.execute.torch_color import take
from augpipe.execute.torch_histogram import histograms
from augpipe.execute.torch_types import Kernels, Values, like


def _match_histogram(pixels: Tensor, values: Values) -> Tensor:
    goals = [reference.quantiles(path) for path in values["reference"].tolist()]
    goal_share, previous = (_send(np.stack(part), pixels) for part in zip(*goals, strict=True))
    share = reference.to_share(histograms(pixels.flatten(2)).cumsum(dim=2))
    high = torch.searchsorted(goal_share, share)
    low = previous.gather(2, high)
    low_share, high_share = goal_share.gather(2, low), goal_share.gather(2, high)
    matched = reference.level_at(share, low, low_share, high, high_share)
    ratio = _send(reference.to_ratio(values["blend_ratio"]), pixels)[:, None, None]
    levels = torch.arange(256, device=pixels.device)
    return take(reference.blend(levels, matched, ratio).to(torch.uint8), pixels)


def _adapt_frequencies(pixels: Tensor, values: Values) -> Tensor:
    height, width = pixels.shape[2:]
    reach = int(values["reach"].max(initial=0))
    paths = values["reference"].tolist()
    goals = [reference.amplitudes(path, height, width, reach) for path in paths]
    # An MPS device has no float64.
    real = torch.float32 if pixels.device.type == "mps" else torch.float64
    goal = _send(np.stack(goals), pixels).to(real)
    spectrum = torch.fft.rfft2(pixels.to(real))
    rows = torch.arange(-reach, reach + 1, device=pixels.device)
    low = spectrum[:, :, rows, : reach + 1]
    size = low.abs()
    heard = size > reference.SILENCE * height * width
    turned = low * (goal / torch.where(heard, size, 1))
    half = _send(values["half"], pixels)[:, None, None, None]
    inside = (rows.abs()[:, None] <= half) & (rows[reach:] <= half)
    taken = torch.where(heard, turned, goal.to(spectrum.dtype))
    spectrum[:, :, rows, : reach + 1] = torch.where(inside, taken, low)
    return like(pixels, torch.fft.irfft2(spectrum, (height, width)))


def _send(values: np.ndarray, near: Tensor) -> Tensor:
    """Parameters in their own type on the device of `near`."""
    return torch.from_numpy(values).to(near.device, non_blocking=True)


KERNELS: Kernels = {
    "fourier_domain_adaptation": _adapt_frequencies,
    "histogram_matching": _match_histogram,
}
