"""Ops that mix neighbouring pixels."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from augpipe.ops.base import Op, between, register
from augpipe.plan import Floats, Interpolation, Kernel, Params
from augpipe.schema import NonNegativeRange, Probability, Range, ShareRange, ordered

# Beyond three standard deviations lies 0.3 % of the bell, less than one level of 255.
_TRUNCATE = 3.0


def _at_least_one(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] < 1:
        raise ValueError("a line is at least one pixel long")
    return value


def _odd(value: tuple[int, int]) -> tuple[int, int]:
    if not all(side % 2 for side in value):
        raise ValueError("both ends of the range must be odd")
    return value


LengthRange = Annotated[Range, AfterValidator(_at_least_one)]
_Window = Annotated[int, Field(ge=1, le=31)]
WindowRange = Annotated[tuple[_Window, _Window], AfterValidator(ordered), AfterValidator(_odd)]


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


@register
class MotionBlur(Op):
    """Blur along a line, as a camera that moves. albumentations' MotionBlur.

    Deviation: lengths between whole pixels and all angles are drawn, and the line is anti-aliased.
    The border is reflected.

    Attributes:
        length: range of the line's length in pixels of the picture at this point; 1 blurs nothing.
        angle: range in degrees, clockwise from the x axis.
        p: probability.
    """

    length: LengthRange = (3.0, 11.0)
    angle: Range = (0.0, 180.0)
    p: Probability = 0.5
    draws = 2
    identity = {"length_px": 1.0, "angle": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Length in pixels, angle in degrees."""
        return {"length_px": between(u[:, 0], self.length), "angle": between(u[:, 1], self.angle)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """The line in taps; as many as the longest line that the op can draw needs."""
        radius = int(np.ceil((self.length[1] - 1) / 2))
        turn = np.deg2rad(params["angle"])
        along = np.linspace(-0.5, 0.5, 8 * radius + 1) * (params["length_px"][:, None] - 1)
        line = along[..., None] * np.stack([np.sin(turn), np.cos(turn)], axis=1)[:, None]
        # Each point of the line is shared among the four taps around it, as in bilinear sampling.
        grid = np.arange(-radius, radius + 1)
        near = np.maximum(1 - np.abs(line[..., None] - grid), 0)
        return _convolve(np.einsum("bny,bnx->byx", near[:, :, 0], near[:, :, 1]))


@register
class Defocus(Op):
    """Blur with a disc, as a lens out of focus. albumentations' Defocus.

    Deviation: radii between whole pixels are drawn, and the disc's rim is anti-aliased by how far
    it covers a pixel instead of by a second blur. The border is reflected.

    Attributes:
        radius: range of the disc's radius in pixels of the picture at this point; up to 1/2, half
            a pixel, it blurs nothing.
        p: probability.
    """

    radius: NonNegativeRange = (1.0, 4.0)
    p: Probability = 0.5
    draws = 1
    identity = {"radius_px": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The radius in pixels."""
        return {"radius_px": between(u[:, 0], self.radius)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """The disc in taps; as many as the largest disc that the op can draw needs."""
        reach = int(np.ceil(self.radius[1]))
        grid = np.arange(-reach, reach + 1)
        distance = np.hypot(grid[:, None], grid)
        return _convolve(np.clip(params["radius_px"][:, None, None] + 0.5 - distance, 0, 1))


def _convolve(weights: Floats) -> Kernel:
    """(B, n, n) weights, of which the sum becomes one."""
    return Kernel("convolve", {"taps": weights / weights.sum(axis=(1, 2), keepdims=True)})


# Pillow's, and so torchvision's, smoothing filter.
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
_STILL = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])


@register
class Sharpen(Op):
    """Blend with a smoothed picture, or away from it. torchvision's RandomAdjustSharpness.

    Deviation: one rounding instead of two, and the border is reflected, where torchvision leaves
    the outermost pixels as they are.

    Attributes:
        sharpness_factor: range; 0 is the smoothed picture, 1 the picture itself, 2 twice as sharp.
        p: probability.
    """

    sharpness_factor: NonNegativeRange = (1.0, 3.0)
    p: Probability = 0.5
    draws = 1
    identity = {"factor": 1.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The factor."""
        return {"factor": between(u[:, 0], self.sharpness_factor)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """The blend of two filters is a filter."""
        factor = params["factor"][:, None, None]
        return Kernel("convolve", {"taps": factor * _STILL + (1 - factor) * _SMOOTH})


@register
class MedianBlur(Op):
    """The median of a square window, in each channel. albumentations' MedianBlur.

    The border is replicated, as in OpenCV.

    Attributes:
        kernel_size: range of the window's side in pixels, 1 to 31; both ends and the drawn sides
            are odd.
        p: probability.
    """

    kernel_size: WindowRange = (3, 7)
    p: Probability = 0.5
    draws = 1
    identity = {"kernel_px": 1}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The window's side in pixels, odd."""
        low, high = self.kernel_size
        half = np.floor(between(u[:, 0], (low // 2, high // 2 + 1)))
        return {"kernel_px": (2 * half + 1).astype(np.int64)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Not linear: a kernel."""
        return Kernel("median_blur", params)


@register
class Downscale(Op):
    """Make the picture small and then as large as before. albumentations' Downscale.

    Deviation: a pixel of the small picture is the mean of those it covers, where albumentations'
    default is one of them.

    Attributes:
        scale_range: range of the small picture's sides, as a fraction of the picture's.
        interpolation: how it is enlarged again: "nearest" shows its pixels, "bilinear" blurs.
        p: probability.
    """

    scale_range: ShareRange = (0.25, 0.75)
    interpolation: Interpolation = "nearest"
    p: Probability = 0.5
    draws = 1
    identity = {"scale": 1.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The scale."""
        return {"scale": between(u[:, 0], self.scale_range)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Not a pair of warps: those would fuse, and nothing would be lost."""
        small = np.maximum(np.round(params["scale"][:, None] * size), 1).astype(np.int64)
        smooth = np.full(len(size), self.interpolation == "bilinear")
        return Kernel("downscale", {"small": small, "smooth": smooth})
