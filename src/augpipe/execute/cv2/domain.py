"""Domain transfer to one picture."""

from __future__ import annotations

import numpy as np

from augpipe.errors import PlanError
from augpipe.execute import reference
from augpipe.execute.cv2.color import look_up
from augpipe.execute.cv2.histogram import histograms
from augpipe.execute.cv2.types import Image, Kernels, Values

_LEVELS = np.arange(256)


def _match_histogram(image: Image, values: Values) -> Image:
    if not values["blend_ratio"]:
        return image
    goal = reference.quantiles(str(values["reference"]))
    share = reference.to_share(histograms(image).cumsum(axis=1))
    high = np.stack([np.searchsorted(*both) for both in zip(goal.share, share, strict=True)])
    low = np.take_along_axis(goal.previous, high, axis=1)
    low_share, high_share = (np.take_along_axis(goal.share, at, axis=1) for at in (low, high))
    matched = reference.level_at(share, low, low_share, high, high_share)
    table = reference.blend(_LEVELS, matched, reference.to_ratio(values["blend_ratio"]))
    return look_up(image, table.astype(np.uint8))


def _adapt_frequencies(image: Image, values: Values) -> Image:
    half, reach = int(values["half"]), int(values["reach"])
    if half < 0:
        return image
    height, width = image.shape[:2]
    spectrum = np.fft.rfft2(image.transpose(2, 0, 1).astype(np.float64))
    rows = np.arange(-half, half + 1)
    goal = reference.amplitudes(str(values["reference"]), height, width, reach)
    goal = goal[:, reach + rows, : half + 1]
    low = spectrum[:, rows, : half + 1]
    size = np.abs(low)
    heard = size > reference.SILENCE * height * width
    turned = low * np.divide(goal, size, where=heard, out=np.zeros_like(goal))
    spectrum[:, rows, : half + 1] = np.where(heard, turned, goal)
    adapted = np.fft.irfft2(spectrum, (height, width))
    return np.asarray(np.rint(adapted).clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def _refuse(image: Image, values: Values) -> Image:
    raise PlanError(
        "a model runs on whole batches, on their device; move the op to `batch`, which loaders "
        "carry out (pipelines called on one picture do not)"
    )


KERNELS: Kernels = {
    "fourier_domain_adaptation": _adapt_frequencies,
    "generator": _refuse,
    "histogram_matching": _match_histogram,
}
