"""Ops that mix neighbouring pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.ops.base import Op, between, register
from augpipe.plan import Floats, Kernel, Params
from augpipe.schema import NonNegativeRange, Probability

# Beyond three standard deviations lies 0.3 % of the bell, less than one level of 255.
_TRUNCATE = 3.0


@register
class GaussianBlur(Op):
    """Blur with a Gaussian (SimCLR, Chen et al. 2020, appendix A). torchvision's GaussianBlur.

    Deviation: the kernel is as wide as each picture's own sigma asks (3 sigma to either side)
    instead of one width for all; the border is reflected.

    Attributes:
        sigma: range of the standard deviation in pixels of the picture at this point.
        p: probability.
    """

    sigma: NonNegativeRange = (0.1, 2.0)
    p: Probability = 1.0
    draws = 1
    identity = {"sigma_px": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The standard deviation in pixels."""
        return {"sigma_px": between(u[:, 0], self.sigma)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """One table of taps for all executors; as wide as the widest that the op can draw."""
        radius = int(np.ceil(_TRUNCATE * self.sigma[1]))
        return Kernel("gaussian_blur", {"taps": _taps(params["sigma_px"], radius)})


def _taps(sigma: Floats, radius: int) -> Floats:
    """(B, 2 * radius + 1) weights that sum to one; sigma 0 leaves the picture as it is."""
    distance = np.abs(np.arange(-radius, radius + 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        bell = np.exp(-0.5 * (distance / sigma[:, None]) ** 2)
    own = np.ceil(_TRUNCATE * sigma)[:, None]
    taps = np.where(distance == 0, 1.0, np.where(distance <= own, bell, 0.0))
    return np.asarray(taps / taps.sum(axis=1, keepdims=True))
