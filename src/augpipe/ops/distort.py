"""Ops that move pixels in ways that no matrix describes."""

from __future__ import annotations

from math import pi
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field

from augpipe.ops.base import Op, between, register
from augpipe.ops.noise import SEED_DRAWS, field_seed
from augpipe.plan import Floats, Interpolation, Kernel, Params
from augpipe.schema import Color, NonNegative, Probability, SymmetricRange


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int | float) else value


def _above_minus_one(value: tuple[float, float]) -> tuple[float, float]:
    if not -1 < value[0] <= value[1] <= 1:
        raise ValueError("a cell keeps some of its size: above -1, at most 1")
    return value


_Smoothness = Annotated[float, Field(ge=1)]
_Strengths = tuple[NonNegative, NonNegative]
_Smoothnesses = tuple[_Smoothness, _Smoothness]
Alpha = Annotated[
    _Strengths, BeforeValidator(_pair, json_schema_input_type=NonNegative | _Strengths)
]
Sigma = Annotated[
    _Smoothnesses, BeforeValidator(_pair, json_schema_input_type=_Smoothness | _Smoothnesses)
]
DistortLimit = Annotated[SymmetricRange, AfterValidator(_above_minus_one)]
Cells = Annotated[int, Field(ge=1, le=64)]


@register
class Elastic(Op):
    """Move each pixel by a smooth random field. torchvision's ElasticTransform.

    Simard et al., "Best practices for convolutional neural networks applied to visual document
    analysis", 2003: white noise, smoothed by a Gaussian. Deviation: the noise is drawn as the
    coefficients of a cubic B-spline of the Gaussian's width, which comes to nearly the same field
    and costs a hundredth. Its root mean square in pixels is torchvision's for the same `alpha` and
    `sigma`, alpha / (4 sqrt(3 pi sigma_x sigma_y)): 0.8 pixels by default. (albumentations smooths
    noise of [-1, 1] too, and multiplies it with alpha itself: its alpha is half of this one.)

    Above alpha = 2 * sigma**2 the field begins to fold, and parts of the picture appear twice.

    Attributes:
        alpha: strength, or [along x, along y]; twice the displacement in pixels that the noise,
            were it not smoothed, would have at most. 0 leaves the picture as it is.
        sigma: smoothness, the Gaussian's deviation in pixels, or [along x, along y]; at least 1.
        interpolation: bilinear or nearest.
        fill: grey or RGB, 0 to 255, for what lies outside of the picture.
        p: probability.
    """

    alpha: Alpha = (50.0, 50.0)
    sigma: Sigma = (5.0, 5.0)
    interpolation: Interpolation = "bilinear"
    fill: Color = (0.0, 0.0, 0.0)
    p: Probability = 0.5
    draws = SEED_DRAWS
    identity = {"alpha": 0.0, "seed": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The strength (B, 2) along x and y, which is no random one, and the field's seed."""
        return {"alpha": np.tile(self.alpha, (len(u), 1)), "seed": field_seed(u)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """A field of that root mean square, in pixels."""
        rows = len(size)
        smoothing = 4 * np.sqrt(3 * pi * self.sigma[0] * self.sigma[1])
        return Kernel(
            "elastic",
            {
                "deviation": params["alpha"] / smoothing,
                "sigma": np.tile(self.sigma, (rows, 1)),
                "seed": params["seed"].astype(np.int64),
                "nearest": np.full(rows, self.interpolation == "nearest"),
                "fill": np.tile(self.fill, (rows, 1)),
            },
            moves=True,
        )


@register
class GridDistortion(Op):
    """Stretch and squeeze the columns and rows of a grid. albumentations' GridDistortion.

    Always normalised, albumentations' default: the picture's edges stay where they are. Deviation:
    cells are all of one size, where albumentations cuts whole pixels and adds a cell for the rest.

    Attributes:
        num_steps: how many cells along each axis, 1 to 64; one cell changes nothing.
        distort_limit: range of the share by which a cell shows more of the picture than its own,
            or less, before all are scaled to fill the picture.
        interpolation: bilinear or nearest.
        p: probability.
    """

    num_steps: Cells = 5
    distort_limit: DistortLimit = (-0.3, 0.3)
    interpolation: Interpolation = "bilinear"
    p: Probability = 0.5
    identity = {"steps_x": 1.0, "steps_y": 1.0}

    @property
    def draws(self) -> int:  # type: ignore[override]  # depends on the grid here
        """One number for each column and row."""
        return 2 * self.num_steps

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """How much each column and row shows, (B, num_steps) each; 1 is its own."""
        steps = 1 + between(u, self.distort_limit)
        return {"steps_x": steps[:, : self.num_steps], "steps_y": steps[:, self.num_steps :]}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Steps in pixels, which add up to the picture."""
        return Kernel(
            "grid_distortion",
            {
                "steps_x": _filling(params["steps_x"], size[:, 1]),
                "steps_y": _filling(params["steps_y"], size[:, 0]),
                "nearest": np.full(len(size), self.interpolation == "nearest"),
            },
            moves=True,
        )


def _filling(steps: Floats, extent: NDArray[np.int64]) -> Floats:
    return np.asarray(steps * (extent / steps.sum(axis=1))[:, None])
